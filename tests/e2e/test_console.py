"""The console as people use it every day: each flow by clicking, in Chromium, over the whole house.

A phone texts, a demo agent answers, and a person at the console decides. Every page on the way is
checked for accessibility, for errors in the browser and for requests to other hosts.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from console_house import (
    ANSWER,
    OTHER_ANSWER,
    OTHER_QUESTION,
    QUESTION,
    House,
    card_of,
    open_answering_house,
    through_the_wizard,
    until_shown,
)
from console_world import FREE_NUMBERS
from playwright.async_api import expect

from health.access.roles import Role
from local.nodes import MongoNode, RabbitNode


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    base = tmp_path_factory.mktemp("console")
    async with open_answering_house(rabbit, mongo, base) as opened:
        yield opened


async def test_a_person_connects_a_number_watches_approves_and_turns_the_switch(
    house: House,
) -> None:
    number, remote = FREE_NUMBERS[0], "+12125550161"
    async with house.stranger() as person:
        page = person.page
        await person.goto(await house.ticket_url())
        await person.look("sign-in")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", level=1)).to_be_visible()

        name = "Front desk texts"
        await through_the_wizard(house, person, name=name, number=number, pictures=True)
        await expect(page.get_by_text("Active").first).to_be_visible()
        await person.look("connection")

        await house.text(QUESTION, to=number, remote=remote)
        await page.get_by_role("link", name="Conversations", exact=True).first.click()
        thread = page.get_by_role("link", name=re.compile("555.0161")).first
        await expect(thread).to_contain_text("1 held")
        await person.look("conversations")
        await thread.click()
        await expect(page.get_by_text(QUESTION)).to_be_visible()
        await expect(page.get_by_text("Held for a person")).to_be_visible()
        await person.look("conversation-held")

        await page.get_by_role("link", name="Decide").click()
        await page.get_by_role("button", name="Approve and send").click()
        assert await house.received(remote, 1) == [ANSWER]

        await page.get_by_role("link", name="Connections").first.click()
        await page.get_by_role("link", name=name).click()
        await page.get_by_role("link", name=re.compile("Turn on")).click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await person.look("gate-dialog")
        await page.get_by_label("I want these texts to go out unread").check()
        await page.get_by_role("button", name="Turn on autonomous sending").click()
        await expect(page.get_by_text("Autonomous sending is on")).to_be_visible()
        await house.text(OTHER_QUESTION, to=number, remote=remote)
        assert await house.received(remote, 2) == [ANSWER, OTHER_ANSWER]

        await page.get_by_role("button", name=re.compile("Turn off")).click()
        await expect(page.get_by_text("Autonomous sending is off")).to_be_visible()


async def test_broken_credentials_show_and_new_ones_repair_the_connection(house: House) -> None:
    connection_id = await house.connection("To be broken", FREE_NUMBERS[1])
    async with house.person() as person:
        page = person.page
        await person.goto(f"/t/acme/connections/{connection_id}")
        good = house.world.simulator.access_key
        house.world.simulator.regenerate_key("cm90YXRlZC1hd2F5LWJ5LXRoZS1wb3J0YWwhISEhISE=")
        try:
            await page.get_by_role("button", name="Check now").click()
            await expect(page.locator(".status-line").get_by_text("Error")).to_be_visible()
            await person.look("connection-error")
        finally:
            house.world.simulator.regenerate_key(good)
        await page.locator("#credentials-connection_string").fill(
            house.world.seed.connection_string
        )
        await page.get_by_role("button", name="Replace", exact=True).click()
        await expect(page.locator(".status-line").get_by_text("Active")).to_be_visible()


async def test_an_approver_edits_a_text_and_another_one_comes_too_late(house: House) -> None:
    remote = "+12125550162"
    async with house.person(Role.APPROVER) as first, house.person(Role.APPROVER) as second:
        await first.goto("/t/acme/approvals")
        await house.text(QUESTION, remote=remote)
        card, late = card_of(first, "0162"), card_of(second, "0162")
        await expect(first.page.locator("#notice")).to_contain_text(
            re.compile("wait|new", re.IGNORECASE)
        )
        await first.goto("/t/acme/approvals")
        await expect(card).to_be_visible()
        await first.look("approvals")
        await second.goto("/t/acme/approvals")
        await expect(late).to_be_visible()

        await card.get_by_label("The agent wants to answer").fill("At 9:00, see you then!")
        await expect(card.locator(".help").first).to_contain_text("22")
        await card.get_by_role("button", name="Approve with your words").click()
        assert await house.received(remote, 1) == ["At 9:00, see you then!"]

        await late.get_by_role("button", name="Approve and send").click()
        await expect(
            second.page.get_by_text(re.compile("quicker", re.IGNORECASE)).first
        ).to_be_visible()
        await second.look("approvals-too-late")
    assert len(house.world.simulator.phone(remote).received) == 1


async def test_a_rejected_text_is_never_sent_and_the_thread_says_why(house: House) -> None:
    remote = "+12125550163"
    async with house.person(Role.APPROVER) as person:
        await house.text(QUESTION, remote=remote)
        card = card_of(person, "0163")
        await until_shown(person, "/t/acme/approvals", card)
        await card.get_by_role("link", name="Reject…").click()
        dialog = person.page.get_by_role("dialog")
        await dialog.get_by_label("Reason").fill("We are closed tomorrow")
        await dialog.get_by_role("button", name="Reject").click()
        await expect(card).to_have_count(0)
        await person.goto("/t/acme/conversations?remote=%2B12125550163")
        await person.page.get_by_role("link", name=re.compile("555.0163")).click()
        await expect(person.page.get_by_text("We are closed tomorrow")).to_be_visible()
        await person.look("conversation-rejected")
    assert len(house.world.simulator.phone(remote).received) == 0
