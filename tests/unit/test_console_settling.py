"""The page of a text says in words what an unsettled end means, and what will settle it."""

from __future__ import annotations

from typing import Any

import pytest

from common.store.control import Unsettled
from health.access.roles import Role
from health.console.conversation_pages import life_of
from health.console.delivery import reason_of, settling_of
from heliograph.codes import TEXTS, OutcomeCode
from tests.unit import console_samples as samples
from tests.unit.console_samples import NOW
from tests.unit.console_stage import Sampled, open_stage

UNCERTAIN = {"status": "uncertain", "code": "ambiguous"}
MISSING = {"report_missing_at": NOW}


def text(**given: Any) -> Any:
    return samples.text("m", "x", at=NOW, inbound=False, **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (UNCERTAIN, "It may have gone out, so it is not sent again"),
        (UNCERTAIN | MISSING, "no delivery report has come in time"),
        ({"status": "sent"} | MISSING, "some carriers give none"),
    ],
)
async def test_the_page_of_an_unsettled_text_says_what_will_settle_it(
    given: dict[str, Any], words: str
) -> None:
    async with open_stage() as stage:
        stage.door.let_in(Role.VIEWER)
        stage.desks.reading = Sampled(text=text(**given))
        _, body = await stage.page("/t/acme/messages/m")
    assert words in body
    assert "still settles it" in body or "A delivery report settles it" in body
    assert ("Report missing since" in body) is (given.get("report_missing_at") is not None)


@pytest.mark.parametrize("status", ["sent", "delivered", "failed", "held"])
def test_a_text_that_is_settled_or_may_still_be_needs_no_such_words(status: str) -> None:
    assert settling_of(text(status=status)) is None


def test_an_uncertain_text_that_a_report_has_settled_is_called_uncertain_no_more() -> None:
    assert reason_of(text(**UNCERTAIN)) == TEXTS[OutcomeCode.AMBIGUOUS].person
    settled = {"status": "delivered", "report_status": "delivered", "code": "ambiguous"}
    assert reason_of(text(**settled)) is None


def test_a_missing_report_is_a_step_of_a_texts_life() -> None:
    assert [step.what for step in life_of(text(**MISSING))][-1] == "report_missing"


async def test_the_overview_counts_unsettled_texts_and_leads_to_them() -> None:
    async with open_stage() as stage:
        stage.door.let_in(Role.VIEWER)
        _, body = await stage.page("/t/acme/")
        assert "2 uncertain" in body
        assert 'href="/t/acme/conversations?state=uncertain"' in body
        assert 'href="/t/acme/conversations?state=report_missing"' in body
        stage.desks.reading = Sampled(
            hours=samples.hours(), unsettled=Unsettled(uncertain=0, report_missing=0)
        )
        _, body = await stage.page("/t/acme/")
        assert "uncertain</a>" not in body
        assert "report_missing" not in body


@pytest.mark.parametrize("trace_id", ["0af7651916cd43dd8448eb211c80319c", None])
async def test_the_page_of_a_text_leads_to_its_trace(trace_id: str | None) -> None:
    async with open_stage() as stage:
        stage.door.let_in(Role.VIEWER)
        stage.desks.reading = Sampled(text=text(trace_id=trace_id))
        _, body = await stage.page("/t/acme/messages/m")
    assert ("Trace ID" in body) is (trace_id is not None)
    assert trace_id is None or trace_id in body
