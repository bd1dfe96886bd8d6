"""Machines that answer each other are told from people, rather too late than too early."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.loops import ROUNDS, is_loop, lookback, near_identical
from common.sending_rules import SendingRules
from common.store.records import ConversationFacts, PastText
from heliograph.models import Direction

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
RULES = SendingRules()
LESS = timedelta(seconds=20)
"""Between two texts."""


def facts(
    said: Iterable[str], *, every: timedelta = LESS, resumed_at: datetime | None = None
) -> ConversationFacts:
    """A conversation up to now; `<` begins a text of theirs, `>` one of ours, the oldest first."""
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
    return ConversationFacts(recent=tuple(newest_first), resumed_at=resumed_at)


def loops(*said: str, rules: SendingRules = RULES, every: timedelta = LESS) -> bool:
    """Whether the last text, one of ours, would be one of a loop."""
    *before, last = said
    assert last[0] == ">"
    return is_loop(facts(before, every=every), rules, body=last[1:].strip(), now=NOW)


AWAY = "I am out of the office until 9 March and have no access to my texts."
LOOPS = [
    pytest.param((f"< {AWAY}", "> Thanks! A colleague will be in touch.") * 3, id="out of office"),
    pytest.param(
        (
            "< Auto-reply: your request 4711 was received at 10:01.",
            "> Thanks for your message. Your ticket number is 91.",
            "< Auto-reply: your request 4712 was received at 10:02.",
            "> Thanks for your message. Your ticket number is 92.",
            "< Auto-reply: your request 4713 was received at 10:03.",
            "> Thanks for your message. Your ticket number is 93.",
        ),
        id="numbers count on",
    ),
    pytest.param(
        (
            "> How can I help you?",
            "< Sorry, I did not understand that. Reply MENU for options.",
            "> I am sorry to hear that! How can I help you?",
            "< SORRY, I did not understand that.  Reply MENU for options",
            "> I am sorry to hear that. How can I help you?",
            "< Sorry, I did not understand that! Reply MENU for options.",
            "> I am sorry to hear that! How can I help you?",
        ),
        id="case and punctuation differ",
    ),
    pytest.param(("< 👍", "> 👍") * 3, id="emoji without words"),
    pytest.param(
        ("< 您好，我现在不方便回复。", "> 谢谢您的留言，我们会尽快回复。") * 3, id="Chinese"
    ),
    pytest.param(
        ("< Your message", "< was received.", "> Thank you!", "> Anything else?") * 3,
        id="two texts in each turn",
    ),
]
CONVERSATIONS = [
    pytest.param(("> Your table is booked for 7.",), id="a first text"),
    pytest.param(("< ok", "> Great, see you at 7!") * 2, id="ok twice"),
    pytest.param(
        ("< yes", "> Is it for two?", "< yes", "> Indoors?", "< yes", "> A window seat?"),
        id="yes to three questions",
    ),
    pytest.param(
        (
            "< 5",
            "> Rate the room from 1 to 5.",
            "< 5",
            "> Rate the food from 1 to 5.",
            "< 5",
            "> Rate the staff from 1 to 5.",
        ),
        id="a survey",
    ),
    pytest.param(
        (
            "< 1",
            "> Reply 1 for opening hours, 2 for bookings.",
            "< 2",
            "> Reply 1 for opening hours, 2 for bookings.",
            "< 3",
            "> Reply 1 for opening hours, 2 for bookings.",
        ),
        id="somebody tries the menu",
    ),
    pytest.param(
        (
            "< Where is my order?",
            "> It left at 9 and is on its way.",
            "< Where is my order?",
            "> It is in your street now.",
            "< Where is my order?",
            "> It was left at your door.",
        ),
        id="an impatient customer with new answers",
    ),
    pytest.param(
        (
            "< hello?",
            "> Hi! What can I do for you?",
            "< hello?",
            "> Hi! What can I do for you?",
            "< I want to book a table",
            "> Hi! What can I do for you?",
        ),
        id="the person goes on",
    ),
    pytest.param(("> Reminder: your rent is due.",) * 6, id="nobody answers"),
    pytest.param(
        ("< 👍", "> See you then!", "< ❤️", "> See you then!", "< 😂", "> See you then!"),
        id="other emoji",
    ),
    pytest.param(
        ("> Anything else?", "< no thanks", "> Have a good day!", "< you too", "> Bye!"),
        id="a farewell",
    ),
]


@pytest.mark.parametrize("said", LOOPS)
def test_a_loop_is_told_by_its_third_round(said: tuple[str, ...]) -> None:
    assert loops(*said)


@pytest.mark.parametrize("said", CONVERSATIONS)
def test_a_conversation_of_people_goes_on(said: tuple[str, ...]) -> None:
    assert not loops(*said)


@pytest.mark.parametrize("said", LOOPS)
def test_before_the_third_round_nothing_is_suspected(said: tuple[str, ...]) -> None:
    for end in range(1, len(said)):
        if said[end - 1][0] == ">":
            assert not loops(*said[:end])


@pytest.mark.parametrize("said", LOOPS)
def test_rounds_outside_the_window_do_not_count(said: tuple[str, ...]) -> None:
    assert not loops(*said, every=timedelta(seconds=RULES.loop_window / 4))


@pytest.mark.parametrize("said", LOOPS)
def test_a_number_without_the_rule_may_loop(said: tuple[str, ...]) -> None:
    assert not loops(*said, rules=SendingRules(loop_replies=None))


@given(replies=st.integers(1, 40), sent=st.integers(0, 60))
def test_more_texts_than_the_rule_allows_are_a_loop_whatever_they_say(
    replies: int, sent: int
) -> None:
    rules = SendingRules(loop_replies=replies)
    said = [line for n in range(sent) for line in (f"< {_said(n)}", f"> {_said(n + 99)}")]
    every = timedelta(seconds=1)
    recent = facts(said[-lookback(rules) :], every=every)
    assert is_loop(recent, rules, body="and so on", now=NOW) is (sent >= replies)


@given(sent=st.integers(30, 60))
def test_a_busy_day_is_no_loop(sent: int) -> None:
    said = [line for n in range(sent) for line in (f"< {_said(n)}", f"> {_said(n + 99)}")]
    assert not is_loop(facts(said), RULES, body="and so on", now=NOW)


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
    assert is_loop(facts(many), rules, body="more", now=NOW)
    assert not is_loop(facts(many, resumed_at=NOW - LESS), rules, body="more", now=NOW)


def test_enough_of_the_history_is_asked_for() -> None:
    assert lookback(RULES) >= 2 * 30 + 2 * ROUNDS
    assert lookback(SendingRules(loop_replies=None)) >= 2 * ROUNDS
    assert lookback(SendingRules(loop_replies=1)) >= 2 * ROUNDS


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
