"""What can be done with the store. Each port has two implementations with one conformance suite:
MongoDB (`mongo_*.py`) and memory (`memory.py`, unit tests only).

Every method may raise `common.errors.StoreUnavailable`. Every query takes a tenant, but for the
directory's address lookup (an address is unique over all tenants) and the daily validation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from common.circuit_words import Said
from common.store.control import Page
from common.store.records import (
    AppliedReport,
    ConnectionRecord,
    ConnectionStatus,
    Detour,
    Execution,
    Inbound,
    NewInbound,
    NewOutbound,
    NewReport,
    Noted,
    Outbound,
    PastText,
    RegisteredNumber,
    Route,
    Trying,
)
from heliograph.models import Outcome


class Directory(Protocol):
    """Which numbers are connected: the read side."""

    async def all_numbers(self) -> Sequence[RegisteredNumber]:
        """Every number of every connection that is not disconnected."""
        ...

    async def find_number(self, address: str) -> RegisteredNumber | None:
        """One number by its address."""
        ...

    async def ping(self) -> None:
        """Raise `StoreUnavailable` unless a primary answers."""
        ...


class InboundStore(Protocol):
    """Inbound texts and delivery reports."""

    async def record(
        self, texts: Sequence[NewInbound], *, owner: str, lease: float
    ) -> Sequence[Inbound]:
        """Record texts and claim their hand-over, in one bulk insert whose unique `_id` is the
        dedupe. Results in the order of `texts`.

        A new text is `FRESH` and leased to `owner` for `lease` seconds. A known text is `FINISHED`
        where it was handed over (its duplicate is counted with the instant), `RESUMED` where it was
        not and no other owner's lease is live (it is then leased to `owner`), `BUSY` otherwise. A
        text that stands in `texts` twice is `BUSY` the second time, unless it is `FINISHED`. A
        known text keeps the content and the seq of its first recording.
        """
        ...

    async def histories(
        self, texts: Sequence[Inbound], *, limit: int
    ) -> Mapping[str, Sequence[PastText]]:
        """By message ID: the last `limit` texts of each text's conversation that were recorded
        before it (a lower seq), in order of time, oldest first, without the text itself."""
        ...

    async def mark_handed_over(self, ids: Sequence[str], *, tenant_ids: frozenset[str]) -> None:
        """Mark texts as handed over to their agents, now."""
        ...

    async def apply_reports(self, reports: Sequence[NewReport]) -> Sequence[AppliedReport]:
        """Apply delivery reports by rank, found by `reference` (our message ID; where it names a
        text to another remote, the one of its command to the report's) or by the provider's message
        ID of the text or of one of its parts (`common.store.report_effects`). Results in the order
        of `reports`, with what each says of the whole text. Applying a report again, before
        `mark_told`, says `news` again. A text that answers a keyword is told of to no agent."""
        ...

    async def mark_told(self, applied: Sequence[AppliedReport]) -> None:
        """Note that agents were told of these reports, or need not be."""
        ...


class OutboundStore(Protocol):
    """Outbound texts: claims and outcomes."""

    async def route(self, tenant_id: str, number: str) -> Route | None:
        """The number as it is now, gate included (majority read, never cached)."""
        ...

    async def agent_of_user(self, bus_user: str) -> tuple[str, str] | None:
        """The (tenant, agent) that a broker user proves to be."""
        ...

    async def claim(
        self, texts: Sequence[NewOutbound], *, owner: str, lease: float
    ) -> Sequence[Outbound]:
        """Claim texts of one command for sending, before anything leaves. Results in order.

        `FRESH`: inserted now. `CONFLICT`: known with another digest. `FINISHED`: has its outcome
        (also `held`). `RESUMED`: left unfinished, or held and decided on, and no lease is live; now
        leased to `owner`; `state` tells whether a provider call may have gone out, `decision` what
        was decided. `BUSY`: leased to another.
        A known text keeps its content, its seq and its `first_sent`, until a person decides on it.
        """
        ...

    async def take_decided(
        self, tenant_id: str, message_id: str, *, owner: str, lease: float
    ) -> Outbound | None:
        """Take a held text that was decided on, to carry out what was decided: `RESUMED`, `BUSY` or
        `FINISHED` as for `claim`. None where the tenant has no such text, nobody has decided, or
        its agent was told of the end (`mark_told`)."""
        ...

    async def mark_told(self, tenant_id: str, message_id: str) -> None:
        """Note that the agent was told what became of a text that was decided on."""
        ...

    async def begin(
        self,
        tenant_id: str,
        message_id: str,
        *,
        owner: str,
        lease: float,
        via: Route | None = None,
        unsent: bool = False,
        detour: Detour | None = None,
        again: bool = False,
    ) -> bool:
        """Note that a provider call is about to leave: state `sending`, one more attempt, the lease
        renewed. False where the text is no longer leased to `owner`; nothing may be sent then.

        `via` is the number as it is now: where no earlier call may have been accepted, the text is
        from now on its connection's, and its account's, so that its reports are found there and
        a repeat goes to nobody else. `unsent` says that the caller knows so of all earlier calls,
        also of one that left the state at `sending`. A `detour` is kept with the text's life.
        `again`: the call belongs to an attempt that is noted, made through one connection more.
        """
        ...

    async def wait(
        self,
        tenant_id: str,
        message_id: str,
        *,
        owner: str,
        ambiguous: bool,
        slot: datetime | None = None,
    ) -> None:
        """Give the text up for now: the lease ends. State `waiting`, or still `sending` where a
        call may have been accepted. `slot` is its place among those that wait for the number's
        limits."""
        ...

    async def advance(
        self, tenant_id: str, message_id: str, *, owner: str, provider_message_id: str | None
    ) -> Outbound | None:
        """Note that the provider accepted the next of the text's parts, and make the one after it
        the next: state `claimed`, no attempts, a `first_sent` of its own. None where the text is no
        longer leased to `owner`."""
        ...

    async def finish(
        self, tenant_id: str, message_id: str, *, owner: str, outcome: Outcome
    ) -> Outcome:
        """Record the outcome, with state `held` for status held and `finished` otherwise. The first
        outcome stays: returns the one that is recorded. A delivery state that a report has already
        raised is kept. Texts that are `sent` or `uncertain` enter the history.

        `sent` and `uncertain` are recorded whoever brings them, for something left; that nothing
        left, only the holder of the lease can say.

        Raises:
            LeaseLost: nothing is recorded yet, and the text is not leased to `owner`; another may
                be sending it, so come back later.
        """
        ...


class Circuits(Protocol):
    """The circuits of connections. A connection that has other credentials by now, or is
    disconnected, is left as it is: its circuit is counted as closed."""

    async def note(
        self,
        tenant_id: str,
        connection_id: str,
        said: Said,
        *,
        credentials_version: str,
        number: str,
        began: datetime,
    ) -> Noted:
        """Change the circuit by what a call for a number's texts has come to, which began at an
        instant (`common.circuit.after`), and with it the connection's status (`trouble_of`), in one
        atomic update."""
        ...

    async def take_try(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        credentials_version: str,
        number: str,
        seconds: float,
    ) -> Trying:
        """Take the one try of a circuit that is half open for a number, for so many seconds. Of
        several that want it at once, one gets it."""
        ...

    async def give_back(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        credentials_version: str,
        number: str,
        until: datetime,
    ) -> None:
        """End a number's try that has come to nothing; `until` is the end that it had."""
        ...


class Executions(Protocol):
    """The lives of texts, read from what is recorded."""

    async def of_message(self, tenant_id: str, message_id: str) -> Execution | None:
        """The execution of an inbound text."""
        ...

    async def latest(self, tenant_id: str, *, limit: int) -> Sequence[Execution]:
        """The executions of the newest inbound texts, newest first."""
        ...

    async def page(
        self,
        tenant_id: str,
        *,
        number: str | None = None,
        remote: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Execution]:
        """The executions of inbound texts, in the order of recording, newest first. `since` and
        `until` are of the inbound text. The work for one page is bounded, so that it may be short,
        or even empty, and yet have a next one.

        Raises:
            common.store.control_ports.BadCursor: the cursor is not one of this list's.
        """
        ...


class Connections(Protocol):
    """Tenants, agents, connections and numbers: the write side."""

    async def put_tenant(
        self, tenant_id: str, *, name: str, wrapped_key: Mapping[str, object]
    ) -> Mapping[str, object]:
        """Create a tenant if it does not exist; returns the wrapped data key that it has."""
        ...

    async def put_agent(self, tenant_id: str, agent_id: str, *, name: str, bus_user: str) -> None:
        """Create or update an agent.

        Raises:
            BusUserTaken: another agent has this broker user (enforced by a unique index).
        """
        ...

    async def put_connection(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        name: str,
        provider: str,
        sealed: Mapping[str, object],
    ) -> None:
        """Create a connection, or replace its name and credentials; status becomes `active`. The
        numbers of a connection that was disconnected come back by `put_number`."""
        ...

    async def put_number(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        address: str,
        region: str,
        agent_id: str,
    ) -> None:
        """Add a number to a connection, gate off. An existing number of the same tenant is moved to
        the connection and the agent, and keeps its gate.

        Raises:
            NumberTaken: another tenant has it connected (enforced by a unique index).
            UnknownConnection: the tenant has no such connection, or it is disconnected.
        """
        ...

    async def set_gate(self, tenant_id: str, address: str, *, on: bool) -> bool:
        """Turn a number's autonomous sending on or off (majority write). False where the tenant has
        no such number."""
        ...

    async def get(self, tenant_id: str, connection_id: str) -> ConnectionRecord | None:
        """One connection."""
        ...

    async def to_validate(self) -> Sequence[ConnectionRecord]:
        """Every active or errored connection of every tenant."""
        ...

    async def set_status(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        status: ConnectionStatus,
        error: str | None,
        checked_at: datetime,
        credentials_version: str | None = None,
        works: bool = False,
    ) -> bool:
        """Record the result of a check; a disconnected connection stays so, and one that has other
        credentials than `credentials_version` by now stays as it is. True where the status or the
        error changed. `works` says that the provider was asked and finds the connection in order,
        which closes its circuit. `disconnected` overwrites the credentials with `CLEARED`, frees
        the numbers and turns their gates off."""
        ...


class Leases(Protocol):
    """Work that one replica does for all."""

    async def acquire(self, name: str, *, owner: str, seconds: float) -> bool:
        """Take or renew a lease; False where another owner's is live."""
        ...

    async def release(self, name: str, *, owner: str) -> None:
        """Give a lease up, if it is this owner's."""
        ...


class NumberTaken(Exception):
    """The number is connected elsewhere. `connection_id` is the tenant's own connection that has
    it; None where that is another tenant's, of whom nothing is told."""

    code = "number_taken"

    def __init__(self, address: str, *, connection_id: str | None = None):
        self.address = address
        self.connection_id = connection_id
        super().__init__(f"{address} is connected already.")


class UnknownConnection(Exception):
    """The tenant has no such connection, or it is disconnected; connect it first."""

    code = "unknown_connection"


class BusUserTaken(Exception):
    """Another agent has this broker user; give each agent its own."""

    code = "bus_user_taken"


class LeaseLost(Exception):
    """Another replica has taken the text over; come back later for what it recorded."""

    code = "lease_lost"
