"""Two machines answering each other for ever, told from a lively conversation. Pure.

There is no certain sign of a machine, so two signs that people do not show count: more answers in a
short time than anybody reads, and rounds that repeat themselves, word for word but for numbers,
on both sides. What is suspected is held for a person, so the rules rather miss a loop's first
minutes than stop a customer; more texts than `loop_replies` end every loop.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby, pairwise
from typing import Final

from common.sending_rules import SendingRules
from common.store.records import ConversationFacts, PastText
from heliograph.models import Direction

ROUNDS: Final = 3
"""So many rounds, of one text and its answer, that are alike on both sides are a loop. Somebody who
says "ok" twice, or asks the same thing twice, is none."""
ALIKE: Final = 0.9
"""Share of words that near-identical texts have in common."""
_EVER_READ: Final = 10
"""Texts that other rules want to see of a conversation, and that a round may have more of."""

_WORDS: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
"""Words; in scripts that write none apart, single characters."""
_DIGITS: Final = re.compile(r"\d+")


def lookback(rules: SendingRules) -> int:
    """How many of a conversation's newest texts `is_loop` wants to see: as many answers as are
    allowed, each with what it answers."""
    return 2 * (rules.loop_replies or 0) + _EVER_READ


def is_loop(facts: ConversationFacts, rules: SendingRules, *, body: str, now: datetime) -> bool:
    """Whether a text with this body, sent now, would be one more of a loop. Texts before a person
    let the conversation go on do not count."""
    if rules.loop_replies is None:
        return False
    start = now - timedelta(seconds=rules.loop_window)
    since = max(start, facts.resumed_at or start)
    texts = [text for text in facts.recent if text.at > since]
    sent = sum(text.direction is Direction.OUTBOUND for text in texts)
    return sent + 1 > rules.loop_replies or _repeats(texts, body)


def _repeats(newest_first: Sequence[PastText], body: str) -> bool:
    """Whether this text would end the last of `ROUNDS` rounds that are alike on both sides."""
    turns = _turns(newest_first, body)
    sides = turns[0 : 2 * ROUNDS : 2], turns[1 : 2 * ROUNDS : 2]
    return all(len(side) == ROUNDS and _alike(side) for side in sides)


def _turns(newest_first: Sequence[PastText], body: str) -> Sequence[str]:
    """What each side said in turn, the newest first: ours, theirs, ours. Several texts of one side
    after each other are one turn."""
    said: Iterator[tuple[Direction, str]] = iter(
        [(Direction.OUTBOUND, body), *((text.direction, text.body) for text in newest_first)]
    )
    grouped = groupby(said, key=lambda text: text[0])
    return [" ".join(words for _, words in texts) for _, texts in grouped]


def _alike(texts: Sequence[str]) -> bool:
    """Whether each text is near-identical to the next."""
    return all(near_identical(one, other) for one, other in pairwise(texts))


def near_identical(one: str, other: str) -> bool:
    """Whether two texts say the same but for numbers, case, punctuation and a word in ten."""
    first, second = _words(one), _words(other)
    if first == second:
        return True
    common = len(set(first) & set(second)) / (len(set(first) | set(second)) or 1)
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    return common >= ALIKE or matcher.ratio() >= ALIKE


@lru_cache(maxsize=1_024)
def _words(text: str) -> Sequence[str]:
    """A text's words without case and punctuation. Numbers are taken for each other within words,
    since machines count and date their texts; a text of nothing but numbers is somebody's choice,
    and one without any words, as of emoji, is itself."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    words = tuple(_WORDS.findall(plain))
    if all(_DIGITS.fullmatch(word) for word in words):
        return words or (plain.strip(),)
    return tuple(_DIGITS.sub("0", word) for word in words)
