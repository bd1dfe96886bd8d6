"""Whether sending rules can be used, by themselves and for the number that they are for. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import phonenumbers

from common.limits.tables import CARRIER_CAPS, Carrier
from common.sender_types import NumberType
from common.sending_rules import (
    DEFAULT,
    NAMES,
    Answers,
    FirstContact,
    LongText,
    SendingRules,
    Shorteners,
    Verification,
)
from health.desk.wording import require_plain
from health.web.problems import Problem, ProblemCode

RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "max_segments": (1, 10),
    "requests_per_minute": (1, 100_000),
    "units_per_minute": (1, 1_000_000),
    "daily_texts": (1, 10_000_000),
    "loop_replies": (2, 200),
    "loop_window": (10, 86_400),
}
"""Whole numbers, with their least and their greatest. More replies than a history is read for
would never be counted."""

CHOICES: Final[Mapping[str, type[StrEnum]]] = {
    "long_text": LongText,
    "shorteners": Shorteners,
    "verification": Verification,
    "first_contact": FirstContact,
    "answers": Answers,
}
ATT_CLASSES: Final = tuple(cap.key for cap in CARRIER_CAPS if cap.carrier is Carrier.ATT)
TMOBILE_TIERS: Final = tuple(cap.key for cap in CARRIER_CAPS if cap.carrier is Carrier.TMOBILE)
"""The classes and tiers that carriers publish daily caps of."""

TIME: Final = r"([01][0-9]|2[0-3]):[0-5][0-9]"
AMOUNT: Final = r"[0-9]{1,9}(\.[0-9]{1,6})?"
LONGEST_ANSWER: Final = 320
"""Characters; more than that, carriers advise against."""
MOST_COUNTRIES: Final = 50

ONLY_FOR: Final[Mapping[str, NumberType]] = {
    "verification": NumberType.TOLL_FREE,
    "att_class": NumberType.LOCAL,
    "tmobile_tier": NumberType.LOCAL,
    "registered_in": NumberType.ALPHANUMERIC,
    "managed_opt_out": NumberType.SHORT_CODE,
}
"""Rules that mean nothing for numbers of other types."""

_CALLED: Final[Mapping[NumberType, str]] = {
    NumberType.TOLL_FREE: "toll-free numbers",
    NumberType.LOCAL: "local numbers",
    NumberType.ALPHANUMERIC: "alphanumeric senders",
    NumberType.SHORT_CODE: "short codes of the US",
}
_NULLABLE: Final = frozenset(
    {
        *("max_segments", "requests_per_minute", "units_per_minute", "daily_texts"),
        *("loop_replies", "verification", "att_class", "tmobile_tier"),
        *("quiet_from", "quiet_until", "daily_cost", "segment_cost"),
        *("answer_opt_out", "answer_opt_in", "answer_help"),
    }
)


class _Unusable(ValueError):
    """Says what is wrong with a value."""


def valid_rules(
    changes: Mapping[str, Any], before: SendingRules, kind: NumberType, region: str
) -> SendingRules:
    """The rules `before` with these changes, for a number of this type and region.

    Enums, costs and countries may be given as plain texts. What is not changed is not judged again,
    but for what goes together.

    Raises:
        Problem: naming each field that cannot be used.
    """
    wrong: dict[str, str] = {}
    read: dict[str, Any] = {}
    for name, value in changes.items():
        try:
            read[name] = _read(name, value)
        except _Unusable as error:
            wrong[name] = str(error)
    wrong |= _foreign(read, kind, region)
    after = replace(before, **read)
    wrong |= {name: what for name, what in _unpaired(after).items() if name not in wrong}
    if wrong:
        raise Problem(
            ProblemCode.INVALID,
            f"Not usable: {'; '.join(f'{name}: {what}' for name, what in wrong.items())}.",
            fields=wrong,
        )
    return after


def plain_rules(rules: SendingRules) -> dict[str, Any]:
    """Every rule with its value, costs as plain texts."""
    values = {name: getattr(rules, name) for name in NAMES}
    return {
        name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()
    }


def applies(name: str, kind: NumberType, region: str) -> bool:
    """Whether a rule means something for such a number."""
    wanted = ONLY_FOR.get(name)
    if name == "managed_opt_out" and region != "US":
        return False
    return wanted is None or wanted is kind


def _foreign(read: Mapping[str, Any], kind: NumberType, region: str) -> dict[str, str]:
    """Rules of another type of number. Setting them back is no use of them."""
    return {
        name: f"is a rule of {_CALLED[ONLY_FOR[name]]} only"
        for name, value in read.items()
        if not applies(name, kind, region) and value != getattr(DEFAULT, name)
    }


def _unpaired(rules: SendingRules) -> dict[str, str]:
    """What goes together and does not."""
    wrong: dict[str, str] = {}
    if (rules.quiet_from is None) is not (rules.quiet_until is None):
        missing = "quiet_from" if rules.quiet_from is None else "quiet_until"
        wrong[missing] = "is missing: quiet hours have a beginning and an end"
    elif rules.quiet_from is not None and rules.quiet_from == rules.quiet_until:
        wrong["quiet_until"] = "is when they begin"
    if rules.daily_cost is not None and rules.segment_cost is None:
        wrong["segment_cost"] = "is missing: a daily cost is counted by it"
    return wrong


def _read(name: str, value: Any) -> Any:
    reader = _READERS.get(name)
    if reader is None:
        raise _Unusable("there is no such rule")
    if value is None:
        if name not in _NULLABLE:
            raise _Unusable("cannot be nothing")
        return None
    return reader(value)


def _one_of(kind: type[StrEnum]) -> Callable[[Any], StrEnum]:
    def read(value: Any) -> StrEnum:
        try:
            return kind(value)
        except ValueError:
            raise _Unusable(f"one of {', '.join(kind)}") from None

    return read


def _word_of(words: tuple[str, ...]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in words:
            raise _Unusable(f"one of {', '.join(words)}")
        return str(value)

    return read


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _Unusable(f"a whole number from {least} to {most}")
        return value

    return read


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Unusable("true or false")
    return value


def _time(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(TIME, value):
        raise _Unusable("a time such as 21:00")
    return value


def _amount(value: Any) -> Decimal:
    if not isinstance(value, str | Decimal) or not re.fullmatch(AMOUNT, str(value)):
        raise _Unusable("an amount of 0 or more, such as 0.0079")
    return Decimal(value)


def _countries(value: Any) -> tuple[str, ...]:
    given = tuple(dict.fromkeys(str(country).strip().upper() for country in value))
    unknown = [country for country in given if country not in phonenumbers.SUPPORTED_REGIONS]
    if unknown:
        raise _Unusable("countries by two letters of ISO 3166, such as GB")
    if len(given) > MOST_COUNTRIES:
        raise _Unusable(f"at most {MOST_COUNTRIES} countries")
    return given


def _answer(value: Any) -> str:
    text = str(value).replace("\r\n", "\n").strip()
    if not 1 <= len(text) <= LONGEST_ANSWER:
        raise _Unusable(f"a text of 1 to {LONGEST_ANSWER} characters")
    try:
        require_plain(text, "")
    except Problem as problem:
        raise _Unusable(problem.fields[""]) from None
    return text


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    **{name: _one_of(kind) for name, kind in CHOICES.items()},
    **{name: _whole(least, most) for name, (least, most) in RANGES.items()},
    **dict.fromkeys(("transliterate", "managed_opt_out"), _switch),
    **dict.fromkeys(("quiet_from", "quiet_until"), _time),
    **dict.fromkeys(("daily_cost", "segment_cost"), _amount),
    **dict.fromkeys(("answer_opt_out", "answer_opt_in", "answer_help"), _answer),
    "att_class": _word_of(ATT_CLASSES),
    "tmobile_tier": _word_of(TMOBILE_TIERS),
    "registered_in": _countries,
}
