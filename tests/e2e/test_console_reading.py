"""What the console shows of texts while they come and go: live, as timelines, on every screen."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from browsing import DESKTOP, PHONE
from console_house import ANSWER, QUESTION, House, card_of, open_answering_house, until_shown
from console_world import NUMBER
from playwright.async_api import expect

from health.access.roles import Role
from local.nodes import MongoNode, RabbitNode

PAGES = {
    "overview": "",
    "approvals": "approvals",
    "conversations": "conversations",
    "opt-outs": "opt-outs",
    "executions": "executions",
    "connections": "connections",
    "connection": "connections/acme-acs",
    "number": f"numbers/{NUMBER}",
    "connect": "connect",
    "agents": "agents",
    "agent": "agents/front-desk",
    "keys": "keys",
    "audit": "audit",
    "nowhere": "nowhere",
}


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    base = tmp_path_factory.mktemp("reading")
    async with open_answering_house(rabbit, mongo, base) as opened:
        yield opened


async def test_a_held_text_shows_on_an_open_overview_without_loading_it_again(
    house: House,
) -> None:
    async with house.person(Role.VIEWER) as person:
        page = person.page
        await person.goto("/t/acme/")
        badge = page.locator("#held-count")
        _, waiting, _ = await house.world.ask("GET", "/approvals")
        before = len(waiting["items"])
        await page.evaluate("window.loadedOnce = true")
        await house.text(QUESTION, remote="+12125550191")
        await expect(badge).to_have_text(re.compile(rf"^\s*{before + 1}\s"))
        await expect(page.locator(".needs")).to_contain_text("555 0191")
        assert await page.evaluate("window.loadedOnce")
        await person.look("overview-live")


async def test_the_life_of_a_text_is_a_timeline_from_the_phone_to_the_report(
    house: House,
) -> None:
    remote = "+12125550192"
    async with house.person(Role.APPROVER) as person:
        page = person.page
        await house.text(QUESTION, remote=remote)
        card = card_of(person, "0192")
        await until_shown(person, "/t/acme/approvals", card)
        await card.get_by_role("button", name="Approve and send").click()
        await house.received(remote, 1)
        await page.get_by_role("link", name="Executions").click()
        execution = page.locator(".execution").filter(has_text="555 0192")
        steps = execution.locator(".step-what")
        # The instant of the report is the provider's.
        await expect(execution).to_contain_text("Reported")
        told = await steps.all_inner_texts()
        assert told[0] == "Accepted"
        expected = ["Handed over", "Answered", "Held for a person", "Approved", "Sent"]
        assert [step for step in told if step in expected] == expected
        await person.look("executions")

        await execution.get_by_role("link").first.click()
        await expect(page.get_by_role("heading", name="Text from +1 212 555 0192")).to_be_visible()
        await expect(page.locator(".bubble-body")).to_have_text(QUESTION)
        await person.look("message-in")
        await page.get_by_role("link", name="Conversation", exact=True).click()
        answer = page.locator(".bubble.out").filter(has_text=ANSWER)
        await answer.get_by_role("link", name=re.compile("details")).click()
        await expect(page.get_by_role("heading", name="Text to +1 212 555 0192")).to_be_visible()
        steps_of_answer = page.locator(".step-what")
        await expect(page.get_by_text("Delivered", exact=True).first).to_be_visible()
        await expect(page.locator(".facts").filter(has_text="Decided by")).to_contain_text(
            "the approver"
        )
        await expect(steps_of_answer).to_have_text(
            ["Answered", "Held for a person", "Approved", "Sent", "Reported"]
        )
        await person.look("message-out")


@pytest.mark.parametrize(
    ("size", "dark"),
    [(PHONE, False), (DESKTOP, True)],
    ids=["phone", "dark"],
)
async def test_every_page_fits_a_phone_and_is_readable_in_the_dark(
    house: House, size: tuple[int, int], dark: bool
) -> None:
    how, remote = ("dark", "+12125550193") if dark else ("phone", "+12125550194")
    await house.text(QUESTION, remote=remote)
    async with house.person(size=size, dark=dark) as person:
        page = person.page
        await until_shown(person, "/t/acme/approvals", card_of(person, remote[-4:]))
        await person.goto("/t/acme/conversations")
        thread = await page.locator(".threads a").first.get_attribute("href")
        await person.goto(str(thread))
        details = page.get_by_role("link", name=re.compile("details")).first
        message = await details.get_attribute("href")
        pages = {name: f"/t/acme/{path}" for name, path in PAGES.items()}
        for name, path in (pages | {"thread": str(thread), "message": str(message)}).items():
            await person.goto(path)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            beyond = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert beyond <= 0, f"{name} is {beyond} pixels too wide"
            await person.look(f"{name}-{how}")
        await person.goto(f"/t/acme/numbers/{NUMBER}")
        await page.get_by_role("link", name=re.compile("Turn on")).click()
        await person.look(f"gate-dialog-{how}")
    async with house.stranger(size=size, dark=dark) as person:
        await person.goto("/sign-in")
        await person.look(f"sign-in-{how}")
