"""What the control plane can do with the store. Implemented for MongoDB (`mongo_control_*.py`).

Every write that a person asks for carries `by` and enters the audit trail in the same transaction:
either both are there or neither is. An update carries the `version` that its author saw (None where
none counts). Cursors are opaque and come from an earlier page. Every method may raise
`common.errors.StoreUnavailable`, every one with a cursor `BadCursor`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from common.sending_rules import OptOutScope, SendingRules
from common.store.control import (
    Actor,
    AgentKind,
    AgentRecord,
    Approval,
    AuditEntry,
    ConnectionView,
    ConversationState,
    ConversationView,
    Happening,
    HeldConversation,
    Hour,
    KeyRecord,
    NewBody,
    NewConnection,
    NewNumber,
    NumberRecord,
    Page,
    SessionRecord,
    Stopped,
    Stops,
    TenantRecord,
    TextFilter,
    TextView,
    Unsettled,
)
from common.store.records import ApprovalDecision, ConnectionStatus


class NotFound(Exception):
    """The tenant has nothing with this ID."""

    code = "not_found"


class Taken(Exception):
    """Something with this ID exists already."""

    code = "taken"


class Stale(Exception):
    """It was changed since its version was read; read it again and decide anew."""

    code = "stale"


class Disconnected(Exception):
    """The connection is disconnected, so this cannot be done with it."""

    code = "disconnected"


class NotDisconnected(Exception):
    """The connection is live, so there is nothing to reconnect."""

    code = "not_disconnected"


class UnknownAgent(Exception):
    """The tenant has no such agent."""

    code = "unknown_agent"

    def __init__(self, agent_id: str):
        self.agent_id = agent_id
        super().__init__(f"There is no agent {agent_id}.")


class InactiveAgent(Exception):
    """The agent is not active."""

    code = "inactive_agent"

    def __init__(self, agent_id: str):
        self.agent_id = agent_id
        super().__init__(f"The agent {agent_id} is not active.")


class AlreadyDecided(Exception):
    """The held text was decided before; `approval` says how."""

    code = "already_decided"

    def __init__(self, approval: Approval):
        self.approval = approval
        super().__init__("The held text was decided before.")


class BadCursor(ValueError):
    """The cursor is not one of this list's."""

    code = "bad_cursor"


class Tenants(Protocol):
    """Tenants."""

    async def create(
        self,
        tenant_id: str,
        *,
        name: str,
        features: tuple[str, ...],
        wrapped_key: Mapping[str, object],
        by: Actor,
    ) -> TenantRecord:
        """Raises: Taken."""
        ...

    async def list(self, *, limit: int, cursor: str | None = None) -> Page[TenantRecord]:
        """By ID."""
        ...

    async def get(self, tenant_id: str) -> TenantRecord | None: ...

    async def update(
        self,
        tenant_id: str,
        *,
        name: str | None = None,
        features: tuple[str, ...] | None = None,
        opt_out_scope: OptOutScope | None = None,
        version: int | None,
        by: Actor,
    ) -> TenantRecord:
        """Change what is not None. Raises: NotFound, Stale."""
        ...

    async def accept_opt_out(self, tenant_id: str, *, by: Actor) -> TenantRecord:
        """Note that somebody has accepted that opt-out commands are handled properly; the first
        acceptance stays. Raises: NotFound."""
        ...

    async def wrapped_key(self, tenant_id: str) -> Mapping[str, object] | None:
        """The tenant's wrapped data key."""
        ...


