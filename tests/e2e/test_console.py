"""The console as people use it: each flow by clicking, in Chromium, over the whole house.

A phone texts, a demo agent answers, and a person at the console decides. Every page on the way is
checked for accessibility, for errors in the browser and for requests to other hosts.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browsing import DESKTOP, Visit, open_browser, screenshots_folder, visit
from console_world import FREE_NUMBERS, NUMBER, ConsoleWorld, open_console
from playwright.async_api import Browser, expect

from health.access.roles import Role
from local.demo_agent import ANSWERS, front_desk
from local.nodes import MongoNode, RabbitNode
from local.welcome import welcome_admin

REMOTE = "+12125550147"
QUESTION = "Hi! What time do you open tomorrow?"
ANSWER = ANSWERS[0][1]
_SECRET = "a-secret-of-this-webhook"
_PATIENCE = 30.0


@dataclass
class House:
    """What the tests of this file share: the house, its agent, and a browser."""

    world: ConsoleWorld
    browser: Browser
    screenshots: Path

    async def ticket_url(self) -> str:
        """A link that signs an administrator in, once."""
        welcome = await welcome_admin(self.world.database, "acme", self.world.url)
        return welcome.sign_in_url

    @contextlib.asynccontextmanager
    async def person(
        self,
        role: Role = Role.ADMIN,
        *,
        size: tuple[int, int] = DESKTOP,
        dark: bool = False,
        scripts: bool = True,
    ) -> AsyncIterator[Visit]:
        """Somebody of a role, signed in with an API key."""
        async with visit(
            self.browser, self.world.url, self.screenshots, size=size, dark=dark, scripts=scripts
        ) as person:
            await person.goto("/sign-in")
            await person.page.get_by_label("API key").fill(self.world.keys[role])
            await person.page.get_by_role("button", name="Sign in").click()
            await expect(person.page.get_by_role("button", name="Sign out")).to_be_visible()
            yield person

    async def text(self, body: str, *, to: str = NUMBER, remote: str = REMOTE) -> None:
        """A phone texts."""
        await self.world.simulator.text(remote, to, body)

    async def received(self, remote: str, count: int) -> list[str]:
        """What a phone has got, once it has got so many texts."""
        texts = await self.world.simulator.wait_for_texts(remote, count, _PATIENCE)
        return [text.body for text in texts]


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    base = tmp_path_factory.mktemp("console")
    services = ("webhook", "processor", "sender", "health")
    settings = {"webhook_secrets": _SECRET, "trust_command_identity": "true"}
    async with (
        open_console(rabbit, mongo, base, *services, **settings) as world,
        open_browser() as browser,
    ):
        await world.simulator.subscribe(f"{world.house.webhook_url}?code={_SECRET}")
        agent = front_desk(
            world.house.address.rabbitmq_url,
            tenant_id="acme",
            agent_id=world.seed.agent_id,
            on_event=lambda _: None,
        )
        serving = asyncio.create_task(agent.serve())
        try:
            yield House(world, browser, screenshots_folder(base))
        finally:
            await agent.stop()
            await asyncio.gather(serving, return_exceptions=True)


async def test_a_person_connects_a_number_watches_approves_and_turns_the_switch(
    house: House,
) -> None:
    number, remote = FREE_NUMBERS[0], "+12125550161"
    async with visit(house.browser, house.world.url, house.screenshots) as person:
        page = person.page
        await person.goto(await house.ticket_url())
        await person.look("sign-in")
        await page.get_by_role("button", name="Continue").click()
        await expect(page.get_by_role("heading", level=1)).to_be_visible()

        await _connect(house, person, name="Front desk texts", number=number)
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
        await page.get_by_role("link", name="Front desk texts").click()
        await page.get_by_role("link", name=re.compile("Turn on")).click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await person.look("gate-dialog")
        await page.get_by_label("I want these texts to go out unread").check()
        await page.get_by_role("button", name="Turn on autonomous sending").click()
        await expect(page.get_by_text("Autonomous sending is on")).to_be_visible()
        await house.text("Where can I park?", to=number, remote=remote)
        assert await house.received(remote, 2) == [ANSWER, ANSWERS[1][1]]

        await page.get_by_role("button", name=re.compile("Turn off")).click()
        await expect(page.get_by_text("Autonomous sending is off")).to_be_visible()


async def test_broken_credentials_show_and_new_ones_repair_the_connection(house: House) -> None:
    async with house.person() as person:
        page = person.page
        await _connect(house, person, name="To be broken", number=FREE_NUMBERS[1])
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
        card = first.page.locator(".held").filter(has_text=re.compile("555.0162"))
        await expect(first.page.locator("#notice")).to_contain_text(
            re.compile("wait|new", re.IGNORECASE)
        )
        await first.goto("/t/acme/approvals")
        await expect(card).to_be_visible()
        await first.look("approvals")
        await second.goto("/t/acme/approvals")
        late = second.page.locator(".held").filter(has_text=re.compile("555.0162"))
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
        card = person.page.locator(".held").filter(has_text=re.compile("555.0163"))
        await _until_shown(person, "/t/acme/approvals", card)
        await (
            card.get_by_role("link", name="Reject…")
            .or_(card.get_by_role("button", name="Reject…"))
            .click()
        )
        await (
            person.page.get_by_role("dialog").get_by_label("Reason").fill("We are closed tomorrow")
        )
        await person.page.get_by_role("dialog").get_by_role("button", name="Reject").click()
        await expect(card).to_have_count(0)
        await person.goto("/t/acme/conversations?remote=%2B12125550163")
        await person.page.get_by_role("link", name=re.compile("555.0163")).click()
        await expect(person.page.get_by_text("We are closed tomorrow")).to_be_visible()
        await person.look("conversation-rejected")
    assert len(house.world.simulator.phone(remote).received) == 0


async def _until_shown(person: Visit, path: str, card: object) -> None:
    """Open a page until it shows something; the text is on its way through the house."""
    async with asyncio.timeout(_PATIENCE):
        while True:
            await person.goto(path)
            with contextlib.suppress(AssertionError):
                await expect(card).to_be_visible(timeout=1_000)  # type: ignore[call-overload]
                return


async def _connect(house: House, person: Visit, *, name: str, number: str) -> None:
    """Through the wizard, step by step."""
    page = person.page
    await person.goto("/t/acme/connect")
    await person.look("wizard-provider")
    await page.get_by_label(re.compile("Azure Communication Services")).check()
    await page.get_by_role("button", name="Next").click()
    rules = page.get_by_label(re.compile("We handle STOP"))
    if await rules.is_visible():
        await person.look("wizard-rules")
        await rules.check()
        await page.get_by_role("button", name="Next").click()
    await page.get_by_label("Name of the connection").fill(name)
    secret = page.locator("input[type=password]").first
    await secret.fill(house.world.seed.connection_string)
    await person.look("wizard-account")
    await page.get_by_role("button", name="Next").click()
    await person.look("wizard-callbacks")
    await page.get_by_role("button", name="Next").click()
    await page.get_by_label("Number, short code or sender ID").first.fill(number)
    await page.get_by_label("Type").first.select_option("toll_free")
    await page.get_by_label("Agent that answers").first.select_option(house.world.seed.agent_id)
    await person.look("wizard-numbers")
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_text(name).last).to_be_visible()
    await person.look("wizard-finish")
    await page.get_by_role("button", name="Connect", exact=True).click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()
