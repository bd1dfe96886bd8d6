"""What happens to a number over the years, by clicking: it moves, its keys are rotated, it goes and
comes back; and the people who text it notice nothing."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from browsing import Visit
from console_house import (
    ANSWER,
    OTHER_ANSWER,
    OTHER_QUESTION,
    QUESTION,
    House,
    open_answering_house,
)
from console_world import FREE_NUMBERS
from playwright.async_api import expect

from local.nodes import MongoNode, RabbitNode

SECONDARY_KEY = "c2Vjb25kYXJ5LWtleS1vZi10aGUtc2ltdWxhdG9yISE="


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    base = tmp_path_factory.mktemp("numbers")
    async with open_answering_house(rabbit, mongo, base) as opened:
        yield opened


async def _read_thread(person: Visit, remote: str, *bodies: str) -> str:
    """Open the conversation with a phone, which holds these texts; its address."""
    page = person.page
    await person.goto(f"/t/acme/conversations?remote=%2B{remote.removeprefix('+')}")
    # One thread, however the number is connected.
    await expect(page.locator(".threads li")).to_have_count(1)
    await page.locator(".threads a").click()
    await expect(page.locator(".bubble-body")).to_have_text(bodies)
    return page.url.partition("#")[0]


async def test_a_moved_number_keeps_its_conversation_its_agent_and_its_switch(
    house: House,
) -> None:
    number, remote = FREE_NUMBERS[0], "+12125550181"
    await house.connection("Old account", number)
    await house.connection("New account")
    await house.gate_on(number)
    await house.text(QUESTION, to=number, remote=remote)
    await house.received(remote, 1)
    async with house.person() as person:
        page = person.page
        thread = await _read_thread(person, remote, QUESTION, ANSWER)
        await person.goto("/t/acme/connections")
        await page.get_by_role("link", name="Old account").click()
        await page.get_by_role("link", name="800 555 0101").first.click()
        await page.get_by_text("Move it to another connection").click()
        await page.get_by_label("Connection", exact=True).select_option(
            label="New account (Azure Communication Services)"
        )
        await person.look("number-move")
        await page.get_by_role("button", name="Move", exact=True).click()
        await expect(page.get_by_text("The number was moved")).to_be_visible()
        await expect(page.get_by_role("link", name="New account")).to_be_visible()
        await expect(page.get_by_text("Autonomous sending is on")).to_be_visible()

        await house.text(OTHER_QUESTION, to=number, remote=remote)
        assert await house.received(remote, 2) == [ANSWER, OTHER_ANSWER]
        said = (QUESTION, ANSWER, OTHER_QUESTION, OTHER_ANSWER)
        assert await _read_thread(person, remote, *said) == thread
        await person.look("conversation-after-move")


async def test_a_rotated_secondary_key_carries_the_texts_when_the_primary_one_is_gone(
    house: House,
) -> None:
    number, remote = FREE_NUMBERS[1], "+12125550182"
    connection_id = await house.connection("To be rotated", number)
    await house.gate_on(number)
    simulator, seed = house.world.simulator, house.world.seed
    secondary = seed.connection_string.replace(seed.access_key, SECONDARY_KEY)
    good = simulator.access_key
    async with house.person() as person:
        page = person.page
        facts = page.locator("#credentials .facts div")
        second = facts.filter(has_text="Secondary connection string")
        await person.goto(f"/t/acme/connections/{connection_id}")
        await expect(second).to_contain_text("Not set")
        await page.get_by_text("Rotate one key, without a pause").click()
        await page.get_by_label("Its new value").fill(secondary)
        await page.get_by_role("button", name="Rotate", exact=True).click()
        # The provider does not know the key yet: the old state stays, and so does what was typed.
        await expect(page.get_by_role("alert")).to_contain_text("does not accept the access key")
        await expect(page.get_by_label("Its new value")).to_have_value(secondary)
        await person.look("connection-rotate-refused")
        simulator.regenerate_key(SECONDARY_KEY)
        try:
            await page.get_by_role("button", name="Rotate", exact=True).click()
            await expect(page.get_by_text("The credential was replaced")).to_be_visible()
            await expect(second.get_by_text("Set", exact=True)).to_be_visible()
            assert SECONDARY_KEY not in await page.content()
            await house.text(QUESTION, to=number, remote=remote)
            assert await house.received(remote, 1) == [ANSWER]
        finally:
            simulator.regenerate_key(good)


async def test_a_disconnected_number_comes_back_and_its_conversation_goes_on(
    house: House,
) -> None:
    number, remote = FREE_NUMBERS[2], "+12125550183"
    connection_id = await house.connection("Comes back", number)
    await house.gate_on(number)
    await house.text(QUESTION, to=number, remote=remote)
    await house.received(remote, 1)
    async with house.person() as person:
        page = person.page
        thread = await _read_thread(person, remote, QUESTION, ANSWER)
        await person.goto(f"/t/acme/connections/{connection_id}")
        await page.get_by_role("link", name="Disconnect…").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Its credentials are erased")
        await expect(dialog).to_contain_text("Its number is freed")
        await person.look("connection-disconnect-dialog")
        await dialog.get_by_role("link", name="Cancel").click()
        await expect(dialog).to_be_hidden()
        await expect(page.locator(".status-line")).to_contain_text("Active")
        await page.get_by_role("link", name="Disconnect…").click()
        await dialog.get_by_role("button", name="Disconnect").click()
        await expect(page.locator(".status-line")).to_contain_text("Disconnected")
        await person.look("connection-disconnected")
        await person.goto(f"/t/acme/numbers/{number}")
        await expect(page.get_by_text("This number is free")).to_be_visible()
        await person.look("number-free")

        await person.goto(f"/t/acme/connections/{connection_id}")
        await page.get_by_label("Connection string", exact=True).fill(
            house.world.seed.connection_string
        )
        await page.get_by_role("button", name="Reconnect").click()
        await expect(page.locator(".status-line")).to_contain_text("Active")
        await page.get_by_text("Add a number").click()
        await page.get_by_label("Number, short code or sender ID").fill(number)
        await page.get_by_label("Type").select_option("toll_free")
        await page.get_by_label("Agent that answers").select_option("front-desk")
        await person.look("connection-add-number")
        await page.get_by_role("button", name="Add the number").click()
        await expect(
            page.get_by_text("The number is connected. Its gate is closed")
        ).to_be_visible()

        # Whatever it was before: a number that is added waits for a person.
        await house.text(OTHER_QUESTION, to=number, remote=remote)
        await page.get_by_role("link", name="Conversations").first.click()
        entry = page.get_by_role("link", name=re.compile("555.0183"))
        await expect(entry).to_contain_text("1 held")
        said = (QUESTION, ANSWER, OTHER_QUESTION, OTHER_ANSWER)
        assert await _read_thread(person, remote, *said) == thread
        await page.get_by_role("link", name="Decide").click()
        await page.get_by_role("button", name="Approve and send").click()
        assert await house.received(remote, 2) == [ANSWER, OTHER_ANSWER]
