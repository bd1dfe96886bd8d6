"""Which words a pattern cannot do without: a cheap look before the expensive reading.

Nearly every text says nothing that the rules know. A clue is a set of words of which a pattern
needs one: "stop|quit <texting> me" needs "stop" or "quit", one of the words that `<texting>` cannot
do without, and "me". Clues are taken from the patterns themselves, so none can be forgotten. Each
has a bit, so that what words give and what a pattern asks for compare in one step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

Clue = frozenset[str]


def rarest(needs: Iterable[Clue]) -> Clue:
    """The clue that everyday talk gives least often, as a guess: the longer a word, the rarer."""
    return max(needs, key=lambda clue: (min(map(len, clue)), -len(clue), sorted(clue)))


class Clues:
    """Gives each clue its bit."""

    def __init__(self) -> None:
        self._bits: dict[Clue, int] = {}
        self._by_word: dict[str, int] = {}

    def asked_by(self, needs: Iterable[Clue]) -> int:
        """The bits of all that a pattern needs; who gives them is known from then on."""
        asked = 0
        for clue in needs:
            if clue not in self._bits:
                self._add(clue)
            asked |= self._bits[clue]
        return asked

    def given_by(self, words: Iterable[str]) -> int:
        """The bits of all clues that some words give."""
        given = 0
        for word in words:
            given |= self._by_word.get(word, 0)
        return given

    def _add(self, clue: Clue) -> None:
        bit = self._bits[clue] = 1 << len(self._bits)
        for word in clue:
            self._by_word[word] = self._by_word.get(word, 0) | bit


class Gate:
    """Tells by its words alone that a text holds none of some patterns."""

    def __init__(self, patterns: Collection[Collection[Clue]], shorthand: Mapping[str, str]):
        """`patterns` are what each of them needs; `shorthand` has the words that a token means."""
        clues = Clues()
        asked: dict[str, set[int]] = {}
        for needs in patterns:
            bits = clues.asked_by(needs)
            for word in rarest(needs):
                asked.setdefault(word, set()).add(bits)
        words = {word for needs in patterns for clue in needs for word in clue}
        meanings = {**dict(zip(words, words, strict=True)), **shorthand}
        self._tokens: dict[str, tuple[int, tuple[int, ...]]] = {}
        for token, meant in meanings.items():
            given = clues.given_by(meant.split())
            if given:
                perhaps = {bits for word in meant.split() for bits in asked.get(word, ())}
                self._tokens[token] = given, tuple(perhaps)

    def opens_to(self, tokens: Iterable[str]) -> bool:
        """Whether one of the patterns may be in a text of these tokens; False: none is. A pattern
        is looked at only where the rarest of what it needs is there."""
        given = 0
        perhaps: tuple[int, ...] = ()
        for token in tokens:
            if token in self._tokens:
                bits, asked = self._tokens[token]
                given |= bits
                perhaps += asked
        return any(given & asked == asked for asked in perhaps)
