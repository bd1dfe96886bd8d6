"""Recognising what was handled, and numbering replies so that nothing is texted twice."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from heliograph.dedupe import Ordinals, Recent, reply_id


def test_what_was_added_is_remembered() -> None:
    recent = Recent()
    recent.add("t1")
    assert "t1" in recent
    assert "t2" not in recent


@given(st.lists(st.integers(0, 30)), st.integers(1, 10))
def test_the_memory_is_bounded_and_keeps_the_newest(things: list[int], limit: int) -> None:
    recent = Recent(limit)
    for thing in things:
        recent.add(thing)
    newest = list(dict.fromkeys(reversed(things)))[:limit]
    assert len(recent) <= limit
    assert all(thing in recent for thing in newest)


def test_replies_are_numbered_from_one() -> None:
    ordinals = Ordinals()
    assert [ordinals.take(), ordinals.take(), ordinals.take()] == [1, 2, 3]


def test_a_reply_without_an_outcome_gives_its_number_to_the_next() -> None:
    ordinals = Ordinals()
    first, _ = ordinals.take(), ordinals.take()
    ordinals.give_back(first)
    assert [ordinals.take(), ordinals.take()] == [1, 3]


def test_a_wanted_number_is_given_and_counts_as_taken() -> None:
    ordinals = Ordinals()
    assert ordinals.take(2) == 2
    assert [ordinals.take(), ordinals.take()] == [1, 3]


def test_the_command_id_of_a_reply_follows_from_its_turn_alone() -> None:
    assert reply_id("turn", 1) == "turn:1"
    assert reply_id("turn", 2) == "turn:2"
