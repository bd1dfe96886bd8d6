"""The circuit of a connection: whether texts may be called for through it, told from what its
provider has answered so far. Pure.

An account-class refusal opens it at once, for nothing goes out until somebody mends the connection;
a provider that could not be reached opens it after several failures in a row. Open, it rests, each
time twice as long. When the rest is over it is half open: one text may try, and what comes of that
closes it or opens it again.

A refusal of the sender alone concerns that number only: it has a fuse of its own beside the one of
the whole connection, so that a number that is not the account's stops none of its neighbours, and
nothing that is learned of one fuse mends another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, TypeVar

from common.addresses import mask
from common.circuit_words import AccountRefused, Failed, Said, Worked
from common.redact import scrub
from heliograph.codes import TEXTS, OutcomeCode

FAILURES: Final = 5
"""Failures in a row that open a circuit."""

MOST_SENDERS: Final = 50
"""Refused numbers that a connection remembers; the one refused longest ago goes first. A forgotten
one costs a call that the provider refuses again."""


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

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)

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
class Fuse:
    """One part of a circuit; as it is made here, closed."""

    kind: CircuitKind | None = None
    """None while it is closed."""
    since: datetime | None = None
    """When the first failure was, or when the provider first refused the account."""
    opened_at: datetime | None = None
    """When it opened last."""
    rests_until: datetime | None = None
    trying_until: datetime | None = None
    """A text has the try of a half-open fuse until then, unless it is done before."""
    code: OutcomeCode | None = None
    """What the provider's answer meant."""
    opened: int = 0
    """How often it opened without having closed."""
    number: str | None = None
    """The one number that it is for; None: the whole connection."""

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

    def hears(self, began: datetime) -> bool:
        """Whether an answer says something of it: that of a call from before it last opened comes
        too late."""
        return self.opened_at is None or began >= self.opened_at


@dataclass(frozen=True, slots=True, kw_only=True)
class Circuit(Fuse):
    """A connection's circuit: the fuse of the whole connection, and those of single numbers."""

    failures: int = 0
    """In a row, up to now."""
    senders: tuple[Fuse, ...] = ()
    """Of refused numbers, the one refused last at the end."""

    @property
    def fuses(self) -> tuple[Fuse, ...]:
        """Those that are open; the connection's first, then those refused last."""
        return (*((self,) if self.kind is not None else ()), *reversed(self.senders))

    def sender(self, number: str) -> Fuse | None:
        """The fuse of a number, where its sender was refused."""
        return next((fuse for fuse in self.senders if fuse.number == number), None)

    def met_by(self, number: str) -> Fuse:
        """Of the fuses that concern a number's texts, the one that keeps them for longest."""
        own = self.sender(number)
        if own is None or self.kind is None:
            return own or self
        return max(self, own, key=lambda fuse: fuse.free_at or _LONG_AGO)

    def state(self, number: str, now: datetime) -> CircuitState:
        """What a number's text meets."""
        return self.met_by(number).at(now)


CLOSED: Final = Circuit()


def after(circuit: Circuit, said: Said, *, number: str, began: datetime, now: datetime) -> Circuit:
    """The circuit after a call for a number's texts that began at an instant. Of its fuses, those
    are changed that hear the answer and that it says something of."""
    match said:
        case Worked():
            return _worked(circuit, number, began)
        case Failed(code):
            return _failed(_sender_failed(circuit, number, began, now), code, began, now)
        case AccountRefused(code) if code in _OF_A_SENDER:
            return _heard_back(_sender_refused(circuit, code, number, began, now), began)
        case AccountRefused(code):
            return _refused(circuit, code, began, now)


def _worked(circuit: Circuit, number: str, began: datetime) -> Circuit:
    own = circuit.sender(number)
    if own is not None and own.hears(began):
        circuit = _with_senders(circuit, number)
    return Circuit(senders=circuit.senders) if circuit.hears(began) else circuit


def _failed(circuit: Circuit, code: OutcomeCode, began: datetime, now: datetime) -> Circuit:
    if not circuit.hears(began):
        return circuit
    if circuit.kind is CircuitKind.ACCOUNT:
        # It was tried in vain, and nothing new is known of the account.
        return _opened(circuit, now)
    circuit = replace(circuit, failures=circuit.failures + 1, since=circuit.since or now)
    if circuit.failures < FAILURES:
        return circuit
    opened = circuit.opened + 1
    return _opened(replace(circuit, kind=CircuitKind.FAILING, code=code, opened=opened), now)


