"""What the connect wizard refuses: said where it is wrong, with nothing stored and nothing lost."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from browsing import PHONE, Visit
from console_house import House, open_house
from console_world import FREE_NUMBERS, NUMBER
from playwright.async_api import Locator, expect

from local.nodes import MongoNode, RabbitNode

NOT_ON_RESOURCE = "+18005550199"


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    base = tmp_path_factory.mktemp("wizard")
    async with open_house(rabbit, mongo, base, "health") as opened:
        yield opened


class Wizard:
    """Somebody in the wizard."""

    def __init__(self, person: Visit, house: House):
        self.person = person
        self.page = person.page
        self.house = house
        self.secret: Locator = self.page.get_by_label("Connection string", exact=True)
        self.address: Locator = self.page.get_by_label("Number, short code or sender ID").first
        self._next = self.page.get_by_role("button", name="Next")
        self._connect = self.page.get_by_role("button", name="Connect", exact=True)

    async def fill(self, *, name: str, number: str) -> None:
        """All steps, up to the review."""
        await self.person.goto("/t/acme/connect")
        await self.page.get_by_label(re.compile("Azure Communication Services")).check()
        await self._next.click()
        rules = self.page.get_by_label(re.compile("We handle STOP"))
        if await rules.is_visible():  # Until the first of these tests that connects.
            await rules.check()
            await self._next.click()
        await self.page.get_by_label("Name of the connection").fill(name)
        await self.secret.fill(self.house.world.seed.connection_string)
        await self._next.click()
        await self._next.click()
        await self.address.fill(number)
        await self.page.get_by_label("Type").first.select_option("toll_free")
        await self.page.get_by_label("Agent that answers").first.select_option("front-desk")
        await self._next.click()
        await self._connect.click()

    async def again(self) -> None:
        """After a refusal, from the step where it is to the end."""
        await self.page.get_by_role("link", name="Review").click()
        await self._connect.click()


_AZURE = "endpoint=https://a.unitedstates.communication.azure.com/"
BAD_STRINGS = {
    "only-a-key": ("accesskey=YWJj", "It has no endpoint: the part endpoint= is missing"),
    "not-base64": (f"{_AZURE};accesskey=n*t", "Its accesskey is not base64"),
    "wrapped": (f"{_AZURE};accesskey=YW Jj", "Its accesskey holds a blank or a line break"),
    "quoted": (f'"{_AZURE};accesskey=YWJj"', "It has quotation marks around it"),
    "foreign-host": ("endpoint=https://example.com/;accesskey=YWJj", "azure.com"),
}
"""What people paste, with the beginning of what they are told."""


async def test_a_bad_connection_string_is_explained_at_its_field_which_has_the_focus(
    house: House,
) -> None:
    before = await house.connections()
    async with house.person() as person:
        wizard = Wizard(person, house)
        page, error = wizard.page, wizard.page.locator("[id$='connection_string-error']").first
        await wizard.fill(name="Never stored", number=NOT_ON_RESOURCE)
        await expect(page.get_by_role("alert")).to_contain_text(NOT_ON_RESOURCE)
        for case, (text, said) in BAD_STRINGS.items():
            await page.get_by_role("link", name="Account").click()
            await wizard.secret.fill(text)
            await wizard.again()
            await expect(error).to_contain_text(said)
            await expect(wizard.secret).to_be_focused()
            await expect(wizard.secret).to_have_attribute("aria-invalid", "true")
            # What was typed is still there, and the secret only where it was typed.
            await expect(wizard.secret).to_have_value(text)
            await expect(page.get_by_label("Name of the connection")).to_have_value("Never stored")
            assert text not in await page.content()
            if case == "not-base64":
                await person.look("wizard-bad-string")

        wrong = "d3Jvbmcta2V5LXdyb25nLWtleS13cm9uZy1rZXkhISE="
        good = house.world.seed.connection_string
        await wizard.secret.fill(re.sub("accesskey=.*", f"accesskey={wrong}", good))
        await page.get_by_role("link", name="Numbers").click()
        await wizard.address.fill(FREE_NUMBERS[0])
        await wizard.again()
        await expect(page.get_by_role("alert")).to_contain_text("key")
        await expect(wizard.secret).to_be_visible()
        await person.look("wizard-wrong-key")
    assert await house.connections() == before


async def test_a_number_that_cannot_be_connected_is_named_and_nothing_is_stored(
    house: House,
) -> None:
    before = await house.connections()
    async with house.person() as person:
        wizard = Wizard(person, house)
        alert = wizard.page.get_by_role("alert")
        await wizard.fill(name="With a number", number=NOT_ON_RESOURCE)
        await expect(alert).to_contain_text(NOT_ON_RESOURCE)
        await expect(alert).to_contain_text("not belong to this account")
        await expect(wizard.address).to_be_focused()
        await person.look("wizard-number-not-on-resource")

        await wizard.address.fill(NUMBER)
        await wizard.again()
        await expect(alert).to_contain_text("connected already")
        await expect(wizard.address).to_be_focused()
        await person.look("wizard-number-taken")

        await wizard.address.fill("12")
        await wizard.again()
        await expect(wizard.address).to_be_focused()
        await expect(wizard.address).to_have_attribute("aria-invalid", "true")
        await person.look("wizard-number-not-a-number")
        assert await house.connections() == before

        # Nothing has to be typed again but the number.
        await wizard.address.fill(FREE_NUMBERS[1])
        await wizard.again()
        await expect(wizard.page.get_by_role("heading", name="With a number")).to_be_visible()
    assert sorted(await house.connections()) == sorted([*before, "With a number"])


async def test_a_step_that_lacks_something_is_not_left(house: House) -> None:
    async with house.person(size=PHONE) as person:
        page = person.page
        following = page.get_by_role("button", name="Next")
        await person.goto("/t/acme/connect")
        await page.get_by_label(re.compile("Azure Communication Services")).check()
        await following.click()
        rules = page.get_by_label(re.compile("We handle STOP"))
        if await rules.is_visible():  # As above.
            await following.click()
            await expect(rules).to_be_focused()
            await rules.check()
            await following.click()
        await page.get_by_label("Name of the connection").fill("Half")
        await following.click()
        await expect(page.get_by_label("Connection string", exact=True)).to_be_focused()
        await page.get_by_role("button", name="Back").click()
        await expect(page.get_by_label("Name of the connection")).to_be_hidden()
        await person.look("wizard-phone")
    assert "Half" not in await house.connections()
