"""Two machines answering each other for ever, told from a lively conversation. Pure.

There is no certain sign of a machine, so two signs that people do not show count: more answers in a
short time than anybody reads, and rounds that repeat themselves, word for word but for numbers,
on both sides. What is suspected is held for a person, so the rules rather miss a loop's first
minutes than stop a customer; more texts than `loop_replies` end every loop that is fast.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from common.sending_rules import SendingRules
from common.store.records import ConversationFacts, PastText
from heliograph.models import Direction

ROUNDS: Final = 3
"""So many rounds, of one text and its answer, that are alike on both sides are a loop. Somebody who
says "ok" twice, or asks the same thing twice, is none."""
PERIODS: Final = (1, 2)
"""After how many rounds a loop says the same again. Where it has two things to say in turn, it has
to say each `ROUNDS` times."""
SPAN: Final = timedelta(hours=2)
"""How far back rounds count. Longer than the rules' window: a machine may take minutes to answer,
and what it says tells it, not its pace."""
ALIKE: Final = 0.9
"""Share of words that near-identical texts have in common."""
SHORT: Final = 3
"""Words of a text that anybody says again and again, such as a choice or a "no thanks"."""
_IN_A_ROUND: Final = 5
"""Texts that a round is expected to have: our answer, and what the other side says meanwhile."""
_EVER_READ: Final = 10
"""Texts that other rules want to see of a conversation."""

_WORDS: Final = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")
"""Words; in scripts that write none apart, single characters."""
_DIGITS: Final = re.compile(r"\d+")


class Round(NamedTuple):
    """What the other side said, and what we answered."""

    theirs: str
    ours: str


def lookback(rules: SendingRules) -> int:
    """How many of a conversation's newest texts `is_loop` wants to see."""
    rounds = ROUNDS * max(PERIODS) if rules.loop_replies is not None else 0
    return max(_EVER_READ, rounds * _IN_A_ROUND)


def replies_since(rules: SendingRules, now: datetime) -> datetime | None:
    """From when on our texts count; None where none do."""
    return now - timedelta(seconds=rules.loop_window) if rules.loop_replies is not None else None


def replies_limit(rules: SendingRules) -> int:
    """How many of our texts have to be counted at most."""
    return (rules.loop_replies or 0) + 1


def is_loop(facts: ConversationFacts, rules: SendingRules, *, body: str, now: datetime) -> bool:
    """Whether a text with this body, sent now, would be one more of a loop. Texts before a person
    let the conversation go on do not count."""
    if rules.loop_replies is None:
        return False
    since = max(now - SPAN, facts.resumed_at or now - SPAN)
    texts = [text for text in facts.recent if text.at > since]
    return facts.replies + 1 > rules.loop_replies or _repeats(texts, body)


def _repeats(newest_first: Sequence[PastText], body: str) -> bool:
    """Whether this text would end rounds that say the same again and again."""
    rounds = _rounds(newest_first, body)
    return any(_is_periodic(rounds[: ROUNDS * period], period) for period in PERIODS)


def _is_periodic(rounds: Sequence[Round], period: int) -> bool:
    """Whether each round is like the one that is a period older, as often as it takes."""
    pairs = zip(rounds, rounds[period:], strict=False)
    return len(rounds) == ROUNDS * period and all(_alike(one, other) for one, other in pairs)


def _rounds(newest_first: Sequence[PastText], body: str) -> Sequence[Round]:
    """Each answer of ours with what it answers, the newest first. Several texts of one side after
    each other are one."""
    said: Iterator[tuple[Direction, str]] = iter(
        [(Direction.OUTBOUND, body), *((text.direction, text.body) for text in newest_first)]
    )
    grouped = groupby(said, key=lambda text: text[0])
    turns = [" ".join(words for _, words in texts) for _, texts in grouped]
    return [Round(theirs, ours) for ours, theirs in zip(turns[::2], turns[1::2], strict=False)]


def _alike(one: Round, other: Round) -> bool:
    """Whether two rounds are near-identical on both sides. A survey's questions may be numbered
    where each answer is a "5": after so short a text only the very same answer of ours counts."""
    if not near_identical(one.theirs, other.theirs):
        return False
    if _is_short(one.theirs) or _is_short(other.theirs):
        return _words(one.ours) == _words(other.ours)
    return near_identical(one.ours, other.ours)


def _is_short(text: str) -> bool:
    return sum(not _DIGITS.fullmatch(word) for word in _words(text)) <= SHORT


def near_identical(one: str, other: str) -> bool:
    """Whether two texts say the same but for numbers, case, punctuation and a word in ten."""
    first, second = _without_numbers(one), _without_numbers(other)
    if first == second:
        return True
    common = len(set(first) & set(second)) / (len(set(first) | set(second)) or 1)
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    return common >= ALIKE or matcher.ratio() >= ALIKE


@lru_cache(maxsize=1_024)
def _words(text: str) -> Sequence[str]:
    """A text's words without case and punctuation; one without any words, as of emoji, is
    itself."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return tuple(_WORDS.findall(plain)) or (plain.strip(),)


@lru_cache(maxsize=1_024)
def _without_numbers(text: str) -> Sequence[str]:
    """The words, with numbers taken for each other, since machines count and date their texts; a
    text of nothing but numbers is somebody's choice."""
    words = _words(text)
    if all(_DIGITS.fullmatch(word) for word in words):
        return words
    return tuple(_DIGITS.sub("0", word) for word in words)
