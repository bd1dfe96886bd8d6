"""Whether a text asks, in whatever words, for no more texts.

In the US any reasonable means revokes consent since 2025-04-11 (FCC, 47 CFR 64.1200(a)(10)), so a
list of keywords is not enough. What matches here blocks at once and waits for a person who confirms
or undoes it, so precision comes first: a text counts only where it can be read to the end of what
stands between two marks. There must be an opt-out and nothing else but courtesies, reasons and the
like: "please stop texting me" is one, "please stop texting me at night" leaves words over and is
none. What else the text says decides with the rule's weight whether it counts.

The rules are data: `english`, `spanish_french`, `surroundings`. The public table of what is one and
what is none is `examples.toml`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from common.optout import english, english_names, spanish_french, surroundings
from common.optout.clues import Clues, Gate
from common.optout.patterns import Phrasebook
from common.optout.rules import Rule, Weight
from common.optout.sentences import SHORTHAND, Segment, plain, segments_in, tokens_in


@dataclass(frozen=True, slots=True)
class Match:
    """What was taken for an opt-out."""

    rule: str
    phrase: str
    """The words that matched, as the matcher reads them: small, without accents and shorthand."""


Matches = Callable[[str], Match | None]
"""The rules, or what was found for some texts before."""


class WordingMatcher(Protocol):
    """Tells an opt-out in free wording in the rules' place, as a model would. Where it raises or is
    late, the rules judge the text (`processor.wording`)."""

    async def __call__(self, text: str, /) -> Match | None: ...


class Reading(NamedTuple):
    """What a segment was read as, up to some word."""

    rule: Rule | None = None
    phrase: str = ""
    led: bool = False
    """What it says beside the rule leaves no room for one that counts only alone."""
    asked: bool = False
    """It began like a polite question."""


RULES: Final = (*english.RULES, *spanish_french.RULES)

_NAMES: Final = {
    **english_names.NAMES,
    **spanish_french.NAMES,
    **surroundings.NAMES,
    **surroundings.NAMES_OF_REASONS,
}
_CLUES: Final = Clues()
_FILLERS: Final = Phrasebook(
    [surroundings.COURTESIES, surroundings.REASONS, surroundings.EXCLAMATIONS], _NAMES, _CLUES
)
_EXCLAMATION: Final = 2
_WHOLE: Final = Phrasebook([surroundings.WHOLE_REASONS], _NAMES, _CLUES)
_LEADS: Final = Phrasebook([surroundings.STATING, surroundings.ASKING], _NAMES, _CLUES)
_ASKING: Final = 1
_CORES: Final = Phrasebook([rule.patterns for rule in RULES], _NAMES, _CLUES)
_NEVER: Final = Phrasebook([surroundings.NEVER], _NAMES, _CLUES)
_OF_THE_MOMENT: Final = Phrasebook([surroundings.OF_THE_MOMENT], _NAMES, _CLUES)

GATE: Final = Gate([pattern.needs for pattern, _ in _CORES.patterns], SHORTHAND)
"""Opens to every text in which a rule could find its words."""

_PLACE: Final = {rule.name: place for place, rule in enumerate(RULES)}
_ORDER: Final = (Weight.ALONE, Weight.BARE, Weight.PLAIN, Weight.CLEAR)


def classify_wording(text: str) -> Match | None:
    """The opt-out that the text is, or `None`. Nearly every text is none and does not pass the
    gate, so that it costs hardly more than to find its words."""
    written = plain(text)
    return opt_out_in(segments_in(written)) if GATE.opens_to(tokens_in(written)) else None


def opt_out_in(segments: Sequence[Segment]) -> Match | None:
    """The opt-out that the segments of a text are, or `None`."""
    readings = {it: _read(it) for it in segments if GATE.opens_to(it.words)}
    if not any(reading and reading.rule for reading in readings.values()):
        return None
    if any(_NEVER.occurs_in(it.words) for it in segments):
        return None
    readings |= {it: _read(it) for it in segments if it not in readings}
    unread = [it for it, reading in readings.items() if not reading]
    found = [
        reading
        for segment, reading in readings.items()
        if reading and reading.rule and _counts(reading.rule, segment, unread)
    ]
    best = max(found, key=_strength, default=None)
    return Match(best.rule.name, best.phrase) if best and best.rule else None


def _counts(rule: Rule, segment: Segment, unread: Sequence[Segment]) -> bool:
    """Whether an opt-out counts beside the segments that could not be read."""
    around = [it for it in unread if it.sentence == segment.sentence]
    if (rule.weight is Weight.ALONE and unread) or (rule.weight is Weight.BARE and around):
        return False
    of_the_moment = any(_OF_THE_MOMENT.occurs_in(it.words) for it in unread)
    if rule.weight is not Weight.CLEAR and of_the_moment:
        return False
    return not any(map(_turns_round, around))


def _turns_round(segment: Segment) -> bool:
    conditional = not surroundings.IN_SENTENCE.isdisjoint(segment.words)
    return conditional or segment.words[-1] in surroundings.DANGLING


def _read(segment: Segment) -> Reading | None:
    """What the whole segment can be read as, at its strongest; `None` where words are left over."""
    words = segment.words
    given = _CLUES.given_by(words)
    if any(end == len(words) for end, _ in _WHOLE.at(words, 0, given)):
        return Reading()
    reached: list[set[Reading]] = [set() for _ in range(len(words) + 1)]
    reached[0].add(Reading())
    for start in range(len(words)):
        if reached[start]:
            for end, reading in _steps(words, start, given, reached[start]):
                reached[end].add(reading)
    harmless = not segment.asks or words[-1] in surroundings.TAGS
    whole = [it for it in reached[-1] if harmless or it.asked or it.rule is None]
    return max(whole, key=_strength, default=None)


def _steps(
    words: Sequence[str], start: int, given: int, readings: Iterable[Reading]
) -> Iterable[tuple[int, Reading]]:
    """How the readings up to `start` go on. `given` are the clues that the words give."""
    fillers = [(end, place == _EXCLAMATION) for end, place in _FILLERS.at(words, start, given)]
    leads = [(end, place == _ASKING) for end, place in _LEADS.at(words, start, given)]
    cores = [(end, RULES[place]) for end, place in _CORES.at(words, start, given)]
    for reading in readings:
        rule, phrase, led, asked = reading
        for end, exclaims in fillers:
            if not exclaims:
                yield end, reading
            elif not _is_light(rule):
                yield end, Reading(rule, phrase, True, asked)
        if rule is None:
            for end, asks in leads:
                yield end, Reading(rule, phrase, True, asked or asks)
        for end, another in cores:
            if not (led and _is_light(another)):
                then = Reading(another, " ".join(words[start:end]), led, asked)
                yield end, max(reading, then, key=_strength)


def _is_light(rule: Rule | None) -> bool:
    return rule is not None and rule.weight is Weight.ALONE


def _strength(reading: Reading) -> tuple[int, int, int, str]:
    """The heavier rule, then the longer phrase, then the rule that is listed first; of two that are
    alike in all of this always the same, for readings come in no order."""
    if reading.rule is None:
        return -1, 0, int(reading.asked), ""
    weight = _ORDER.index(reading.rule.weight)
    return weight, len(reading.phrase), -_PLACE[reading.rule.name], reading.phrase
