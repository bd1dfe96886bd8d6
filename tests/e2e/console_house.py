"""The whole house with its console, a demo agent and a browser, as the browser tests share them."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from browsing import DESKTOP, Visit, open_browser, screenshots_folder, visit
from console_world import NUMBER, ConsoleWorld, open_console
from playwright.async_api import Browser, Locator, expect

from health.access.roles import Role
from local.demo_agent import ANSWERS, front_desk
from local.nodes import MongoNode, RabbitNode
from local.welcome import welcome_admin

QUESTION: Final = "Hi! What time do you open tomorrow?"
ANSWER: Final = ANSWERS[0][1]
OTHER_QUESTION: Final = "Where can I park?"
OTHER_ANSWER: Final = ANSWERS[1][1]
EVERYTHING: Final = ("webhook", "processor", "sender", "health")
PATIENCE: Final = 30.0
"""Seconds for a text's way through the house."""

_SECRET: Final = "a-secret-of-this-webhook"


@dataclass
class House:
    """What the tests of a file share."""

    world: ConsoleWorld
    browser: Browser
    screenshots: Path

    async def ticket_url(self) -> str:
        """A link that signs an administrator in, once."""
        welcome = await welcome_admin(self.world.database, "acme", self.world.url)
        return welcome.sign_in_url

    @contextlib.asynccontextmanager
    async def stranger(
        self, *, size: tuple[int, int] = DESKTOP, dark: bool = False, scripts: bool = True
    ) -> AsyncIterator[Visit]:
        """Somebody who is not signed in."""
        async with visit(
            self.browser, self.world.url, self.screenshots, size=size, dark=dark, scripts=scripts
        ) as person:
            yield person

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
        async with self.stranger(size=size, dark=dark, scripts=scripts) as person:
            await sign_in(person, self.world.keys[role])
            yield person

    async def text(self, body: str, *, remote: str, to: str = NUMBER) -> None:
        """A phone texts."""
        await self.world.simulator.text(remote, to, body)

    async def received(self, remote: str, count: int) -> list[str]:
        """What a phone has got, once it has got so many texts."""
        texts = await self.world.simulator.wait_for_texts(remote, count, PATIENCE)
        return [text.body for text in texts]

    async def made(self, path: str, body: dict[str, Any], *, method: str = "POST") -> Any:
        """What the API answers to an administrator who arranges something for a test."""
        status, answer, _ = await self.world.ask(method, path, body=body)
        assert status in {200, 201}, answer
        return answer

    async def connection(self, name: str, *numbers: str) -> str:
        """A connection to the simulated resource with some of its numbers; its ID."""
        body = {
            "name": name,
            "provider": "acs",
            "parameters": {"connection_string": self.world.seed.connection_string},
            "accept_opt_out": True,
            "numbers": [
                {"address": number, "type": "toll_free", "agent_id": self.world.seed.agent_id}
                for number in numbers
            ],
        }
        answer = await self.made("/connections", body)
        return str(answer["id"])

    async def gate_on(self, number: str) -> None:
        """Let a number's agent send by itself."""
        await self.made(f"/numbers/{number}/gate", {"on": True, "confirm": True}, method="PUT")

    async def connections(self) -> list[str]:
        """Names of what is stored."""
        _, listed, _ = await self.world.ask("GET", "/connections?limit=200")
        return [item["name"] for item in listed["items"]]


@contextlib.asynccontextmanager
async def open_house(
    rabbit: RabbitNode, mongo: MongoNode, base: Path, *services: str, **settings: str
) -> AsyncIterator[House]:
    """The named services, or all of them with a demo agent that answers."""
    given = {"webhook_secrets": _SECRET, **settings}
    async with (
        open_console(rabbit, mongo, base, *(services or EVERYTHING), **given) as world,
        open_browser() as browser,
    ):
        if not services:
            await world.simulator.subscribe(f"{world.house.webhook_url}?code={_SECRET}")
        yield House(world, browser, screenshots_folder(base))


@contextlib.asynccontextmanager
async def answering(url: str, agent_id: str) -> AsyncIterator[None]:
    """A demo agent that serves."""
    agent = front_desk(url, tenant_id="acme", agent_id=agent_id, on_event=lambda _: None)
    serving = asyncio.create_task(agent.serve())
    try:
        yield
    finally:
        await agent.stop()
        await asyncio.gather(serving, return_exceptions=True)


@contextlib.asynccontextmanager
async def open_answering_house(
    rabbit: RabbitNode, mongo: MongoNode, base: Path
) -> AsyncIterator[House]:
    """All services, and a front desk that knows two answers."""
    async with open_house(rabbit, mongo, base, trust_command_identity="true") as house:
        world = house.world
        async with answering(world.house.address.rabbitmq_url, world.seed.agent_id):
            yield house


async def sign_in(person: Visit, key: str) -> None:
    """Sign in with an API key."""
    await person.goto("/sign-in")
    await person.page.get_by_label("API key").fill(key)
    await person.page.get_by_role("button", name="Sign in").click()
    await expect(person.page.get_by_role("button", name="Sign out")).to_be_visible()


def card_of(person: Visit, last_digits: str) -> Locator:
    """The held text to a phone, in the inbox."""
    return person.page.locator(".held").filter(has_text=re.compile(f"555.{last_digits}"))


async def until_shown(person: Visit, path: str, wanted: Locator) -> None:
    """Open a page until it shows something; the text is on its way through the house."""
    async with asyncio.timeout(PATIENCE):
        while True:
            await person.goto(path)
            with contextlib.suppress(AssertionError):
                await expect(wanted).to_be_visible(timeout=1_000)
                return


async def through_the_wizard(
    house: House, person: Visit, *, name: str, number: str, pictures: bool = False
) -> None:
    """Connect a number, step by step; with `pictures` every step is looked at."""

    async def look(step: str) -> None:
        if pictures:
            await person.look(f"wizard-{step}")

    page = person.page
    following = page.get_by_role("button", name="Next")
    await person.goto("/t/acme/connect")
    await look("provider")
    await page.get_by_label(re.compile("Azure Communication Services")).check()
    await following.click()
    rules = page.get_by_label(re.compile("We handle STOP"))
    if await rules.is_visible():
        await look("rules")
        await rules.check()
        await following.click()
    await page.get_by_label("Name of the connection").fill(name)
    await page.get_by_label("Connection string", exact=True).fill(
        house.world.seed.connection_string
    )
    await look("account")
    await following.click()
    await look("callbacks")
    await following.click()
    await page.get_by_label("Number, short code or sender ID").first.fill(number)
    await page.get_by_label("Type").first.select_option("toll_free")
    await page.get_by_label("Agent that answers").first.select_option(house.world.seed.agent_id)
    await look("numbers")
    await following.click()
    await expect(page.locator("[data-review]")).to_contain_text(name)
    await look("finish")
    await page.get_by_role("button", name="Connect", exact=True).click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()
