"""Machines that answer each other are told from people, rather too late than too early."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loop_cases import CONVERSATIONS, LOOPS

from common.loops import (
    PERIODS,
    ROUNDS,
    SPAN,
    is_loop,
    lookback,
    near_identical,
    replies_limit,
    replies_since,
)
from common.sending_rules import SendingRules
from common.store.records import ConversationFacts, PastText
from heliograph.models import Direction

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RULES = SendingRules()
LESS = timedelta(seconds=20)
"""Between two texts."""


def facts(
    said: Iterable[str],
    *,
    every: timedelta = LESS,
    resumed_at: datetime | None = None,
    rules: SendingRules = RULES,
) -> ConversationFacts:
    """A conversation up to now, as the store tells of it; `<` begins a text of theirs, `>` one of
    ours, the oldest first."""
    newest_first = [
        PastText(
            id=str(place),
            direction=Direction.INBOUND if text[0] == "<" else Direction.OUTBOUND,
            body=text[1:].strip(),
            at=NOW - place * every,
            status="received" if text[0] == "<" else "sent",
        )
        for place, text in enumerate(reversed(list(said)), start=1)
    ]
    since = replies_since(rules, NOW)
    if since is not None and resumed_at is not None:
        since = max(since, resumed_at)
    ours = [
        text
        for text in newest_first
        if since is not None and text.direction is Direction.OUTBOUND and text.at > since
    ]
    return ConversationFacts(
        recent=tuple(newest_first[: lookback(rules)]),
        replies=len(ours[: replies_limit(rules)]),
        resumed_at=resumed_at,
    )


def loops(*said: str, rules: SendingRules = RULES, every: timedelta = LESS) -> bool:
    """Whether the last text, one of ours, would be one of a loop."""
    *before, last = said
    assert last[0] == ">"
    recent = facts(before, every=every, rules=rules)
    return is_loop(recent, rules, body=last[1:].strip(), now=NOW)


@pytest.mark.parametrize("said", LOOPS)
def test_a_loop_is_told_when_all_was_said_three_times(said: tuple[str, ...]) -> None:
    assert loops(*said)


@pytest.mark.parametrize("said", LOOPS)
def test_a_slow_loop_is_told_as_well(said: tuple[str, ...]) -> None:
    assert loops(*said, every=timedelta(seconds=200))


@pytest.mark.parametrize("said", CONVERSATIONS)
@pytest.mark.parametrize("every", [LESS, timedelta(seconds=200)])
def test_a_conversation_of_people_goes_on(said: tuple[str, ...], every: timedelta) -> None:
    assert not loops(*said, every=every)


@pytest.mark.parametrize("said", LOOPS)
def test_before_all_was_said_three_times_nothing_is_suspected(said: tuple[str, ...]) -> None:
    for end in range(1, len(said)):
        if said[end - 1][0] == ">":
            assert not loops(*said[:end])


@pytest.mark.parametrize("said", LOOPS)
def test_rounds_of_long_ago_do_not_count(said: tuple[str, ...]) -> None:
    assert not loops(*said, every=SPAN / 4)


@pytest.mark.parametrize("said", LOOPS)
def test_a_number_without_the_rule_may_loop(said: tuple[str, ...]) -> None:
    assert not loops(*said, rules=SendingRules(loop_replies=None))


@given(replies=st.integers(1, 40), sent=st.integers(0, 60), heard=st.integers(0, 4))
def test_more_texts_than_the_rule_allows_are_a_loop_whatever_both_sides_say(
    replies: int, sent: int, heard: int
) -> None:
    rules = SendingRules(loop_replies=replies)
    said = [line for n in range(sent) for line in (*_heard(n, heard), f"> {_said(n + 99)}")]
    recent = facts(said, every=timedelta(seconds=1), rules=rules)
    assert is_loop(recent, rules, body="and so on", now=NOW) is (sent >= replies)


@given(sent=st.integers(30, 60))
def test_a_busy_day_is_no_loop(sent: int) -> None:
    said = [line for n in range(sent) for line in (*_heard(n, 1), f"> {_said(n + 99)}")]
    assert not is_loop(facts(said), RULES, body="and so on", now=NOW)


def _heard(n: int, texts: int) -> list[str]:
    return [f"< {_said(n)} {_said(place)}" for place in range(texts)]


def _said(n: int) -> str:
    """Words that no other number has."""
    return " ".join(chr(ord("a") + int(digit)) * (place + 2) for place, digit in enumerate(str(n)))


def test_texts_before_a_person_let_it_go_on_do_not_count() -> None:
    (said, *_) = LOOPS[0].values
    assert isinstance(said, tuple)
    body = said[-1][1:]
    for resumed, expected in ((NOW - 10 * LESS, True), (NOW - 3 * LESS, False), (NOW, False)):
        assert is_loop(facts(said[:-1], resumed_at=resumed), RULES, body=body, now=NOW) is expected
    rules = SendingRules(loop_replies=3)
    many = [f"> {_said(n)}" for n in range(3)]
    assert is_loop(facts(many, rules=rules), rules, body="more", now=NOW)
    resumed = facts(many, rules=rules, resumed_at=NOW - LESS)
    assert not is_loop(resumed, rules, body="more", now=NOW)


def test_enough_of_the_history_is_asked_for() -> None:
    for rules in (RULES, SendingRules(loop_replies=1)):
        assert lookback(rules) >= 2 * ROUNDS * max(PERIODS)
        assert replies_limit(rules) >= (rules.loop_replies or 0)
        assert replies_since(rules, NOW) == NOW - timedelta(seconds=rules.loop_window)
    assert replies_since(SendingRules(loop_replies=None), NOW) is None


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Order 12 ships at 9:30", "order 7 ships at 10:05!", True),
        ("", "", True),
        ("…", "...", True),
        ("1", "2", False),
        ("2", "2", True),
        ("yes", "no", False),
        ("Rate the room from 1 to 5.", "Rate the food from 1 to 5.", False),
        ("See you at seven, bring the keys", "See you at seven, bring the car", False),
    ],
)
def test_near_identical_texts(one: str, other: str, alike: bool) -> None:
    assert near_identical(one, other) is alike
    assert near_identical(other, one) is alike


@given(st.text())
def test_a_text_is_near_identical_to_itself(text: str) -> None:
    assert near_identical(text, text)
    assert near_identical(text, f"  {text} ")
