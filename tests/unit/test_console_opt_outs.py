"""Promises of the pages on opt-outs: what is in doubt is shown beside what was written, and each
role sees the buttons that it may press."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from common.store.control import Happening
from health.access.roles import Role
from health.console import flashes
from health.web.problems import Problem, ProblemCode
from tests.unit import console_samples as samples
from tests.unit.console_stage import CSRF, Stage, open_stage

BEN = "/t/acme/opt-outs/%2B18005550100/%2B442079460018"
CLEO = "/t/acme/opt-outs/%2B18005550100/%2B12065550171"


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as opened:
        opened.door.let_in(Role.ADMIN)
        yield opened


async def test_a_review_shows_what_was_written_and_both_answers(stage: Stage) -> None:
    for path in ("/t/acme/opt-outs", BEN):
        _, body = await stage.page(path)
        review = body.split("<article")[1].split("</article>")[0]
        assert samples.thread()[0].body in review
        assert "take-me-off" in review
        assert f'action="{BEN}/confirm"' in review
        assert f'action="{BEN}/undo"' in review


async def test_a_review_points_at_the_words_that_matched(stage: Stage) -> None:
    text = samples.text("m20", "Hi Jane! Please stop texting me.", at=samples.NOW)
    stage.desks.reading._answers["text"] = text
    _, body = await stage.page(BEN)
    assert "<q>stop texting me</q>" in body


async def test_a_plain_opt_out_is_not_to_be_reviewed(stage: Stage) -> None:
    _, body = await stage.page(CLEO)
    assert "<article" not in body
    assert "Nothing is sent to this person" in body


async def test_the_history_shows_the_evidence(stage: Stage) -> None:
    _, body = await stage.page(BEN)
    assert 'href="/t/acme/messages/m20"' in body
    assert "Agreed at the counter." in body
    assert "Jane Smith" in body
    assert "Their own words" in body


@pytest.mark.parametrize(
    ("role", "path", "verbs"),
    [
        (Role.VIEWER, BEN, set()),
        (Role.APPROVER, BEN, {"confirm", "undo", "check"}),
        (Role.ADMIN, BEN, {"confirm", "undo", "check", "opt-in"}),
        (Role.APPROVER, CLEO, {"check"}),
        (Role.ADMIN, CLEO, {"check", "opt-in"}),
    ],
)
async def test_each_role_sees_the_buttons_that_it_may_press(
    stage: Stage, role: Role, path: str, verbs: set[str]
) -> None:
    stage.door.let_in(role)
    _, body = await stage.page(path)
    known = {"confirm", "undo", "check", "opt-in", "opt-out"}
    assert {verb for verb in known if f'action="{path}/{verb}"' in body} == verbs


@pytest.mark.parametrize(
    ("verb", "back", "place", "flash"),
    [
        ("confirm", "list", "/t/acme/opt-outs", "opt_out_confirmed"),
        ("undo", "one", BEN, "opt_out_undone"),
        ("opt-in", "", BEN, "opted_in"),
        ("opt-out", "", BEN, "opted_out"),
    ],
)
async def test_a_word_leads_back_to_where_it_was_said(
    stage: Stage, verb: str, back: str, place: str, flash: str
) -> None:
    form = {"csrf": CSRF, "back": back, "note": "Phoned."}
    async with stage.client.post(f"{BEN}/{verb}", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, place)
    assert stage.desks.consents.entered == [(verb.replace("-", "_"), samples.BEN, "Phoned.")]
    assert flashes.FLASHES[flash].text in (await stage.page(place))[1]


async def test_a_refused_note_is_shown_again(stage: Stage) -> None:
    stage.desks.consents.refusal = Problem(
        ProblemCode.INVALID, "Too long.", fields={"note": "longer than 500 characters"}
    )
    form = {"csrf": CSRF, "note": "My <own> words"}
    async with stage.client.post(f"{BEN}/opt-in", data=form) as answer:
        body = await answer.text()
    assert answer.status == 422
    assert "My &lt;own&gt; words</textarea>" in body


async def test_who_reviews_second_is_told_kindly(stage: Stage) -> None:
    stage.desks.consents.refusal = Problem(ProblemCode.NOT_IN_DOUBT)
    async with stage.client.post(f"{BEN}/undo", data={"csrf": CSRF}) as answer:
        body = await answer.text()
    assert answer.status == 200
    assert flashes.FLASHES["not_in_doubt"].text in body


async def test_the_mast_counts_what_is_to_be_reviewed(stage: Stage) -> None:
    _, body = await stage.page("/t/acme/opt-outs")
    assert 'id="review-count" hx-get="/t/acme/opt-outs/count"' in body
    _, count = await stage.page("/t/acme/opt-outs/count")
    assert count.strip().startswith("1<")


async def test_a_page_is_told_of_an_opt_out(stage: Stage) -> None:
    async with stage.client.get("/t/acme/events?every=0.2") as answer:
        stage.live.queue.put_nowait(Happening("acme", "c-ben"))
        seen = b""
        while seen.count(b"event: consent") < 2:  # The first says: look at what is there.
            seen += await answer.content.readany()
