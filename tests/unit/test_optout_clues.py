"""The cheap look at a text's words: it may let too much through, and never too little."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import optout
from common.optout import english_names, spanish_french, surroundings
from common.optout.clues import Clues, Gate, rarest
from common.optout.patterns import Pattern, Phrasebook, read_pattern
from common.optout.sentences import SHORTHAND, plain, segments_of, tokens_in
from common.optout.wording import GATE, RULES, Match, classify_wording

pytestmark = pytest.mark.unit

_TABLE: Final = tomllib.loads(
    Path(optout.__file__).with_name("examples.toml").read_text(encoding="utf-8")
)
EXAMPLES: Final = [
    text for kind in ("opt_out", "none") for group in _TABLE[kind] for text in group["texts"]
]
NAMES: Final = {
    **english_names.NAMES,
    **spanish_french.NAMES,
    **surroundings.NAMES,
    **surroundings.NAMES_OF_REASONS,
}
IN_RULES: Final = [pattern for rule in RULES for pattern in rule.patterns]
AROUND: Final = [
    *(*surroundings.COURTESIES, *surroundings.EXCLAMATIONS, *surroundings.REASONS),
    *(*surroundings.WHOLE_REASONS, *surroundings.STATING, *surroundings.ASKING),
    *(*surroundings.NEVER, *surroundings.OF_THE_MOMENT),
]
ORDINARY: Final = (
    "Hi, is my order on its way?",
    "Could you move my appointment to Thursday at 3 pm, please? I have to pick up the kids.",
    "Thanks! One more thing: the door code changed, it is on the paper that I left with Anna.",
    "Ok 👍",
    "I’ll be there around noon, don’t wait for me",
    "No, I don't need anything else thanks",
    "The package arrived but the box was damaged, what should I do?",
    "My address is 1200 Main St, Apt 4B, Seattle WA 98101",
    "Can you send me the invoice again please? I can't find it",
    "I think there is a mistake on my bill, it says $45 but I was told $35",
    "Hola, ¿a qué hora abren mañana?",
    "Bonjour, est-ce que vous êtes ouverts dimanche ?",
)
_WORDS: Final = sorted({word for text in ORDINARY for word in text.split()})


def passes(text: str) -> bool:
    return GATE.opens_to(tokens_in(plain(text)))


def read_without_looking(text: str) -> Match | None:
    """How the text is read where every pattern is tried everywhere."""
    with (
        mock.patch.object(Gate, "opens_to", return_value=True),
        mock.patch.object(Clues, "given_by", return_value=-1),
    ):
        return classify_wording(text)


def can_do_without(written: str, words: frozenset[str]) -> bool:
    """Whether a pattern, as it is written, allows a text with none of the words."""
    return all(
        slot.endswith("?")
        or slot == "*"
        or (
            any(can_do_without(it, words) for it in NAMES[slot[1:-1]])
            if slot.startswith("<")
            else not words.issuperset(slot.split("|"))
        )
        for slot in written.split()
    )


def test_no_pattern_can_do_without_what_it_is_said_to_need() -> None:
    for written in (*IN_RULES, *AROUND):
        for clue in read_pattern(written, NAMES).needs:
            assert not can_do_without(written, clue), written


def test_every_pattern_of_a_rule_needs_something() -> None:
    assert [written for written in IN_RULES if not read_pattern(written, NAMES).needs] == []


@given(st.sampled_from(IN_RULES), st.data())
@settings(max_examples=300)
def test_the_gate_opens_where_all_is_there_that_a_rule_needs(
    written: str, data: st.DataObject
) -> None:
    needs = sorted(map(sorted, read_pattern(written, NAMES).needs))
    assert GATE.opens_to([data.draw(st.sampled_from(clue)) for clue in needs])


def test_the_gate_takes_shorthand_for_what_it_means() -> None:
    for needs in [read_pattern(written, NAMES).needs for written in IN_RULES]:
        for token, meant in SHORTHAND.items():
            others = [min(clue) for clue in needs if clue.isdisjoint(meant.split())]
            if len(others) < len(needs):
                assert GATE.opens_to([token, *others]), (token, others)


@st.composite
def said(draw: st.DrawFn, written: str) -> str:
    """A text that a pattern allows."""
    words = []
    for slot in written.split():
        if slot.endswith("?") and draw(st.booleans()):
            continue
        body = slot.removesuffix("?")
        if body.startswith("<"):
            words.append(draw(said(draw(st.sampled_from(NAMES[body[1:-1]])))))
        else:
            words.append(draw(st.sampled_from(body.split("|"))).replace("*", "brenda"))
    return " ".join(word for word in words if word)


_IN_SHORT: Final = {meant: token for token, meant in SHORTHAND.items()}
_MARKS: Final = st.sampled_from([" ", ", ", ". ", "? ", "! ", "\n", "... ", ' "', " '", " & ", "#"])
_PIECES: Final = st.one_of(
    *(st.sampled_from(patterns).flatmap(said) for patterns in (IN_RULES, AROUND)),
    st.lists(st.sampled_from([*_WORDS, *SHORTHAND]), max_size=6).map(" ".join),
    st.sampled_from(EXAMPLES),
    st.text(max_size=8),
)


@given(st.lists(st.tuples(_PIECES, _MARKS), min_size=1, max_size=4), st.booleans())
@settings(max_examples=400)
def test_a_text_is_read_the_same_with_the_cheap_look_and_without(
    pieces: list[tuple[str, str]], in_short: bool
) -> None:
    text = "".join(piece + mark for piece, mark in pieces)
    if in_short:
        for meant, token in _IN_SHORT.items():
            text = text.replace(f" {meant} ", f" {token} ")
    assert classify_wording(text) == read_without_looking(text)


def test_every_example_is_read_the_same_with_the_cheap_look_and_without() -> None:
    for text in EXAMPLES:
        assert classify_wording(text) == read_without_looking(text), text


@pytest.mark.parametrize("text", ORDINARY)
def test_an_ordinary_text_does_not_pass_the_gate(text: str) -> None:
    assert not passes(text)


@given(st.text(alphabet="abs'’\"“”#&-_. \n1éŉ😡\u200b", max_size=40))
@settings(max_examples=300)
def test_the_gate_looks_at_the_words_that_are_read(text: str) -> None:
    tokens = [word for it in tokens_in(plain(text)) for word in SHORTHAND.get(it, it).split()]
    read: Sequence[str] = [word for it in segments_of(text) for word in it.words if word.isalnum()]
    assert tokens == read


# By itself.


_SMALL: Final = {"it": ("all this|that", "* those"), "any": ("x?",)}


@pytest.mark.parametrize(
    ("written", "needs"),
    [
        ("stop|quit me", {frozenset({"stop", "quit"}), frozenset({"me"})}),
        ("please? stop", {frozenset({"stop"})}),
        ("stop *", {frozenset({"stop"})}),
        ("stop <it>", {frozenset({"stop"}), frozenset({"this", "that", "those"})}),
        ("stop <it>?", {frozenset({"stop"})}),
        ("stop <any>", {frozenset({"stop"})}),
    ],
)
def test_a_pattern_needs_a_word_of_every_place_that_must_be_filled(
    written: str, needs: set[frozenset[str]]
) -> None:
    assert read_pattern(written, _SMALL).needs == needs


def test_the_rarest_clue_is_the_one_of_long_words() -> None:
    clues = [frozenset({"do", "not"}), frozenset({"texting", "calling"}), frozenset({"me"})]
    assert rarest(clues) == {"texting", "calling"}


def test_a_gate_opens_to_all_that_a_pattern_needs_and_to_nothing_less() -> None:
    gate = Gate([[frozenset({"stop", "quit"}), frozenset({"not"})]], {"dont": "do not"})
    assert gate.opens_to(["do", "not", "quit"])
    assert gate.opens_to(["stop", "dont"])
    assert not gate.opens_to(["stop", "quit"])
    assert not gate.opens_to(["dont"])
    assert not gate.opens_to([])


def test_a_phrasebook_tries_only_what_its_words_can_hold() -> None:
    clues = Clues()
    book = Phrasebook([["stop me", "stop"]], {}, clues)
    with mock.patch.object(Pattern, "ends", return_value={1}) as ends:
        assert list(book.at(["stop"], 0, clues.given_by(["stop"]))) == [(1, 0)]
    assert ends.call_count == 1
