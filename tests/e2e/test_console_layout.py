"""Whatever people write into the fields: no page is wider than the window that it is looked at in,
and on a phone its menu is there, without JavaScript too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest
from axe_playwright_python.async_playwright import Axe
from browsing import PHONE, Visit, open_browser, screenshots_folder, visit
from console_extremes import open_extremes
from playwright.async_api import Browser, expect

from health.access.roles import Role
from health.console.navigation import PLACES
from health.console.table import ROUTES
from health.web.routes import Surface
from tests.unit.console_stage import open_stage

WIDTHS: Final = (1280, 360)
GRAINS: Final = {"letters": "W", "scripts": "🙈שלוםﷺ"}
_PLACES: Final = {
    "tenant_id": "acme",
    "message_id": "m-held",
    "conversation_id": "c-anna",
    "connection_id": "con-support",
    "address": "%2B18005550100",
    "agent_id": "front-desk",
    "remote": "%2B442079460018",
    "queue": "dead.sender.commands",
    "message": "r1",
}
_NOT_PAGES: Final = {
    "static_file",
    "home_page",
    "approvals_count",
    "approvals_notice",
    "opt_outs_count",
}
PAGES: Final = {
    route.name: route.path.format(**_PLACES)
    for route in ROUTES
    if route.method == "GET" and route.surface is Surface.PAGE and route.name not in _NOT_PAGES
}
_UNFOLD: Final = "for (const fold of document.querySelectorAll('main details')) fold.open = true"
_TOO_WIDE: Final = """() => {
  const page = document.scrollingElement;
  if (page.scrollWidth <= innerWidth) return null;
  const beyond = [...document.querySelectorAll("body *")].filter(
    (part) => part.getBoundingClientRect().right > innerWidth + 1 && !part.closest(".table-frame"));
  const names = beyond.slice(0, 4).map((part) => `${part.tagName}.${part.getAttribute("class")}`);
  return `${page.scrollWidth} px of ${innerWidth}: ${names.join(", ")}`;
}"""


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return screenshots_folder(tmp_path_factory.mktemp("layout"))


@pytest.mark.parametrize("kind", GRAINS)
async def test_no_page_is_wider_than_its_window_whatever_it_shows(
    browser: Browser, pictures: Path, kind: str
) -> None:
    wrong: dict[str, str] = {}
    async with (
        open_extremes(GRAINS[kind]) as stage,
        visit(browser, str(stage.client.make_url("/")), pictures) as person,
    ):
        for name, path in PAGES.items():
            answer = await person.goto(path)
            assert answer is not None
            assert answer.ok, name
            await person.page.evaluate(_UNFOLD)
            for width in WIDTHS:
                await person.page.set_viewport_size({"width": width, "height": 800})
                if found := await person.page.evaluate(_TOO_WIDE):
                    wrong[f"{name} at {width}"] = found
                await person.page.screenshot(path=pictures / f"extreme-{kind}-{name}-{width}.png")
    assert wrong == {}


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "no-scripts"])
async def test_a_phone_has_every_place_in_one_menu_by_keyboard_and_finger(
    browser: Browser, pictures: Path, *, scripts: bool
) -> None:
    async with (
        open_stage() as stage,
        visit(
            browser, str(stage.client.make_url("/")), pictures, size=PHONE, scripts=scripts
        ) as person,
    ):
        stage.door.let_in(Role.OPERATOR)
        await person.goto("/t/acme/executions")
        page = person.page
        button = page.get_by_role("button", name="Menu")
        menu = page.get_by_role("navigation", name="Console")
        await expect(menu).to_be_hidden()
        await button.focus()
        await page.keyboard.press("Enter")
        # And the tenants and the dead letters, which an operator has beside them.
        await expect(menu.get_by_role("link")).to_have_count(len(PLACES) + 2)
        for link in await menu.get_by_role("link").all():
            await expect(link).to_be_in_viewport(ratio=1)
        await page.screenshot(path=pictures / f"menu-{'scripts' if scripts else 'plain'}.png")
        if scripts:
            # Of the menu alone: what lies under it is not meant to be read now.
            assert (await Axe().run(page, context=".mast")).violations_count == 0
        await page.keyboard.press("Tab")
        await expect(menu.get_by_role("link", name="Overview")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(menu).to_be_hidden()
        await button.click()
        await menu.get_by_role("link", name="Audit").click()
        await expect(page.get_by_role("heading", name="Audit", exact=True)).to_be_visible()
        await _all_in_sight(person)


async def _all_in_sight(person: Visit) -> None:
    """A page of the audit trail on a phone: what is done there often stands on the first screen."""
    entries = person.page.locator(".audit li")
    last = await entries.last.bounding_box()
    assert last is not None
    assert last["height"] < 130
