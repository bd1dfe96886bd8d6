"""Canaries: made-up secrets, words and phone numbers, each with the places where it may be seen.

A secret may be seen in one answer at most: the one that shows it once. Words and phone numbers are
shown to people who are signed in and may read the tenant's conversations, and lie on the bus and in
the database as what they are; they are in no log, no metric, no header, no dead letter that is
looked at, and no stream.
"""

from __future__ import annotations

import base64
import itertools
import re
import secrets
import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

_SIGNS: Final = string.ascii_letters + string.digits
_PART: Final = 12
"""So many of a secret's first or last characters are as bad as all of it: a cut-off text is still
a leak."""

_THREADS: Final = (
    r"(list_conversations|get_conversation|read_thread|search_messages|get_message|list_approvals"
    r"|get_approval|conversations_page|conversation_page|message_page|approvals_page|approval_page"
    r"|overview_page|list_consents|get_consent|opt_outs_page|opt_out_page)"
)
_DECISIONS: Final = (
    r"(approve|reject|approval_approve|approval_reject|approvals_measure"
    r"|opt_out|opt_in|confirm_opt_out|undo_opt_out|opt_out_enter|opt_out_check)"
)
_LIVES: Final = r"(list_executions|get_execution|executions_page)"
_STAFF: Final = r"(viewer|approver|admin|operator|guest)"


class Kind(Enum):
    """What a canary stands for; the value is a pattern of the names of sinks it may be in."""

    SECRET = r"(?!)"
    WORDS = rf"{_STAFF} GET {_THREADS}|{_STAFF} POST {_DECISIONS}|bus bodies|store messages|history"
    REMOTE = (
        rf"{WORDS}|{_STAFF} GET {_LIVES}|store (messages|consents|consent_ledger|conversations)"
        # Whoever asks for a page is led back to it after signing in, and has named the number.
        r"|nobody GET opt_out_page"
    )


@dataclass(frozen=True, slots=True)
class Canary:
    """`shown` is a pattern of the names of further sinks in which it is right."""

    what: str
    value: str
    kind: Kind
    shown: str = r"(?!)"

    def may_be_in(self, sink: str) -> bool:
        """Whether this is a place for it."""
        return any(re.fullmatch(pattern, sink) for pattern in (self.kind.value, self.shown))

    def spellings(self) -> Iterator[str]:
        """How it could be written."""
        yield self.value.removeprefix("+")
        if self.kind is Kind.SECRET:
            yield self.value[:_PART]
            yield self.value[-_PART:]
            yield base64.b64encode(self.value.encode()).decode().rstrip("=")
        if self.kind is Kind.REMOTE:
            area, exchange, line = self.value[2:5], self.value[5:8], self.value[8:]
            yield from (sign.join((area, exchange, line)) for sign in "- .")
            yield f"({area}) {exchange}-{line}"


class Cage:
    """Every canary that was sent."""

    def __init__(self) -> None:
        self.canaries: list[Canary] = []
        self._phones = itertools.count(secrets.randbelow(5_000))

    def secret(self, what: str, value: str = "", *, shown: str = r"(?!)") -> str:
        """A new secret, or one that exists already. By itself it is base64 of 33 octets, without a
        sign that is written otherwise in a URL, in HTML or in JSON."""
        made = value or "".join(secrets.choice(_SIGNS) for _ in range(44))
        assert len(made) >= 2 * _PART, what
        self.canaries.append(Canary(what, made, Kind.SECRET, shown))
        return made

    def words(self, what: str, *, shown: str = r"(?!)") -> str:
        """Words of a text."""
        made = f"canary {''.join(secrets.choice(_SIGNS) for _ in range(16))}"
        self.canaries.append(Canary(what, made, Kind.WORDS, shown))
        return made

    def remote(self) -> str:
        """The number of somebody's phone."""
        made = f"+1212555{next(self._phones):04d}"
        self.canaries.append(Canary(f"the phone {made}", made, Kind.REMOTE))
        return made

    def found(self, sinks: Mapping[str, str], *kinds: Kind) -> list[str]:
        """Which canaries of these kinds are where they must not be, by name."""
        return [
            f"{canary.what} in {sink}"
            for canary in self._of(kinds)
            for sink, content in sinks.items()
            if not canary.may_be_in(sink) and _holds(content, canary)
        ]

    def unseen(self, sinks: Mapping[str, str], *kinds: Kind) -> list[str]:
        """Which canaries of these kinds are nowhere at all."""
        return [
            canary.what
            for canary in self._of(kinds)
            if not any(_holds(content, canary) for content in sinks.values())
        ]

    def _of(self, kinds: Iterable[Kind]) -> list[Canary]:
        return [canary for canary in self.canaries if canary.kind in set(kinds)]


def _holds(content: str, canary: Canary) -> bool:
    return any(spelling in content for spelling in canary.spellings())