class Agents(Protocol):
    """Agents of tenants."""

    async def create(
        self,
        tenant_id: str,
        agent_id: str,
        *,
        name: str,
        kind: AgentKind,
        employee: str | None,
        bus_user: str,
        by: Actor,
    ) -> AgentRecord:
        """An active agent. Raises: Taken, ports.BusUserTaken, NotFound (no such tenant)."""
        ...

    async def list(
        self, tenant_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[AgentRecord]:
        """By ID."""
        ...

    async def get(self, tenant_id: str, agent_id: str) -> AgentRecord | None: ...

    async def update(
        self,
        tenant_id: str,
        agent_id: str,
        *,
        changes: Mapping[str, Any],
        version: int | None,
        by: Actor,
    ) -> AgentRecord:
        """`changes` may hold `name`, `kind`, `employee`, `active`, `bus_user`.
        Raises: NotFound, Stale, ports.BusUserTaken."""
        ...


class ConnectionDirectory(Protocol):
    """Connections of tenants, their secrets sealed before they come here."""

    async def create(
        self,
        tenant_id: str,
        connection: NewConnection,
        *,
        numbers: Sequence[NewNumber] = (),
        by: Actor,
    ) -> ConnectionView:
        """Status `active`, with its numbers or not at all. Raises: Taken, NotFound (no such
        tenant), ports.NumberTaken, UnknownAgent, InactiveAgent."""
        ...

    async def list(
        self,
        tenant_id: str,
        *,
        status: ConnectionStatus | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[ConnectionView]:
        """Newest first; the disconnected ones too."""
        ...

    async def get(self, tenant_id: str, connection_id: str) -> ConnectionView | None: ...

    async def update(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        name: str | None = None,
        description: str | None = None,
        version: int | None,
        by: Actor,
    ) -> ConnectionView:
        """Change what is not None. Raises: NotFound, Stale, Disconnected."""
        ...

    async def set_credentials(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        sealed: Mapping[str, Any],
        public: Mapping[str, str],
        secrets: tuple[str, ...],
        partner: str | None,
        version: int | None,
        action: str,
        by: Actor,
    ) -> ConnectionView:
        """Replace the credentials: status `active`, no error, a new credentials version. `action`
        is the audit entry's; `connection.reconnected` makes a disconnected connection live again,
        without its numbers. Raises: NotFound, Stale, Disconnected (any other action),
        NotDisconnected (that one, on a live connection)."""
        ...

    async def disconnect(
        self, tenant_id: str, connection_id: str, *, version: int | None, by: Actor
    ) -> ConnectionView:
        """Status `disconnected`, every credential overwritten with `CLEARED`, the numbers freed and
        their gates off. Doing it again changes nothing. Raises: NotFound, Stale."""
        ...


class Numbers(Protocol):
    """Numbers of connections. An address is unique among the connected numbers of all tenants,
    which a unique index enforces."""

    async def add(
        self, tenant_id: str, connection_id: str, number: NewNumber, *, by: Actor
    ) -> NumberRecord:
        """Connect a number, gate off, also one that was freed before (its conversations are as they
        were). Raises: ports.NumberTaken, NotFound (no such connection), Disconnected, UnknownAgent,
        InactiveAgent."""
        ...

    async def list(
        self,
        tenant_id: str,
        *,
        connection_id: str | None = None,
        agent_id: str | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[NumberRecord]:
        """Connected numbers by address."""
        ...

    async def get(self, tenant_id: str, address: str) -> NumberRecord | None:
        """A number, also one that was freed."""
        ...

    async def update(
        self,
        tenant_id: str,
        address: str,
        *,
        changes: Mapping[str, Any],
        version: int | None,
        by: Actor,
    ) -> NumberRecord:
        """`changes` may hold `name`, `type`, `owners`, `region`; never the gate.
        Raises: NotFound (also a freed one), Stale."""
        ...

    async def assign(
        self, tenant_id: str, address: str, agent_id: str, *, version: int | None, by: Actor
    ) -> NumberRecord:
        """Give the number to another agent, with its history and its gate as they are.
        Raises: NotFound, Stale, UnknownAgent, InactiveAgent."""
        ...

    async def move(
        self, tenant_id: str, address: str, connection_id: str, *, version: int | None, by: Actor
    ) -> NumberRecord:
        """Put the number onto another connection of the tenant, of whatever provider: agent, gate
        and conversations stay, and it no longer falls back on that connection.
        Raises: NotFound (number or connection), Stale, Disconnected."""
        ...

    async def set_gate(self, tenant_id: str, address: str, *, on: bool, by: Actor) -> NumberRecord:
        """The only way to change the gate (majority write). Raises: NotFound."""
        ...

    async def set_rules(
        self,
        tenant_id: str,
        address: str,
        rules: SendingRules,
        *,
        version: int | None,
        by: Actor,
    ) -> NumberRecord:
        """Replace the number's sending rules. Raises: NotFound (also a freed one), Stale."""
        ...

    async def set_failover(
        self,
        tenant_id: str,
        address: str,
        connection_ids: Sequence[str],
        *,
        version: int | None,
        by: Actor,
    ) -> NumberRecord:
        """Replace the connections that the number falls back on, in order.
        Raises: NotFound (number, also a freed one, or connection), Stale, Disconnected."""
        ...

    async def remove(
        self, tenant_id: str, address: str, *, version: int | None, by: Actor
    ) -> NumberRecord:
        """Free the number, gate off, with nothing to fall back on. Raises: NotFound, Stale."""
        ...


class Switches(Protocol):
    """The kill switches: of each tenant, and the one for all. A sender reads them before each
    text, so a change counts from the next one on (majority reads and writes). Turning one to where
    it stands changes nothing."""

    async def all(self) -> Stopped | None:
        """That for all tenants, where it is on."""
        ...

    async def of(self, tenant_id: str) -> Stops:
        """Those that count for a tenant; one that does not exist has none of its own."""
        ...

    async def set_all(self, *, stopped: bool, reason: str, by: Actor) -> Stopped | None:
        """Turn that for all tenants."""
        ...

    async def set_tenant(
        self, tenant_id: str, *, stopped: bool, reason: str, by: Actor
    ) -> Stopped | None:
        """Turn a tenant's own. Raises: NotFound."""
        ...


class HeldConversations(Protocol):
    """Conversations that wait for a person, since they looked like two machines."""

    async def list(
        self, tenant_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[HeldConversation]:
        """Those that wait, the one held last first."""
        ...

    async def get(self, tenant_id: str, conversation_id: str) -> HeldConversation | None:
        """One that waits or did."""
        ...

    async def resume(self, tenant_id: str, conversation_id: str, *, by: Actor) -> HeldConversation:
        """Let it go on: what was written before no longer counts as a loop. Again changes nothing.
        Raises: NotFound (it was never held)."""
        ...


class Approvals(Protocol):
    """Texts that wait for a person."""

    async def list(
        self, tenant_id: str, *, number: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        """Those that wait, oldest first."""
        ...

    async def get(self, tenant_id: str, message_id: str) -> Approval | None:
        """One that waits or was decided."""
        ...

    async def decide(
        self,
        tenant_id: str,
        message_id: str,
        decision: ApprovalDecision,
        *,
        body: NewBody | None = None,
        reason: str | None = None,
        by: Actor,
    ) -> Approval:
        """Decide, once: of two that decide at the same time one gets `AlreadyDecided`. The text is
        then the sender's to carry out. Raises: NotFound, AlreadyDecided, also with an approval past
        its `expires_at` (which is then recorded as expired)."""
        ...

    async def expire(self, *, limit: int) -> Sequence[Approval]:
        """Decide `expired` on those of all tenants whose time is over; returns them."""
        ...

    async def unfinished(self, *, older_than: float, limit: int) -> Sequence[Approval]:
        """Those of all tenants that were decided more than `older_than` seconds ago and that no
        sender has begun with. One that is returned comes again after a pause that grows each time,
        so that a text on which the sender fails does not fill the bus."""
        ...


class Reading(Protocol):
    """Texts as people look at them."""

    async def conversations(
        self,
        tenant_id: str,
        *,
        number: str | None = None,
        remote: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        state: ConversationState | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[ConversationView]:
        """The one with the newest text first. `since` and `until` are of a conversation's newest
        text. The work for one page is bounded, so that it may be short, or even empty, and yet have
        a next one."""
        ...

    async def conversation(
        self, tenant_id: str, conversation_id: str
    ) -> ConversationView | None: ...

    async def thread(
        self, tenant_id: str, conversation_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[TextView]:
        """Every text of a conversation, newest first, held and refused ones included."""
        ...

    async def texts(
        self, tenant_id: str, wanted: TextFilter, *, limit: int, cursor: str | None = None
    ) -> Page[TextView]:
        """Search, newest first. The work for one page is bounded, so that it may be short, or even
        empty, and yet have a next one."""
        ...

    async def text(self, tenant_id: str, message_id: str) -> TextView | None: ...

    async def hours(self, tenant_id: str, *, since: datetime) -> Sequence[Hour]:
        """What happened in each hour since, by connection; empty hours are left out."""
        ...

    async def held(self, tenant_id: str) -> int:
        """How many texts wait for a person; counted to 10,000."""
        ...

    async def unsettled(self, tenant_id: str) -> Unsettled:
        """How many texts have an end that nobody knows."""
        ...

    def happenings(
        self, *, opened: Callable[[], None] | None = None
    ) -> AsyncGenerator[Happening, None]:
        """What happens to texts and connections of every tenant from now on, by a change stream;
        ends never. `opened` is called when nothing that happens is missed any more, and again after
        a gap."""
        ...


class AuditTrail(Protocol):
    """Who did what. Entries are never changed."""

    async def append(
        self,
        *,
        tenant_id: str | None,
        actor: Actor,
        action: str,
        target: str,
        note: str | None = None,
    ) -> None:
        """Add what is no change of the store, such as a sign-in."""
        ...

    async def list(
        self,
        tenant_id: str | None,
        *,
        action: str | None = None,
        target: str | None = None,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[AuditEntry]:
        """Newest first; None lists the entries of every tenant and of none. `actor` is the ID or
        the name of who did it."""
        ...


class Keys(Protocol):
    """API keys."""

    async def create(self, key: KeyRecord, *, by: Actor) -> KeyRecord: ...

    async def list(
        self, tenant_id: str | None, *, limit: int, cursor: str | None = None
    ) -> Page[KeyRecord]:
        """A tenant's, or with None the operators'; newest first, the revoked ones too."""
        ...

    async def get(self, key_id: str) -> KeyRecord | None: ...

    async def revoke(self, tenant_id: str | None, key_id: str, *, by: Actor) -> KeyRecord:
        """At once, and every session of it ends; again changes nothing. Raises: NotFound."""
        ...

    async def touch(self, key_id: str) -> None:
        """Note that the key was used now."""
        ...


class Sessions(Protocol):
    """Console sessions, single-use sign-in tickets and the throttle."""

    async def create(self, session: SessionRecord) -> None: ...

    async def get(self, session_id: str) -> SessionRecord | None:
        """One that has not expired."""
        ...

    async def end(self, session_id: str) -> None: ...

    async def put_ticket(self, ticket_hash: str, *, key_id: str, expires_at: datetime) -> None: ...

    async def take_ticket(self, ticket_hash: str) -> str | None:
        """The key ID of a ticket that is good, which it then is no more."""
        ...

    async def hit(self, name: str, *, limit: int, window: float) -> float | None:
        """Count a try; None while at most `limit` fall into the last `window` seconds, else the
        seconds until another is allowed, and this one is not counted. Atomic over all replicas."""
        ...

    async def forgive(self, name: str) -> None:
        """Take a try back: it was a good one."""
        ...
