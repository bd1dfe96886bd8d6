"""A small language for sequences of words, in which the rules on free wording are written.

A pattern is words with blanks between: `stop|quit <texting> me`. `a|b` is either word, `<name>` is
one of the patterns of that name, `*` is any one word, and a `?` behind any of them makes it
optional. There is no repetition, so that the work is bounded by the pattern's length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Names = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Slot:
    """One place of a pattern."""

    words: frozenset[str]
    patterns: tuple[Pattern, ...]
    anything: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class Pattern:
    """A sequence of places."""

    slots: tuple[Slot, ...]
    first: frozenset[str] | None
    """Words that it can begin with; None: any, or even none."""

    def may_begin(self, words: Sequence[str], start: int) -> bool:
        """Whether it is worth a try there."""
        return self.first is None or (start < len(words) and words[start] in self.first)

    def ends(self, words: Sequence[str], start: int) -> frozenset[int]:
        """Where the pattern can end that begins at `start`: places behind its last word."""
        places = frozenset((start,))
        for slot in self.slots:
            after = set(places) if slot.optional else set[int]()
            for place in places:
                if place < len(words) and (slot.anything or words[place] in slot.words):
                    after.add(place + 1)
                for pattern in slot.patterns:
                    if pattern.may_begin(words, place):
                        after |= pattern.ends(words, place)
            if not after:
                return frozenset()
            places = frozenset(after)
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
    if set(written.replace("?", " ").split()) <= {"*"}:
        raise ValueError(f"a pattern without a word: {written!r}")
    slots = tuple(_read_slot(slot, names) for slot in written.split())
    return Pattern(slots, _first_words(slots))


def _first_words(slots: Iterable[Slot]) -> frozenset[str] | None:
    first: frozenset[str] = frozenset()
    for slot in slots:
        if slot.anything:
            return None
        first |= slot.words
        for pattern in slot.patterns:
            if pattern.first is None:
                return None
            first |= pattern.first
        if not slot.optional:
            return first
    return None


def _read_slot(written: str, names: Names) -> Slot:
    optional = written.endswith("?")
    body = written.removesuffix("?")
    if body.startswith("<"):
        inner = tuple(read_pattern(it, names) for it in names[body[1:-1]])
        return Slot(frozenset(), inner, anything=False, optional=optional)
    return Slot(frozenset(body.split("|")), (), anything=body == "*", optional=optional)


class Phrasebook:
    """Patterns by the words that they can begin with, each with the place of its group."""

    def __init__(self, groups: Iterable[Iterable[str]], names: Names):
        self._by_word: dict[str, list[tuple[Pattern, int]]] = {}
        self._anywhere: list[tuple[Pattern, int]] = []
        for place, group in enumerate(groups):
            for written in group:
                self._add(read_pattern(written, names), place)

    def _add(self, pattern: Pattern, place: int) -> None:
        if pattern.first is None:
            self._anywhere.append((pattern, place))
        for word in pattern.first or ():
            self._by_word.setdefault(word, []).append((pattern, place))

    def at(self, words: Sequence[str], start: int) -> Iterator[tuple[int, int]]:
        """What begins at `start`: where it ends, and the place of its group."""
        if start < len(words):
            for pattern, place in (*self._by_word.get(words[start], ()), *self._anywhere):
                for end in pattern.ends(words, start):
                    yield end, place

    def occurs_in(self, words: Sequence[str]) -> bool:
        """Whether any of the patterns is somewhere in the words."""
        return any(any(self.at(words, start)) for start in range(len(words)))
