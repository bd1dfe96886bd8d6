"""The sending rules of a number: showing them, and changing some of them by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from heliograph.cli.columns import Column
from heliograph.cli.errors import Misused
from heliograph.cli.options import NumberAt
from heliograph.cli.session import Session


def _text(value: str) -> Any:
    return value


def _whole(value: str) -> Any:
    try:
        return int(value)
    except ValueError:
        raise Misused(f"{value!r} is no whole number.") from None


def _switch(value: str) -> Any:
    known = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
    if value.lower() not in known:
        raise Misused(f"{value!r} is neither true nor false.")
    return known[value.lower()]


def _list(value: str) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()]


KINDS: Final[Mapping[str, Callable[[str], Any]]] = {
    "long_text": _text,
    "max_segments": _whole,
    "transliterate": _switch,
    "shorteners": _text,
    "requests_per_minute": _whole,
    "units_per_minute": _whole,
    "verification": _text,
    "att_class": _text,
    "tmobile_tier": _text,
    "registered_in": _list,
    "managed_opt_out": _switch,
    "quiet_from": _text,
    "quiet_until": _text,
    "first_contact": _text,
    "daily_texts": _whole,
    "daily_cost": _text,
    "segment_cost": _text,
    "loop_replies": _whole,
    "loop_window": _whole,
    "answers": _text,
    "answer_opt_out": _text,
    "answer_opt_in": _text,
    "answer_help": _text,
}
"""Every rule, and how its value is read."""

NOTHING: Final = frozenset({"", "none", "null"})

RULES = (
    Column("number", "address"),
    *(Column(name.replace("_", " "), name) for name in KINDS),
    Column("counting now, texts a minute", "effective.requests_per_minute"),
    Column("counting now, segments a minute", "effective.units_per_minute"),
    Column("counting now, most segments", "effective.max_segments"),
)

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="RULE=VALUE",
        help="A rule to change, such as long_text=split or daily_texts=none. Repeatable.",
    ),
]


def rules(session: Session, number: NumberAt, changes: Changes = None) -> None:
    """Show the sending rules of a number, or change some of them, from the next text on.

    `RULE=none` takes a rule away; what that means, docs/sending-rules.md says of each.
    """
    place = session.at("numbers", number, "rules")
    if not changes:
        session.out.one(session.api.get(place).body, RULES)
        return
    session.out.one(session.api.change("PATCH", place, given(changes)).body, RULES)


def given(changes: Sequence[str]) -> dict[str, Any]:
    """`["daily_texts=5", "quiet_from=none"]` as the API takes it.

    Raises: Misused.
    """
    read: dict[str, Any] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        name = name.strip()
        if not equals or name not in KINDS:
            raise Misused(
                f"{change!r} names no rule.", f"RULE=VALUE, with one of {', '.join(KINDS)}."
            )
        read[name] = _value(name, value.strip())
    return read


def _value(name: str, value: str) -> Any:
    kind = KINDS[name]
    if value.lower() in NOTHING:
        return [] if kind is _list else None
    return kind(value)
