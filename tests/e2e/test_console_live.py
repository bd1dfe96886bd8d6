"""Open pages follow what happens to their connections elsewhere, and take nothing away from
whoever works in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from browsing import Visit, open_browser, screenshots_folder, visit
from playwright.async_api import Browser, expect

from common.store.control import Happening
from common.store.records import ConnectionStatus
from tests.unit import console_samples as samples
from tests.unit.console_setup_stage import SetupStage, open_setup_stage
from tests.unit.console_stage import Sampled

CONNECTION = "/t/acme/connections/con-support"
PAGES = ("/t/acme/connections", CONNECTION, "/t/acme/")


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with open_browser() as opened:
        yield opened


@pytest.fixture
async def stage() -> AsyncIterator[SetupStage]:
    async with open_setup_stage() as opened:
        opened.desks.reading = Sampled(hours=samples.hours(), unsettled=samples.unsettled())
        yield opened


@pytest.fixture
async def person(browser: Browser, stage: SetupStage, tmp_path: Path) -> AsyncIterator[Visit]:
    url = str(stage.client.make_url("/"))
    async with visit(browser, url, screenshots_folder(tmp_path)) as opened:
        yield opened


def turn(stage: SetupStage, **changes: Any) -> None:
    """Something happens to the connection, and the pages are told."""
    held = stage.desks.connections.held
    held["con-support"] = replace(held["con-support"], **changes)
    tell(stage)


def tell(stage: SetupStage) -> None:
    stage.live.queue.put_nowait(Happening(samples.TENANT, connection_id="con-support"))


def switch(stage: SetupStage, *, on: bool) -> None:
    """Somebody switches the gate elsewhere."""
    held = stage.desks.numbers.held
    held[samples.NUMBER] = replace(held[samples.NUMBER], gate_on=on)
    tell(stage)


async def opened(person: Visit, path: str) -> None:
    """The page, once it has heard its stream's first word."""
    async with person.page.expect_response(
        lambda answer: (
            answer.request.headers.get("hx-request") == "true"
            and answer.request.headers.get("hx-target") in {"live", "status"}
        )
    ):
        await person.goto(path)


@pytest.mark.parametrize("path", PAGES)
async def test_an_open_page_shows_that_a_connection_broke_and_was_mended(
    stage: SetupStage, person: Visit, path: str
) -> None:
    await opened(person, path)
    main = person.page.locator("main")
    turn(stage, status=ConnectionStatus.ERROR, error="The access key was revoked.")
    await expect(main).to_contain_text("The access key was revoked.")
    turn(stage, status=ConnectionStatus.ACTIVE, error=None)
    await expect(main).not_to_contain_text("The access key was revoked.")
    await person.look("live-mended")


@pytest.mark.parametrize("path", [CONNECTION, f"/t/acme/numbers/{samples.NUMBER}"])
async def test_an_open_page_shows_a_gate_that_was_switched_elsewhere(
    stage: SetupStage, person: Visit, path: str
) -> None:
    await person.goto(path.replace("+", "%2B"))
    first = person.page.locator(".gate").first
    await expect(first).to_contain_text("Autonomous sending is off")
    switch(stage, on=True)
    await expect(first).to_contain_text("Autonomous sending is on")


async def test_typed_words_stay_while_the_status_follows_and_all_follows_after_them(
    stage: SetupStage, person: Visit
) -> None:
    await opened(person, CONNECTION)
    page = person.page
    await page.get_by_text("Replace all credentials").click()
    secret = page.get_by_label("Connection string", exact=True)
    await secret.fill("endpoint=https://half.typed/")
    await page.get_by_text("Replace all credentials").focus()
    switch(stage, on=True)
    turn(stage, status=ConnectionStatus.ERROR, error="The access key was revoked.")
    await expect(page.locator("#status")).to_contain_text("The access key was revoked.")
    await expect(secret).to_have_value("endpoint=https://half.typed/")
    await expect(page.locator(".gate").first).to_contain_text("Autonomous sending is off")
    await secret.fill("")
    await secret.blur()
    await expect(page.locator(".gate").first).to_contain_text("Autonomous sending is on")
    await expect(secret).to_be_visible()


async def test_an_open_dialog_stays_open_and_the_page_follows_when_it_closes(
    stage: SetupStage, person: Visit
) -> None:
    await opened(person, CONNECTION)
    page = person.page
    await page.get_by_role("link", name="Turn on").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("checkbox").check()
    switch(stage, on=True)
    turn(stage, status=ConnectionStatus.ERROR, error="The access key was revoked.")
    await expect(page.locator("#status")).to_contain_text("The access key was revoked.")
    await expect(dialog.get_by_role("checkbox")).to_be_checked()
    await dialog.get_by_role("checkbox").uncheck()
    await dialog.get_by_role("link", name="Cancel").click()
    await expect(page.locator(".gate").first).to_contain_text("Autonomous sending is on")


async def test_a_refreshed_form_still_keeps_its_secrets_and_is_sent_once(
    stage: SetupStage, person: Visit
) -> None:
    await opened(person, CONNECTION)
    page = person.page
    turn(stage, status=ConnectionStatus.ERROR, error="The access key was revoked.", version=9)
    await expect(page.locator("#fold-credentials")).to_have_attribute("open", "")
    secret = page.get_by_label("Connection string", exact=True)
    await secret.fill("endpoint=https://acme/;accesskey=new")
    async with page.expect_navigation():
        await page.get_by_role("button", name="Replace", exact=True).click()
    assert [what for what, _ in stage.asked.changes] == ["set_credentials"]
    assert stage.asked.last[1]["version"] == 9
