"""The pages on dead letters: masked until somebody says why; nothing is done without a reason."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from health.access.roles import Role
from health.web.problems import Problem, ProblemCode
from tests.unit.console_letters import QUEUE, StageParked, StageRounds
from tests.unit.console_stage import CSRF, Stage, open_stage
from tests.unit.test_console_rendering import PageReader

AT = f"/dead-letters/{QUEUE}"
ONE = f"{AT}/messages/r1"


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as opened:
        opened.door.let_in(Role.OPERATOR)
        yield opened


async def post(stage: Stage, path: str, **form: str) -> tuple[int, str, str]:
    """Status, page, and where it leads."""
    data = {"csrf": CSRF, **form}
    async with stage.client.post(path, data=data, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers.get("Location", "")


def parked(stage: Stage) -> StageParked:
    found: StageParked = stage.desks.parked
    return found


async def test_the_page_shows_why_and_how_often_and_nothing_of_the_words(stage: Stage) -> None:
    for path in (AT, ONE):
        _, page = await stage.page(path)
        text = PageReader(page).text
        assert "wrong_shape" in text
        assert "replayed 2×" in text
        for secret in ("canary", "15551230142"):
            assert secret not in page
    assert parked(stage).done == []


async def test_who_reads_it_says_why_and_sees_it_with_its_edit(stage: Stage) -> None:
    status, page, _ = await post(stage, f"{ONE}/read")
    assert (status, "canary" in page) == (422, False)
    assert parked(stage).done == []
    status, page, _ = await post(stage, f"{ONE}/read", reason="Ticket 7")
    text = PageReader(page).text
    assert status == 200
    assert "canary <b>words</b>" in text
    assert "<b>words</b>" not in page
    assert "Edited by Ada" in text
    assert "<ins>+  &#34;body&#34;: &#34;new&#34;</ins>" in page
    assert parked(stage).done == [("read", "r1", "Ticket 7")]


async def test_an_edit_is_checked_first_and_saved_with_a_reason(stage: Stage) -> None:
    status, page, _ = await post(
        stage, f"{ONE}/edit", body='{"v": 1}', reason="See", dry_run="true"
    )
    assert (status, "Nothing was changed yet" in page) == (200, True)
    assert "{&#34;v&#34;: 1}" in page
    status, page, _ = await post(stage, f"{ONE}/edit", body='{"v": 1}')
    assert (status, "Say why" in page) == (422, True)
    status, _, there = await post(stage, f"{ONE}/edit", body='{"v": 1}', reason="A comma")
    assert (status, there) == (303, f"{AT}/messages/r2")
    assert parked(stage).done == [
        ("try", "r1", '{"v": 1}', "See"),
        ("edit", "r1", '{"v": 1}', "A comma"),
    ]


async def test_a_refused_edit_shows_what_was_typed(stage: Stage) -> None:
    what = "tenant_id: an edit cannot change it."
    parked(stage).refusal = Problem(ProblemCode.INVALID, what, fields={"body": what})
    status, page, _ = await post(stage, f"{ONE}/edit", body='{"v": 2}', reason="A comma")
    assert status == 422
    assert "an edit cannot change it" in page
    assert "{&#34;v&#34;: 2}" in page


async def test_one_message_is_replayed_or_dropped_with_a_reason(stage: Stage) -> None:
    for verb in ("replay", "drop"):
        status, page, _ = await post(stage, f"{ONE}/{verb}")
        assert (status, "Say why" in page) == (422, True)
        status, _, there = await post(stage, f"{ONE}/{verb}", reason="Fixed")
        assert (status, there) == (303, AT)
    assert parked(stage).done == [("replay", "r1", "Fixed"), ("drop", "r1", "Fixed")]


async def test_what_would_only_come_back_has_no_button(stage: Stage) -> None:
    _, page = await stage.page(ONE)
    assert f'action="{ONE}/replay"' in page
    parked(stage).code = "not_json"
    _, page = await stage.page(ONE)
    assert f'action="{ONE}/replay"' not in page
    assert "It is not JSON" in page
    parked(stage).refusal = Problem(ProblemCode.NOT_REPLAYABLE, "It is not JSON.")
    status, page, _ = await post(stage, f"{ONE}/replay", reason="Fixed")
    assert (status, "It is not JSON." in page) == (409, True)


async def test_all_are_replayed_in_rounds_and_one_goes_on_where_it_stopped(stage: Stage) -> None:
    rounds: StageRounds = stage.desks.parked_rounds
    status, page, _ = await post(stage, f"{AT}/replay", dry_run="true")
    assert (status, "What a replay would come to" in page, rounds.asked) == (200, True, [])
    status, page, _ = await post(stage, f"{AT}/replay", only_reason="wrong_shape")
    assert (status, rounds.asked) == (422, [])
    status, page, _ = await post(stage, f"{AT}/replay", reason="Fixed", only_reason="wrong_shape")
    assert "495 replayed" in page
    assert "Go on with the rest" in page
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    assert (hidden["round_id"], hidden["only_reason"]) == ("a-round", "wrong_shape")
    _, page, _ = await post(stage, f"{AT}/replay", reason="Fixed", round_id="a-round")
    assert "198 replayed" in page
    assert "Go on with the rest" not in page
    assert rounds.asked == [("Fixed", "")] + [("Fixed", "a-round")] * 6
    assert "did not take" not in page
    _, page, _ = await post(stage, f"{AT}/drop", reason="Tests")
    assert "100 dropped" in page
    rounds.failed = ("r7",)
    _, page, _ = await post(stage, f"{AT}/replay", reason="Fixed")
    assert "The broker did not take 1; they are still parked" in page
    assert f'href="{AT}/messages/r7"' in page


@pytest.mark.parametrize("path", ["/dead-letters", AT, ONE])
async def test_they_are_the_operators(stage: Stage, path: str) -> None:
    stage.door.let_in(Role.ADMIN)
    assert (await stage.page(path))[0] == 403
    _, page = await stage.page("/t/acme/")
    assert "/dead-letters" not in page


async def test_a_search_that_finds_nothing_says_so(stage: Stage) -> None:
    _, page = await stage.page(f"{AT}?reason=not_json")
    assert "Nothing found" in page
    assert (await stage.page("/dead-letters/dead.nothing"))[0] == 404
