"""The README's pictures of the console: `make screenshots`.

The local stage is started, a few people text, and headless Chromium looks at what is there then.
"""

from __future__ import annotations

import asyncio
import io
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, ViewportSize, async_playwright
from rich.console import Console

from local.nodes import NodeError, ports
from local.play import Scene
from local.stage import Ports, Stage, stage
from local.timeline import Timeline

IMAGES: Final = Path("docs") / "images"
CHROMIUM: Final = os.environ.get("HELIOGRAPH_CHROMIUM", "/usr/bin/chromium")

ANSWERED: Final = (
    ("+12065550171", "Hi! What time do you open tomorrow?"),
    ("+13125550188", "Do you have parking?"),
    ("+14255550123", "Is there parking behind the house?"),
    ("+16175550164", "When do you open on Monday?"),
)
"""Texts to a number that answers by itself."""
HELD: Final = (
    ("+12125550147", "Hello! When do you open tomorrow?"),
    ("+19175550139", "Where can I park?"),
)
"""Texts whose answers wait for a person."""

_PATIENCE: Final = 30.0
_SIZE: Final = ViewportSize(width=1280, height=940)


async def main() -> None:
    """Take the pictures."""
    with tempfile.TemporaryDirectory() as base:
        quiet = Timeline(Console(file=io.StringIO()))
        free = Ports(webhook=0, console=0, simulator=ports.choose(), management=0)
        async with stage(Path(base), free, quiet) as running, async_playwright() as playwright:
            await _converse(running.scene)
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
            )
            await _look(running, browser)
            await browser.close()


async def _converse(scene: Scene) -> None:
    await scene.switch(on=True)
    for remote, body in ANSWERED:
        await scene.simulator.text(remote, scene.number, body)
        await scene.simulator.wait_for_texts(remote, 1, _PATIENCE)
    await scene.switch(on=False)
    for remote, body in HELD:
        await scene.simulator.text(remote, scene.number, body)


async def _look(running: Stage, browser: Browser) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    context = await browser.new_context(
        viewport=_SIZE, reduced_motion="reduce", locale="en-GB", timezone_id="UTC"
    )
    page = await context.new_page()
    await page.goto(running.welcome.sign_in_url)
    await page.get_by_role("button", name="Continue").click()
    home = f"{running.house.console_url}/t/{running.seed.tenant_id}"
    await page.goto(f"{home}/approvals")
    async with asyncio.timeout(_PATIENCE):
        while await page.locator(".held").count() < len(HELD):
            # The page tells that there is news when the last held text arrives.
            await page.locator("#notice a").first.click()
            await page.wait_for_load_state()
    await page.screenshot(path=IMAGES / "approvals.png")
    await page.goto(f"{home}/")
    await page.screenshot(path=IMAGES / "overview.png")
    await context.close()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except NodeError as error:
        sys.exit(f"heliograph: {error}")
    print(f"Wrote {IMAGES / 'approvals.png'} and {IMAGES / 'overview.png'}.")
