"""The circuit of a connection: whether texts may be called for through it, told from what its
provider has answered so far. Pure.

An account-class refusal opens it at once, for nothing goes out until somebody mends the connection;
a provider that could not be reached opens it after several failures in a row. Open, it rests, each
time twice as long. When the rest is over it is half open: one text may try, and what comes of that
closes it or opens it again.

A refusal of the sender alone opens the circuit for that number only, so that one number that is not
the account's stops none of its neighbours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from common.addresses import mask
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.redact import scrub
from heliograph.codes import TEXTS, OutcomeCode

FAILURES: Final = 5
"""Failures in a row that open a circuit."""


class CircuitKind(StrEnum):
    """Why a circuit is open."""

    FAILING = "failing"
    """The provider could not be reached, or did not say what became of the texts."""
    ACCOUNT = "account"
    """It refuses the account: the credentials, the credit, the sender."""


class CircuitState(StrEnum):
    """What a text meets."""

    CLOSED = "closed"
    RESTING = "resting"
    """Nothing is called for, or one text is trying at this moment."""
    HALF_OPEN = "half_open"
    """The rest is over: one text may try."""


@dataclass(frozen=True, slots=True)
class _Rest:
    """Seconds of the first rest, and of the longest; each is twice the one before."""

    first: float
    longest: float

    def of(self, opened: int) -> timedelta:
        # 2 ** 10 first rests are longer than any longest one.
        return timedelta(seconds=min(self.longest, self.first * 2 ** min(opened - 1, 10)))


_RESTS: Final[Mapping[CircuitKind, _Rest]] = {
    CircuitKind.ACCOUNT: _Rest(60, 900),
    CircuitKind.FAILING: _Rest(15, 300),
}

_OF_A_SENDER: Final = frozenset(
    {
        OutcomeCode.SENDER_NOT_OWNED,
        OutcomeCode.PARTNER_INCOMPLETE,
        OutcomeCode.PARTNER_NOT_LINKED,
        OutcomeCode.PARTNER_MISSING,
        OutcomeCode.PARTNER_MISMATCH,
    }
)
"""Account-class refusals that say nothing of the connection's other numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit:
    """The state of a connection's circuit; as it is made here, closed and without a failure."""

    kind: CircuitKind | None = None
    """None while it is closed."""
    failures: int = 0
    """In a row, up to now."""
    since: datetime | None = None
    """When the first of them was, or when the provider first refused the account."""
    opened_at: datetime | None = None
    """When it opened last."""
    rests_until: datetime | None = None
    trying_until: datetime | None = None
    """A text has the try of a half-open circuit until then, unless it is done before."""
    code: OutcomeCode | None = None
    """What the provider's answer meant."""
    opened: int = 0
    """How often it opened without having closed."""
    number: str | None = None
    """The one number that it is open for; None: every one."""

    def concerns(self, number: str) -> bool:
        """Whether it is open for a number."""
        return self.kind is not None and self.number in (None, number)

    def state(self, number: str, now: datetime) -> CircuitState:
        """What a number's text meets."""
        return self.at(now) if self.concerns(number) else CircuitState.CLOSED

    def at(self, now: datetime) -> CircuitState:
        """What a text meets of a number that it is open for, if it is open."""
        if self.kind is None:
            return CircuitState.CLOSED
        free = self.free_at
        return CircuitState.RESTING if free is not None and now < free else CircuitState.HALF_OPEN

    @property
    def free_at(self) -> datetime | None:
        """When the next text may try, as far as known."""
        return max(filter(None, (self.rests_until, self.trying_until)), default=None)

    def is_tried(self, now: datetime) -> bool:
        """Whether a text is trying at this moment."""
        return self.trying_until is not None and now < self.trying_until


CLOSED: Final = Circuit()


@dataclass(frozen=True, slots=True)
class Worked:
    """The provider took a text, or judged it: it works, for this account."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be reached, or nobody knows what it did."""

    code: OutcomeCode


@dataclass(frozen=True, slots=True)
class AccountRefused:
    """It refuses the account."""

    code: OutcomeCode


Said = Worked | Failed | AccountRefused
"""What the results of one call say of the connection; None stands for nothing."""


def said_by(results: Sequence[SendResult]) -> Said | None:
    """What one call's results say. A refusal of the account counts before all else, for it stays;
    that some other text was taken counts before failures."""
    words = [word for word in map(_said, results) if word is not None]
    for kind in (AccountRefused, Worked, Failed):
        found = next((word for word in words if isinstance(word, kind)), None)
        if found is not None:
            return found
    return None


def _said(result: SendResult) -> Said | None:
    """Throttling says nothing, and neither does what is a text's own fault for now."""
    match result:
        case Accepted():
            return Worked()
        case Refused(code, _, account):
            return AccountRefused(code) if account else Worked()
        case Ambiguous():
            return Failed(OutcomeCode.AMBIGUOUS)
        case NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, text_only=False):
            return Failed(OutcomeCode.PROVIDER_UNAVAILABLE)
        case NotProcessed():
            return None


def after(circuit: Circuit, said: Said, *, number: str, began: datetime, now: datetime) -> Circuit:
    """The circuit after a call for a number's texts that began at an instant. The answer of a call
    that began before the circuit last opened comes too late to say anything of it."""
    if circuit.opened_at is not None and began < circuit.opened_at:
        return circuit
    match said:
        case Worked():
            others = circuit.kind is not None and not circuit.concerns(number)
            return replace(circuit, failures=0) if others else CLOSED
        case Failed(code):
            return _failed(circuit, code, number, now)
        case AccountRefused(code):
            return _refused(circuit, code, number if code in _OF_A_SENDER else None, now)


def _failed(circuit: Circuit, code: OutcomeCode, number: str, now: datetime) -> Circuit:
    if circuit.kind is CircuitKind.ACCOUNT and circuit.concerns(number):
        # It was tried in vain, and nothing new is known of the account.
        return _opened(circuit, now)
    circuit = replace(circuit, failures=circuit.failures + 1, since=circuit.since or now)
    if circuit.failures < FAILURES:
        return circuit
    again = circuit.kind is CircuitKind.FAILING
    return _opened(
        Circuit(
            kind=CircuitKind.FAILING,
            failures=circuit.failures,
            since=now if circuit.kind is CircuitKind.ACCOUNT else circuit.since,
            code=code,
            opened=circuit.opened + 1 if again else 1,
        ),
        now,
    )


def _refused(circuit: Circuit, code: OutcomeCode, number: str | None, now: datetime) -> Circuit:
    again = circuit.kind is CircuitKind.ACCOUNT and circuit.number == number
    return _opened(
        Circuit(
            kind=CircuitKind.ACCOUNT,
            since=circuit.since if again else now,
            code=code,
            opened=circuit.opened + 1 if again else 1,
            number=number,
        ),
        now,
    )


def _opened(circuit: Circuit, now: datetime) -> Circuit:
    assert circuit.kind is not None  # noqa: S101 - only an open one rests
    until = now + _RESTS[circuit.kind].of(circuit.opened)
    return replace(circuit, opened_at=now, rests_until=until, trying_until=None)


def reason_of(circuit: Circuit) -> str | None:
    """Why it is open, as an administrator gets to read it; None where it is closed."""
    if circuit.kind is None or circuit.code is None:
        return None
    words = TEXTS[circuit.code].person
    about = f"{mask(circuit.number)}: " if circuit.number is not None else ""
    return scrub(about + words)
