"""What a number's owner has decided about its texts: one frozen value, kept with the number.

Every field has a default, so that a number without rules behaves as documented, and a document
written before a rule existed is read like one that leaves it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final


class LongText(StrEnum):
    """What becomes of a text that does not fit into one segment."""

    TRUNCATE = "truncate"
    CONCATENATE = "concatenate"
    """Sent whole, as one text of several segments, up to `max_segments`."""
    SPLIT = "split"
    """Sent as several numbered texts, cut between words, up to `max_segments`."""
    REFUSE = "refuse"


class FirstContact(StrEnum):
    """What becomes of a text to a remote with whom there was no conversation yet."""

    ALLOW = "allow"
    HOLD = "hold"
    REFUSE = "refuse"


class Verification(StrEnum):
    """How far the verification of a toll-free number has come."""

    VERIFIED = "verified"
    PENDING = "pending"
    UNVERIFIED = "unverified"


class Shorteners(StrEnum):
    """What becomes of a text to the US with a public URL shortener in it."""

    REFUSE = "refuse"
    FLAG = "flag"


class Answers(StrEnum):
    """Who answers STOP, START and HELP: as the table of sender types says, or as told here."""

    AUTO = "auto"
    US = "us"
    PROVIDER = "provider"


class OptOutScope(StrEnum):
    """Of which numbers of a tenant an opt-out is."""

    NUMBER = "number"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingRules:
    """The rules of one number."""

    long_text: LongText = LongText.TRUNCATE
    max_segments: int | None = None
    """Most segments of a long text; None leaves it to the table of sender types."""
    transliterate: bool = False
    """Whether typographic quotes and dashes become plain ones where that keeps a text in GSM-7."""
    shorteners: Shorteners = Shorteners.REFUSE

    requests_per_minute: int | None = None
    units_per_minute: int | None = None
    """Message units (segments times recipients); None leaves both to the table of limits."""
    verification: Verification | None = None
    """Of a toll-free number; None: nobody has said, and the provider decides."""
    att_class: str | None = None
    """A 10DLC number's class at AT&T, `A` to `F` or `T`."""
    tmobile_tier: str | None = None
    """A 10DLC number's tier at T-Mobile: `top`, `high_mid`, `low_mid`, `low` or `standard`."""
    registered_in: tuple[str, ...] = ()
    """Countries (ISO 3166 alpha-2) in which an alphanumeric sender is registered."""
    managed_opt_out: bool = True
    """Of a US short code: whether ACS's opt-out service was chosen in the program brief."""

    quiet_from: str | None = None
    quiet_until: str | None = None
    """Quiet hours in the recipient's zone, as `21:00`; both or neither."""
    first_contact: FirstContact = FirstContact.ALLOW
    daily_texts: int | None = None
    daily_cost: Decimal | None = None
    segment_cost: Decimal | None = None
    """What a segment is estimated to cost, in the currency of `daily_cost`."""
    loop_replies: int | None = 30
    """More texts to one remote within `loop_window` hold the conversation; None: never."""
    loop_window: int = 600
    """Seconds."""

    answers: Answers = Answers.AUTO
    answer_opt_out: str | None = None
    answer_opt_in: str | None = None
    answer_help: str | None = None
    """What we answer to a keyword, where it is ours to answer; None: the usual words, and nothing
    to HELP."""


DEFAULT: Final = SendingRules()

_KINDS: Final[Mapping[str, type]] = {
    "long_text": LongText,
    "shorteners": Shorteners,
    "verification": Verification,
    "first_contact": FirstContact,
    "answers": Answers,
    "daily_cost": Decimal,
    "segment_cost": Decimal,
    "registered_in": tuple,
}
NAMES: Final = tuple(item.name for item in fields(SendingRules))


def read_rules(document: Mapping[str, Any] | None) -> SendingRules:
    """The rules of a number's document; what is not there is as the default says."""
    given = {name: value for name, value in (document or {}).items() if name in NAMES}
    return SendingRules(**{name: _read(name, value) for name, value in given.items()})


def rules_document(rules: SendingRules) -> dict[str, Any]:
    """The rules as their number keeps them: only what differs from the default."""
    return {
        name: _plain(getattr(rules, name))
        for name in NAMES
        if getattr(rules, name) != getattr(DEFAULT, name)
    }


def _read(name: str, value: Any) -> Any:
    kind = _KINDS.get(name)
    return kind(value) if kind is not None and value is not None else value


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return list(value)
    return value.value if isinstance(value, StrEnum) else value
