"""Agents in the console, on a broker whose management API the console may use: the user that is
made there is one that an agent can work with."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator, Iterator

import pytest
from browsing import Visit
from console_house import ANSWER, QUESTION, House, answering, card_of, open_house, until_shown
from console_world import NUMBER
from playwright.async_api import expect

from local.nodes import MongoNode, RabbitNode

ASSISTANT = "Sales PA - Jane Smith"


@pytest.fixture(scope="module")
def managed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    """A broker with the management API."""
    base_dir = tmp_path_factory.mktemp("managed")
    with RabbitNode(base_dir, management=True) as node:
        yield node
    shutil.rmtree(base_dir)


@pytest.fixture(scope="module")
async def house(
    managed: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    base = tmp_path_factory.mktemp("agents")
    settings = {"rabbitmq_management_url": managed.management_url}
    async with open_house(managed, mongo, base, **settings) as opened:
        yield opened


async def _create(person: Visit, *, name: str, agent_id: str, employee: str) -> None:
    page = person.page
    await person.goto("/t/acme/agents")
    await page.get_by_text("New agent").click()
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("ID", exact=True).fill(agent_id)
    await expect(page.get_by_label("Employee")).to_be_hidden()
    await page.get_by_label("Kind").select_option(label="Personal assistant")
    await page.get_by_label("Employee").fill(employee)
    await page.get_by_role("button", name="Create the agent").click()
    await expect(page.get_by_role("heading", name="Copy the password now")).to_be_visible()


async def _shown(person: Visit) -> tuple[str, str]:
    """User and password, as the page shows them once."""
    user, password = await person.page.locator(".once code").all_inner_texts()
    return user, password


async def test_a_number_given_to_a_new_assistant_is_answered_by_it_with_the_password_shown_once(
    house: House,
) -> None:
    remote = "+12125550171"
    async with house.person() as person:
        page = person.page
        await _create(person, name="Sales PA", agent_id="sales-pa", employee="Jane Smith")
        await person.look("agent-made")
        user, password = await _shown(person)
        assert user == "acme.sales-pa"
        await page.get_by_role("link", name="I have copied it").click()
        await expect(page.get_by_role("heading", name=ASSISTANT, level=1)).to_be_visible()
        assert password not in await page.content()
        await person.look("agent")

        await person.goto(f"/t/acme/numbers/{NUMBER}")
        await page.get_by_text("Give it to another agent").click()
        await page.get_by_role("combobox", name="Agent").select_option(label=ASSISTANT)
        await page.get_by_role("button", name="Reassign").click()
        await expect(page.get_by_text(f"{ASSISTANT} answers")).to_be_visible()
        await expect(page.get_by_text("belongs to another agent now")).to_be_visible()
        await person.look("number-reassigned")

        address = house.world.house.address.rabbitmq_url
        async with answering(address.replace("guest:guest", f"{user}:{password}"), "sales-pa"):
            await house.text(QUESTION, remote=remote)
            card = card_of(person, "0171")
            await until_shown(person, "/t/acme/approvals", card)
            await expect(card).to_contain_text("written by sales-pa")
            await card.get_by_role("button", name="Approve and send").click()
            assert await house.received(remote, 1) == [ANSWER]


async def test_a_lost_password_is_replaced_and_a_deactivated_agent_is_offered_to_nobody(
    house: House,
) -> None:
    async with house.person() as person:
        page = person.page
        await _create(person, name="Night PA", agent_id="night-pa", employee="Ann Lee")
        _, first = await _shown(person)
        await page.get_by_role("link", name="I have copied it").click()
        await page.get_by_role("link", name="New password…").click()
        await person.look("agent-password-dialog")
        await page.get_by_role("button", name="Make a new password").click()
        await expect(
            page.get_by_role("heading", name="A new password for Night PA")
        ).to_be_visible()
        _, second = await _shown(person)
        assert second != first
        await page.get_by_role("link", name="I have copied it").click()

        await page.get_by_role("link", name="Deactivate…").click()
        await page.get_by_role("dialog").get_by_role("button", name="Deactivate").click()
        await expect(page.get_by_text("Inactive", exact=True)).to_be_visible()
        await person.look("agent-inactive")
        await person.goto(f"/t/acme/numbers/{NUMBER}")
        await page.get_by_text("Give it to another agent").click()
        await expect(page.get_by_role("combobox", name="Agent")).not_to_contain_text("Night PA")


async def test_an_id_that_is_taken_is_told_at_its_field(house: House) -> None:
    async with house.person() as person:
        page = person.page
        await person.goto("/t/acme/agents")
        await page.get_by_text("New agent").click()
        await page.get_by_label("Name", exact=True).fill("Another front desk")
        await page.get_by_label("ID", exact=True).fill("front-desk")
        await page.get_by_role("button", name="Create the agent").click()
        await expect(page.get_by_role("alert")).to_contain_text(
            re.compile("exists already", re.IGNORECASE)
        )
        await expect(page.get_by_label("Name", exact=True)).to_have_value("Another front desk")
        await person.look("agent-taken")
