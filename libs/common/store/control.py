"""What the control plane keeps: tenants, agents, connections, numbers, keys, the audit trail, and
texts as a person looks at them. Plain frozen values without a secret in any of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Generic, Literal, TypeVar

from common.circuit import CLOSED, Circuit
from common.sender_types import (
    NumberType as NumberType,  # noqa: PLC0414 - part of this page's vocabulary too
)
from common.sending_rules import DEFAULT, OptOutScope, SendingRules
from common.store.records import (
    ApprovalDecision as ApprovalDecision,  # noqa: PLC0414 - part of this page's vocabulary too
)
from common.store.records import ConnectionStatus, Step
from heliograph.codes import OutcomeCode
from heliograph.models import Direction, OutcomeWarning

T = TypeVar("T")

CLEARED: Final = "[CLEARED]"
"""What stands where a disconnected connection's credentials stood."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list. `next` is the opaque cursor of the following page, None at the end."""

    items: tuple[T, ...]
    next: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did something: `kind` is `key` (an API key, also behind a console session), `oidc` or
    `system` (a service by itself)."""

    kind: str
    id: str
    name: str
    role: str


SYSTEM: Final = Actor(kind="system", id="health", name="Heliograph", role="system")


class AgentKind(StrEnum):
    """What an agent is to the people it works for."""

    AGENT = "agent"
    PERSONAL_ASSISTANT = "personal_assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRecord:
    """An isolated customer."""

    id: str
    name: str
    features: tuple[str, ...]
    opt_out_accepted_at: datetime | None
    opt_out_accepted_by: str | None
    created_at: datetime
    version: int
    opt_out_scope: OptOutScope = OptOutScope.NUMBER
    stopped: Stopped | None = None
    """The tenant's kill switch, where it is on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRecord:
    """An agent of a tenant. `employee` is the name of whom a personal assistant works for."""

    id: str
    tenant_id: str
    name: str
    kind: AgentKind
    employee: str | None
    active: bool
    bus_user: str
    created_at: datetime
    version: int
    numbers: int = 0
    """How many connected numbers reach it."""

    @property
    def shown_as(self) -> str:
        """The name that people see: "Sales PA - Jane Smith" for a personal assistant."""
        return f"{self.name} - {self.employee}" if self.employee else self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """A connection to be made; `sealed` are its secrets, `public` its other parameters."""

    id: str
    name: str
    description: str
    provider: str
    partner: str | None
    public: Mapping[str, str]
    secrets: tuple[str, ...]
    """Names of the parameters that are sealed."""
    sealed: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection as people see it: of its secrets, only their names."""

    id: str
    tenant_id: str
    name: str
    description: str
    provider: str
    partner: str | None
    public: Mapping[str, str]
    secrets: tuple[str, ...]
    status: ConnectionStatus
    error: str | None
    checked_at: datetime | None
    created_at: datetime
    created_by: str
    disconnected_at: datetime | None
    numbers: int
    """How many numbers are connected through it."""
    version: int
    circuit: Circuit = CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNumber:
    """A number to be added to a connection; its gate is off."""

    address: str
    name: str
    type: NumberType
    owners: tuple[str, ...]
    region: str
    """ISO 3166 alpha-2; in which national numbers of recipients are read."""
    agent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRecord:
    """A number of a connection."""

    address: str
    tenant_id: str
    connection_id: str
    provider: str
    name: str
    type: NumberType
    owners: tuple[str, ...]
    region: str
    agent_id: str
    gate_on: bool
    gate_changed_at: datetime | None
    gate_changed_by: str | None
    connected: bool
    created_at: datetime
    version: int
    rules: SendingRules = DEFAULT
    failover: tuple[str, ...] = ()
    """The connections to fall back on, by ID and in order; one may be disconnected by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A kill switch that is on."""

    at: datetime
    by: str
    reason: str
    """Why, as who turned it on wrote it; may be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stops:
    """The kill switches that count for a tenant, each None where it is off."""

    everywhere: Stopped | None = None
    """That of all tenants."""
    tenant: Stopped | None = None

    @property
    def any(self) -> bool:
        """Whether nothing is sent."""
        return self.everywhere is not None or self.tenant is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldConversation:
    """A conversation that waits for a person, or did. Its texts come in as always; what an agent
    answers is held."""

    conversation_id: str
    tenant_id: str
    number: str
    remote: str
    held_since: datetime | None
    """None: it goes on."""
    reason: str
    """The outcome code that says why."""
    resumed_at: datetime | None
    resumed_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """An API key. `tenant_id` is None for an operator's, which reaches every tenant."""

    id: str
    tenant_id: str | None
    name: str
    role: str
    hash: str = field(repr=False)
    """Argon2id, in the PHC string format."""
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRecord:
    """A console session. `id` is the SHA-256 of its cookie's value, so that a reader of the
    database can use none."""

    id: str
    key_id: str
    csrf: str = field(repr=False)
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """Who did what to what, and when. `before` and `after` hold what changed, without secrets.
    `tenant_id` is None for what concerns no single tenant."""

    id: str
    tenant_id: str | None
    at: datetime
    actor: Actor
    action: str
    """`<target kind>.<verb>`, such as `number.gate_on`."""
    target: str
    """The ID of what was acted on."""
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A text that the gate held back. `decision` is None while it waits for a person."""

    message_id: str
    tenant_id: str
    agent_id: str
    connection_id: str
    conversation_id: str
    number: str
    remote: str
    body: str
    """What would be sent; after an approval with other words, those."""
    original_body: str
    """What the agent wrote."""
    truncated: bool
    encoding: str
    segments: int
    tag: str | None
    held_at: datetime
    expires_at: datetime
    """After this instant nobody can approve it any more."""
    decision: ApprovalDecision | None
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    edited: bool
    code: OutcomeCode = OutcomeCode.GATE_OFF
    """Why it was held."""
    traceparent: str | None = None
    """Of the text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBody:
    """Other words for a held text, fitted and measured."""

    body: str
    whole: str
    """As the person wrote it."""
    truncated: bool
    encoding: str
    segments: int
    parts: tuple[str, ...] = ()
    """The numbered texts that it is split into; empty where it goes out as one."""
    warnings: tuple[OutcomeWarning, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextView:
    """One text, inbound or outbound, with all that people are shown of it."""

    id: str
    tenant_id: str
    seq: int
    direction: Direction
    conversation_id: str
    connection_id: str
    provider: str
    agent_id: str
    number: str
    remote: str
    body: str
    original_body: str | None
    at: datetime
    state: str | None
    """`SendState` of an outbound text; None for an inbound one."""
    status: str
    """`received`, an outcome's status or a delivery report's."""
    code: str | None
    """`OutcomeCode`, once there is an outcome."""
    keyword: str | None
    segments: int | None
    encoding: str | None
    truncated: bool
    edited: bool
    command_id: str | None
    in_reply_to: str | None
    tag: str | None
    provider_message_id: str | None
    report_status: str | None
    report_code: str | None
    report_details: str | None
    report_at: datetime | None
    held_at: datetime | None
    sent_at: datetime | None
    decision: ApprovalDecision | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    report_missing_at: datetime | None = None
    """When waiting for its final delivery report ended in vain."""
    parts: int = 1
    """Texts that it was split into."""
    parts_delivered: int = 0
    """Parts whose delivery is known, where there are several."""
    failed_over: tuple[Step, ...] = ()
    """When it went another way than the one that would have come first, and why."""
    trace_id: str | None = None
    """Of the trace in which it came or went, and in which its report is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationView:
    """A conversation with its newest text."""

    id: str
    tenant_id: str
    number: str
    remote: str
    newest: TextView
    opted_out: bool
    held: int
    """Texts of it that wait for a person."""


class ConversationState(StrEnum):
    """What can be special about a conversation."""

    HELD = "held"
    """A text of it waits for a person."""
    OPTED_OUT = "opted_out"
    """The other person asked not to be texted."""
    UNCERTAIN = "uncertain"
    """Of a text of it nobody knows whether it went out."""
    REPORT_MISSING = "report_missing"
    """Of a text of it no final delivery report has come in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFilter:
    """Which texts are searched for; None leaves a field open."""

    number: str | None = None
    remote: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    direction: Direction | None = None
    status: str | None = None
    state: str | None = None
    report_missing: bool | None = None
    """Whether no final delivery report has come in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsettled:
    """How many texts have an end that nobody knows; each counted to 10,000."""

    uncertain: int
    """Nobody knows whether they went out."""
    report_missing: int
    """No final delivery report has come in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """What happened through one connection in the hour that began at `start` (UTC)."""

    start: datetime
    connection_id: str
    received: int = 0
    sent: int = 0
    held: int = 0
    blocked: int = 0
    failed: int = 0
    uncertain: int = 0


@dataclass(frozen=True, slots=True)
class Happening:
    """What live views are told: something happened to a text, which has a conversation, to what a
    conversation's remote has said on being texted, or to a connection or one of its numbers."""

    tenant_id: str
    conversation_id: str = ""
    message_id: str = ""
    connection_id: str = ""

    @property
    def kind(self) -> Literal["text", "consent", "connection"]:
        """What it happened to."""
        if self.connection_id:
            return "connection"
        return "text" if self.message_id else "consent"