def _sender_failed(circuit: Circuit, number: str, began: datetime, now: datetime) -> Circuit:
    """A refused sender was tried in vain, and nothing new is known of it."""
    own = circuit.sender(number)
    if own is None or not own.hears(began):
        return circuit
    return _with_senders(circuit, number, _opened(own, now))


def _refused(circuit: Circuit, code: OutcomeCode, began: datetime, now: datetime) -> Circuit:
    if not circuit.hears(began):
        return circuit
    again = circuit.kind is CircuitKind.ACCOUNT
    refused = Circuit(
        kind=CircuitKind.ACCOUNT,
        since=circuit.since if again else now,
        code=code,
        opened=circuit.opened + 1 if again else 1,
        senders=circuit.senders,
    )
    return _opened(refused, now)


def _sender_refused(
    circuit: Circuit, code: OutcomeCode, number: str, began: datetime, now: datetime
) -> Circuit:
    own = circuit.sender(number)
    if own is not None and not own.hears(began):
        return circuit
    refused = Fuse(
        number=number,
        kind=CircuitKind.ACCOUNT,
        since=own.since if own is not None else now,
        code=code,
        opened=own.opened + 1 if own is not None else 1,
    )
    return _with_senders(circuit, number, _opened(refused, now))


def _heard_back(circuit: Circuit, began: datetime) -> Circuit:
    """A provider that refuses the sender can be reached, which ends its failures. Whether it takes
    texts of this account, that does not say."""
    if not circuit.hears(began):
        return circuit
    if circuit.kind is CircuitKind.ACCOUNT:
        return replace(circuit, trying_until=None)
    return Circuit(senders=circuit.senders)


_AnyFuse = TypeVar("_AnyFuse", bound=Fuse)


def _opened(fuse: _AnyFuse, now: datetime) -> _AnyFuse:
    assert fuse.kind is not None  # noqa: S101 - only an open one rests
    until = now + _RESTS[fuse.kind].of(fuse.opened)
    return replace(fuse, opened_at=now, rests_until=until, trying_until=None)


def _with_senders(circuit: Circuit, number: str, *fuses: Fuse) -> Circuit:
    """Without a number's fuse, or with another one, which is then the newest."""
    others = (fuse for fuse in circuit.senders if fuse.number != number)
    return replace(circuit, senders=(*others, *fuses)[-MOST_SENDERS:])


def tried(circuit: Circuit, number: str, *, until: datetime, now: datetime) -> Circuit | None:
    """The circuit while a number's text tries it; None where it may not, or need not."""
    if circuit.state(number, now) is not CircuitState.HALF_OPEN:
        return None
    return _trying(circuit, number, until, lambda fuse: fuse.at(now) is CircuitState.HALF_OPEN)


def given_back(circuit: Circuit, number: str, *, until: datetime) -> Circuit:
    """The circuit after a try that has come to nothing, which would have ended then."""
    return _trying(circuit, number, None, lambda fuse: fuse.trying_until == until)


def _trying(
    circuit: Circuit, number: str, until: datetime | None, which: Callable[[Fuse], bool]
) -> Circuit:
    senders = tuple(
        replace(fuse, trying_until=until) if fuse.number == number and which(fuse) else fuse
        for fuse in circuit.senders
    )
    whole = until if which(circuit) else circuit.trying_until
    return replace(circuit, senders=senders, trying_until=whole)


def opened_by(before: Circuit, now: Circuit) -> tuple[Fuse, ...]:
    """The fuses that a change has opened, for the first time or again."""
    known = {fuse.number: fuse.opened_at for fuse in before.fuses}
    return tuple(fuse for fuse in now.fuses if known.get(fuse.number) != fuse.opened_at)


def reason_of(fuse: Fuse, *, named: bool = True) -> str | None:
    """Why it is open, as an administrator gets to read it; None where it is closed. `named` puts
    the number that it is about before it, masked."""
    if fuse.kind is None or fuse.code is None:
        return None
    words = TEXTS[fuse.code].person
    about = f"{mask(fuse.number)}: " if fuse.number is not None and named else ""
    return scrub(about + words)
