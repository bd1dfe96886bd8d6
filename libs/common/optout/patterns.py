"""A small language for sequences of words, in which the rules on free wording are written.

A pattern is words with blanks between: `stop|quit <texting> me`. `a|b` is either word, `<name>` is
one of the patterns of that name, `*` is any one word, and a `?` behind any of them makes it
optional. There is no repetition, so that the work is bounded by the pattern's length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from common.optout.clues import Clues, rarest

Names = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a pattern."""

    words: frozenset[str]
    patterns: Mapping[str, Sequence[Pattern]]
    """By the words that they can begin with."""
    loose: Sequence[Pattern]
    """Patterns that can begin with any word, or with none."""
    anything: bool
    optional: bool
    clue: frozenset[str] | None
    """Words of which one is there wherever the place is filled; None: nobody can tell."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sequence of places."""

    slots: tuple[Slot, ...]
    first: frozenset[str] | None
    """Words that it can begin with; None: any, or even none."""
    needs: frozenset[frozenset[str]]
    """Sets of words, of each of which one is there wherever the pattern is."""

    def ends(self, words: Sequence[str], start: int) -> set[int]:
        """Where the pattern can end that begins at `start`: places behind its last word."""
        places = {start}
        for slot in self.slots:
            after = set(places) if slot.optional else set[int]()
            for place in places:
                if place < len(words):
                    word = words[place]
                    if slot.anything or word in slot.words:
                        after.add(place + 1)
                    for pattern in slot.patterns.get(word, ()):
                        after |= pattern.ends(words, place)
                for pattern in slot.loose:
                    after |= pattern.ends(words, place)
            if not after:
                return after
            places = after
        return places


def listed(written: str) -> tuple[str, ...]:
    """Patterns that are written one after the other, with commas between."""
    return tuple(" ".join(pattern.split()) for pattern in written.split(","))


def read_pattern(written: str, names: Names) -> Pattern:
    """A pattern from how it is written.

    Raises:
        KeyError: it uses a name that is not there.
        ValueError: it says nothing, and would match anything.
    """
    return _Reader(names).pattern(written)


class _Reader:
    """Reads patterns, and what a name stands for only once."""

    def __init__(self, names: Names):
        self._names = names
        self._slots: dict[str, Slot] = {}

    def pattern(self, written: str) -> Pattern:
        if set(written.replace("?", " ").split()) <= {"*"}:
            raise ValueError(f"a pattern without a word: {written!r}")
        slots = tuple(self._slot(slot) for slot in written.split())
        needs = (slot.clue for slot in slots if slot.clue and not slot.optional)
        return Pattern(slots, _first_words(slots), frozenset(needs))

    def _slot(self, written: str) -> Slot:
        if written not in self._slots:
            self._slots[written] = self._read_slot(written)
        return self._slots[written]

    def _read_slot(self, written: str) -> Slot:
        optional = written.endswith("?")
        body = written.removesuffix("?")
        if body.startswith("<"):
            inner = tuple(self.pattern(it) for it in self._names[body[1:-1]])
            loose = tuple(it for it in inner if it.first is None)
            clue = _clue(inner)
            return Slot(frozenset(), _by_first_word(inner), loose, False, optional, clue)
        words = frozenset(body.split("|"))
        anything = body == "*"
        return Slot(words, {}, (), anything, optional, None if anything else words)


def _by_first_word(patterns: Iterable[Pattern]) -> dict[str, list[Pattern]]:
    by_word: dict[str, list[Pattern]] = {}
    for pattern in patterns:
        for word in pattern.first or ():
            by_word.setdefault(word, []).append(pattern)
    return by_word


def _clue(patterns: Iterable[Pattern]) -> frozenset[str] | None:
    """Words of which one is there wherever one of the patterns is."""
    words: frozenset[str] = frozenset()
    for pattern in patterns:
        if not pattern.needs:
            return None
        words |= rarest(pattern.needs)
    return words


def _first_words(slots: Iterable[Slot]) -> frozenset[str] | None:
    first: frozenset[str] = frozenset()
    for slot in slots:
        if slot.anything or slot.loose:
            return None
        first |= slot.words | slot.patterns.keys()
        if not slot.optional:
            return first
    return None


class Phrasebook:
    """Patterns by the words that they can begin with, each with the place of its group."""

    def __init__(self, groups: Iterable[Iterable[str]], names: Names, clues: Clues):
        self._by_word: dict[str, list[tuple[Pattern, int, int]]] = {}
        self._anywhere: list[tuple[Pattern, int, int]] = []
        self._clues = clues
        reader = _Reader(names)
        self.patterns: Final = [
            (reader.pattern(written), place)
            for place, group in enumerate(groups)
            for written in group
        ]
        for pattern, place in self.patterns:
            self._add(pattern, place, clues.asked_by(pattern.needs))

    def _add(self, pattern: Pattern, place: int, asked: int) -> None:
        if pattern.first is None:
            self._anywhere.append((pattern, place, asked))
        for word in pattern.first or ():
            self._by_word.setdefault(word, []).append((pattern, place, asked))

    def at(self, words: Sequence[str], start: int, given: int) -> Iterator[tuple[int, int]]:
        """What begins at `start`: where it ends, and the place of its group. `given` are the clues
        that the words give."""
        for pattern, place, asked in (*self._by_word.get(words[start], ()), *self._anywhere):
            if given & asked == asked:
                for end in pattern.ends(words, start):
                    yield end, place

    def occurs_in(self, words: Sequence[str]) -> bool:
        """Whether any of the patterns is somewhere in the words."""
        given = self._clues.given_by(words)
        return any(any(self.at(words, start, given)) for start in range(len(words)))
