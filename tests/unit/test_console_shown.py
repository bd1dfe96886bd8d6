"""How the console writes values for people, and which word, tone and reason a text gets."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from common.store.control import Hour
from common.store.records import ApprovalDecision, SendState
from health.access.roles import Principal, Role
from health.console import navigation, shown
from health.console.approval_pages import fingerprint
from health.console.audit_pages import changes_of
from health.console.charts import HEIGHT, glances, hour_chart, shares, strip_of
from health.console.conversation_pages import days, life_of
from health.console.delivery import delivery_of, reason_of, waits
from heliograph.codes import TEXTS, OutcomeCode
from tests.unit import console_samples as samples

NOW = samples.NOW


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("+18005550100", "+1 800 555 0100"),
        ("+442079460018", "+44 20 7946 0018"),
        ("55555", "55555"),
        ("ACME", "ACME"),
        ("+999", "+999"),
    ],
)
def test_a_number_is_written_as_people_write_it(address: str, text: str) -> None:
    assert shown.phone(address) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (3_599, "59 min ago"),
        (7_200, "2 h ago"),
        (200_000, "2 d ago"),
        (-7_300, "in 2 h"),
    ],
)
def test_how_long_ago_something_was(seconds: int, text: str) -> None:
    assert shown.ago(NOW - timedelta(seconds=seconds), NOW) == text


def test_an_instant_is_written_in_utc_wherever_it_comes_from() -> None:
    there = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert shown.utc(there) == "28 Feb 2026, 23:30 UTC"
    assert shown.iso(there) == "2026-02-28T23:30:00Z"
    assert shown.day(there) == "Saturday, 28 February 2026"


@pytest.mark.parametrize(
    ("given", "label", "tone"),
    [
        ({"state": "claimed", "status": "claimed", "code": None}, "About to be sent", "quiet"),
        ({"state": "waiting", "status": "claimed", "code": None}, "Will be tried again", "quiet"),
        ({"state": "held", "status": "held"}, "Held for approval", "sun"),
        (
            {"state": "held", "decision": ApprovalDecision.APPROVED},
            "Approved, about to be sent",
            "quiet",
        ),
        ({"code": "approval_rejected", "status": "blocked"}, "Rejected", "danger"),
        ({"code": "recipient_opted_out", "status": "blocked"}, "Refused: opted out", "danger"),
        ({"report_status": "delivered", "status": "delivered"}, "Delivered", "ok"),
        ({"report_status": "undeliverable"}, "Undeliverable", "danger"),
        ({"status": "sent"}, "Sent", "info"),
        ({"status": "uncertain", "code": "ambiguous"}, "Uncertain", "sun"),
        ({"status": "a word of a later release", "code": None}, "Under way", "quiet"),
    ],
)
def test_each_text_gets_its_word_and_tone(given: dict[str, Any], label: str, tone: str) -> None:
    delivery = delivery_of(samples.text("m", "x", at=NOW, inbound=False, **given))
    assert (delivery.label, delivery.tone) == (label, tone)


def test_what_did_not_go_out_says_why_and_what_did_says_nothing() -> None:
    sent = samples.text("m", "x", at=NOW, inbound=False)
    assert reason_of(sent) is None
    for code in OutcomeCode:
        text = samples.text("m", "x", at=NOW, inbound=False, code=code.value, status="failed")
        if code not in {OutcomeCode.SENT, OutcomeCode.GATE_OFF}:
            assert reason_of(text) == TEXTS[code].person
    for code in (OutcomeCode.GATE_OFF, OutcomeCode.LOOP_SUSPECTED):
        held = samples.text(
            "m", "x", at=NOW, inbound=False, state=SendState.HELD.value, code=code.value
        )
        assert waits(held)
        assert reason_of(held) == TEXTS[code].person


def test_the_chart_has_every_hour_and_loses_no_text() -> None:
    hours = samples.hours()
    chart = hour_chart(hours, now=NOW, count=24)
    assert len(chart.bars) == 24
    assert chart.bars[-1].start == NOW.replace(minute=0)
    assert chart.received == sum(hour.received for hour in hours)
    assert max(bar.up for bar in chart.bars) == HEIGHT
    assert hour_chart((), now=NOW, count=24).most == 0


def test_hours_of_several_connections_are_added_up() -> None:
    start = NOW.replace(minute=0)
    hours = [Hour(start=start, connection_id=name, received=2, held=1) for name in "ab"]
    assert hour_chart(hours, now=NOW, count=1).bars[0].received == 4
    assert {share.name: share.count for share in shares(hours)}["held"] == 2


def test_a_thread_is_read_from_the_oldest_day_on() -> None:
    thread = days(samples.thread())
    assert [day.title for day in thread] == ["Saturday, 28 February 2026", "Sunday, 1 March 2026"]
    assert [bubble.text.id for bubble in thread[0].bubbles][:2] == ["m1", "m2"]


def test_the_life_of_an_answer_goes_from_step_to_step_whatever_the_clocks_say() -> None:
    text = next(text for text in samples.thread() if text.id == "m4")
    assert [step.what for step in life_of(text)] == ["answered", "held", "rejected"]
    assert text.decided_at is not None
    sent_at = text.decided_at + timedelta(seconds=1)
    sent = replace(
        text,
        at=sent_at,
        decision=ApprovalDecision.APPROVED,
        sent_at=sent_at,
        report_at=sent_at - timedelta(milliseconds=20),
    )
    steps = life_of(sent)
    assert [step.what for step in steps] == ["answered", "held", "approved", "sent", "reported"]
    assert steps[0].at == text.held_at


def test_only_what_differs_counts_as_a_change() -> None:
    entry = samples.audit()[1]
    assert [(change.field, change.before) for change in changes_of(entry)] == [
        ("status", "active"),
        ("error", None),
    ]


def test_an_inbox_that_changed_has_another_fingerprint() -> None:
    one, two = samples.approval("a"), samples.approval("b")
    assert fingerprint([one, two]) != fingerprint([one])
    assert fingerprint([one]) == fingerprint([samples.approval("a", body="other")])


def test_the_mast_marks_where_one_is_and_lists_what_one_may() -> None:
    viewer = Principal(kind="key", id="k", name="V", role=Role.VIEWER, tenant_id="acme")
    found = navigation.items(viewer, "acme", "/t/acme/messages/m1")
    assert [item.label for item in found if item.current] == ["Conversations"]
    assert {"Keys", "Audit", "Tenants"}.isdisjoint(item.label for item in found)
    overview = navigation.items(viewer, "acme", "/t/acme/")
    assert [item.label for item in overview if item.current] == ["Overview"]


def test_a_cursor_replaces_the_one_before_and_keeps_the_filter() -> None:
    here = "/t/acme/conversations?number=%2B18005550100&cursor=old"
    there = "/t/acme/conversations?number=%2B18005550100&cursor=new"
    assert shown.with_query(here, cursor="new") == there


def test_each_connection_has_its_own_hours_and_outcomes() -> None:
    hours = [
        Hour(start=NOW, connection_id="one", received=3, sent=2, held=1),
        Hour(start=NOW, connection_id="two", received=1, failed=1),
    ]
    seen = glances(hours, now=NOW, count=24)
    assert {name: (it.chart.received, it.chart.sent) for name, it in seen.items()} == {
        "one": (3, 2),
        "two": (1, 0),
    }
    assert [(piece.label, piece.count) for piece in seen["one"].strip] == [("sent", 2), ("held", 1)]


def test_a_strip_has_no_gaps_and_is_as_wide_as_it_may_be() -> None:
    pieces = strip_of([Hour(start=NOW, connection_id="one", sent=1, held=1, failed=1)])
    ends = [piece.x + piece.width for piece in pieces]
    assert [piece.x for piece in pieces] == pytest.approx([0, *ends[:-1]])
    assert ends[-1] == pytest.approx(100, abs=0.1)
    assert strip_of([]) == ()
