"""The console by keyboard alone, and in a browser without JavaScript."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Final

import pytest
from browsing import Visit
from console_house import (
    ANSWER,
    OTHER_ANSWER,
    OTHER_QUESTION,
    QUESTION,
    House,
    card_of,
    open_answering_house,
    until_shown,
)
from console_world import FREE_NUMBERS
from playwright.async_api import Locator, expect

from health.access.roles import Role
from local.nodes import MongoNode, RabbitNode

_MOST_TABS: Final = 60
_IS_FOCUSED: Final = "element => element === document.activeElement"
_SHOWS_FOCUS: Final = """() => {
  const style = getComputedStyle(document.activeElement);
  return style.outlineStyle !== "none" || style.boxShadow !== "none";
}"""


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    base = tmp_path_factory.mktemp("ways")
    async with open_answering_house(rabbit, mongo, base) as opened:
        yield opened


async def _tab_to(person: Visit, wanted: Locator) -> None:
    """Press Tab until something has the focus; whatever has it on the way shows that."""
    await expect(wanted).to_be_visible()
    for _ in range(_MOST_TABS):
        await person.page.keyboard.press("Tab")
        assert await person.page.evaluate(_SHOWS_FOCUS), "the focus cannot be seen"
        if await wanted.evaluate(_IS_FOCUSED):
            return
    raise AssertionError("the keyboard does not get there")


async def test_a_text_is_found_and_approved_with_the_keyboard_alone(house: House) -> None:
    remote = "+12125550201"
    async with house.stranger() as person:
        page, keys = person.page, person.page.keyboard
        await person.goto("/sign-in")
        await expect(page.get_by_label("API key")).to_be_focused()
        await keys.type(house.world.keys[Role.APPROVER])
        await keys.press("Enter")
        await expect(page.get_by_role("heading", name="Acme")).to_be_visible()

        await _tab_to(person, page.get_by_role("link", name="Skip to the content"))
        await keys.press("Enter")
        await expect(page.locator("#main")).to_be_focused()
        await house.text(QUESTION, remote=remote)
        held = page.locator(".needs a").filter(has_text="555 0201")
        await _tab_to(person, held)
        await keys.press("Enter")
        await expect(page.get_by_role("heading", name="Held text")).to_be_visible()

        opener = page.get_by_role("link", name="Reject…")
        await _tab_to(person, opener)
        await keys.press("Enter")
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_be_visible()
        assert await dialog.evaluate("dialog => dialog.contains(document.activeElement)")
        await keys.press("Escape")
        await expect(dialog).to_be_hidden()
        await expect(opener).to_be_focused()

        words = page.get_by_label("The agent wants to answer")
        await keys.press("Shift+Tab")
        await keys.press("Shift+Tab")
        await expect(words).to_be_focused()
        await keys.press("End")
        await keys.type(" Bye!")
        await _tab_to(person, page.get_by_role("button", name="Approve with your words"))
        await keys.press("Enter")
        await expect(page.get_by_text("Approved with your words")).to_be_visible()
    assert await house.received(remote, 1) == [f"{ANSWER} Bye!"]


async def test_without_scripts_a_person_connects_approves_rejects_and_turns_the_switch(
    house: House,
) -> None:
    number, remote = FREE_NUMBERS[0], "+12125550202"
    async with house.person(scripts=False) as person:
        page = person.page
        await _connect_on_one_page(house, person, name="Plain", number=number)
        await house.text(QUESTION, to=number, remote=remote)
        card = card_of(person, "0202")
        await until_shown(person, "/t/acme/approvals", card)
        await person.look("plain-approvals")
        await card.get_by_role("button", name="Approve and send").click()
        await expect(page.get_by_text("The text is on its way")).to_be_visible()
        assert await house.received(remote, 1) == [ANSWER]

        await house.text(OTHER_QUESTION, to=number, remote=remote)
        await until_shown(person, "/t/acme/approvals", card)
        await card.get_by_role("link", name="Reject…").click()
        await person.look("plain-reject")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Reason").fill("We have no parking")
        await dialog.get_by_role("button", name="Reject", exact=True).click()
        await expect(page.get_by_text("Rejected. The text was not sent")).to_be_visible()

        await page.get_by_role("link", name="Connections").first.click()
        await page.get_by_role("link", name="Plain").click()
        opener = page.get_by_role("link", name=re.compile("Turn on"))
        await opener.click()
        await person.look("plain-gate")
        await dialog.get_by_role("link", name="Cancel").click()
        await expect(dialog).to_be_hidden()
        await opener.click()
        await page.get_by_label("I want these texts to go out unread").check()
        await page.get_by_role("button", name="Turn on autonomous sending").click()
        await expect(page.get_by_text("Autonomous sending is on")).to_be_visible()
        await house.text("So where can I park?", to=number, remote=remote)
        assert await house.received(remote, 2) == [ANSWER, OTHER_ANSWER]
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_text("You are signed out")).to_be_visible()


async def _connect_on_one_page(house: House, person: Visit, *, name: str, number: str) -> None:
    """Through the wizard as it is without scripts; first with a slip."""
    page = person.page
    secret = page.get_by_label("Connection string", exact=True)
    await person.goto("/t/acme/connect")
    await page.get_by_label(re.compile("Azure Communication Services")).check()
    rules = page.get_by_label(re.compile("We handle STOP"))
    await rules.check()
    await page.get_by_label("Name of the connection").fill(name)
    await secret.fill("accesskey=YWJj")
    await page.get_by_label("Number, short code or sender ID").first.fill(number)
    await page.get_by_label("Type").first.select_option("toll_free")
    await page.get_by_label("Agent that answers").first.select_option("front-desk")
    await person.look("plain-wizard")
    await page.get_by_role("button", name="Connect", exact=True).click()
    await expect(page.get_by_text("It has no endpoint")).to_be_visible()
    await expect(page.get_by_label("Name of the connection")).to_have_value(name)
    await expect(secret).to_have_value("")  # A secret is never in a page.
    await person.look("plain-wizard-refused")
    await secret.fill(house.world.seed.connection_string)
    await page.get_by_role("button", name="Connect", exact=True).click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()
