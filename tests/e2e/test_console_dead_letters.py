"""An operator finds a parked command, reads it, mends it and puts it back to work, in a browser,
with JavaScript and without; then it waits for its number's gate as any command does."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import pytest
from console_house import PATIENCE, House, open_house
from console_world import NUMBER, TENANT
from playwright.async_api import expect

from common.bus.messages import Outgoing
from common.bus.topology import (
    HEADER_DETAIL,
    HEADER_FIRST_SEEN,
    HEADER_KEY,
    HEADER_REASON,
    HEADER_USER,
    SENDER_QUEUE,
    dead_queue,
)
from health.access.roles import Role
from heliograph import wire
from heliograph.models import SendCommand
from local.nodes import MongoNode, RabbitNode

AGENT: Final = "front-desk"
DEAD: Final = dead_queue(SENDER_QUEUE)


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    base = tmp_path_factory.mktemp("letters")
    async with open_house(rabbit, mongo, base, "health", "sender") as opened:
        yield opened


async def park(house: House) -> SendCommand:
    """A command whose number is misspelt, as the sender parks it; how it was meant."""
    meant = SendCommand(
        command_id=secrets.token_hex(8),
        tenant_id=TENANT,
        agent_id=AGENT,
        number=NUMBER,
        to="+12125550147",
        body=f"canary {secrets.token_hex(4)}",
    )
    await house.world.bus.publish(
        Outgoing(
            exchange=wire.DEAD_EXCHANGE,
            key=SENDER_QUEUE,
            body=meant.encode().replace(b'"number"', b'"nmber"'),
            type=SendCommand.type,
            message_id=meant.command_id,
            headers={
                HEADER_REASON: "wrong_shape",
                HEADER_DETAIL: "The message does not have its form (number: Field required).",
                HEADER_USER: house.world.seed.bus_user,
                HEADER_KEY: wire.send_key(TENANT, AGENT),
                HEADER_FIRST_SEEN: datetime.now(UTC).isoformat(),
            },
        )
    )
    return meant


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_an_operator_mends_a_command_and_puts_it_back_to_work(
    house: House, *, scripts: bool
) -> None:
    meant = await park(house)
    async with house.person(Role.OPERATOR, scripts=scripts) as person:
        page, name = person.page, "scripts" if scripts else "plain"
        await person.goto("/dead-letters")
        await person.look(f"dead-letters-{name}")
        await page.get_by_role("link", name=DEAD).click()
        await page.get_by_role("button", name="Dry run").click()
        await expect(page.get_by_role("heading", name="What a replay would")).to_be_visible()
        await expect(page.locator("main")).to_contain_text("parked again")
        await person.look(f"dead-letters-queue-{name}")
        await page.get_by_role("link", name="command.send").click()
        await expect(page.locator("main")).not_to_contain_text("canary")
        await page.get_by_text("Read it").first.click()
        await page.get_by_label("Reason").first.fill("Ticket 7")
        await page.get_by_role("button", name="Read it").click()
        await expect(page.locator("pre")).to_contain_text(meant.body)
        body = page.get_by_label("The whole body")
        await body.fill((await body.input_value()).replace("nmber", "number"))
        await page.locator("#edit-reason").fill("A letter was missing")
        await page.get_by_role("button", name="Check").click()
        await expect(page.locator(".diff ins").last).to_contain_text('"number"')
        await person.look(f"dead-letter-{name}")
        await page.get_by_role("button", name="Save the edit").click()
        await expect(page.get_by_text("The message is parked with its new body")).to_be_visible()
        await expect(page.locator(".forecast")).to_contain_text("new_command")
        await page.locator("#replay-reason").fill("Mended")
        await page.get_by_role("button", name="Replay", exact=True).click()
        await expect(page.get_by_text("The message is on its way again")).to_be_visible()
        await expect(page.get_by_text("Nothing is parked here")).to_be_visible()
    assert await held_for(house, meant) == "gate_off"


async def held_for(house: House, command: SendCommand) -> str:
    """Why a command's text is held, once it is."""
    async with asyncio.timeout(PATIENCE):
        while True:
            _, waiting, _ = await house.world.ask("GET", "/approvals")
            for item in waiting["items"]:
                if item["body"] == command.body:
                    return str(item["code"])
            await asyncio.sleep(0.1)
