"""A person at a browser: Chromium, watched for whatever a person would not see.

Every page that is visited is checked for accessibility by axe, and for errors in the browser's
console; at the end of a visit both lists must be empty. Screenshots are kept in the folder that
HELIOGRAPH_SCREENSHOTS names, or beside the test's other files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, Page, Response, async_playwright, expect

CHROMIUM: Final = os.environ.get("HELIOGRAPH_CHROMIUM", "/usr/bin/chromium")
_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS: Final = 20_000
DESKTOP: Final = (1280, 900)
PHONE: Final = (390, 844)

_EXPECTED: Final = ("Failed to load resource: the server responded with a status of 4",)
"""What Chromium notes by itself where a page is answered with an error that a test asked for."""


class Visit:
    """One person's browser."""

    def __init__(
        self, context: BrowserContext, page: Page, screenshots: Path, *, scripts: bool = True
    ):
        self.context = context
        self.page = page
        self.scripts = scripts
        self.errors: list[str] = []
        self.foreign: list[str] = []
        """Addresses of other hosts that a page asked for."""
        self._screenshots = screenshots
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.errors.append(f"page error: {error}"))
        page.on("request", lambda request: self._note_request(request.url))

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not text.startswith(_EXPECTED):
            self.errors.append(f"{kind}: {text}")

    def _note_request(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "data:", "about:")):
            self.foreign.append(url)

    async def goto(self, url: str) -> Response | None:
        """Open an address."""
        return await self.page.goto(url)

    async def look(self, name: str) -> None:
        """Keep a picture of the page and, where scripts run (axe is one), check that it is
        accessible."""
        # Over a page behind a dialog there is a veil that is as large as the window.
        whole = await self.page.locator("dialog:modal").count() == 0
        if whole:
            await self.page.evaluate("scrollTo(0, 0)")
        await self.page.screenshot(path=self._screenshots / f"{name}.png", full_page=whole)
        if not self.scripts:
            return
        found = await Axe().run(self.page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"

    def assert_clean(self) -> None:
        """Nothing went wrong in the browser, and no page asked another host for anything."""
        assert self.errors == [], self.errors
        assert self.foreign == [], self.foreign


@contextlib.asynccontextmanager
async def open_browser() -> AsyncIterator[Browser]:
    """Headless Chromium."""
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def visit(
    browser: Browser,
    base_url: str,
    screenshots: Path,
    *,
    size: tuple[int, int] = DESKTOP,
    dark: bool = False,
    scripts: bool = True,
) -> AsyncIterator[Visit]:
    """A browser window with no cookies; checked when it closes."""
    context = await browser.new_context(
        base_url=base_url,
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=scripts,
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="UTC",
    )
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    person = Visit(context, page, screenshots, scripts=scripts)
    try:
        yield person
        person.assert_clean()
    finally:
        await context.close()


def screenshots_folder(fallback: Path) -> Path:
    """Where screenshots are kept; made, if it is not there."""
    named = os.environ.get("HELIOGRAPH_SCREENSHOTS")
    folder = Path(named) if named else fallback / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
