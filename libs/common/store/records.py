"""What the store keeps, as plain frozen values.

One document a text, inbound or outbound, holds everything that happened to it with its instants, so
the life of a text is read from the text itself and no second book has to agree with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from common.circuit import CLOSED, Circuit, Fuse, opened_by
from common.ids import derive
from common.sender_types import NumberType
from common.sending_rules import DEFAULT, OptOutScope, SendingRules
from heliograph.codes import OutcomeCode
from heliograph.models import Direction, Keyword, Outcome, OutcomeWarning, ReportStatus


class ConnectionStatus(StrEnum):
    """The state of a connection."""

    ACTIVE = "active"
    ERROR = "error"
    DISCONNECTED = "disconnected"


class SendState(StrEnum):
    """How far an outbound text has come.

    `claimed`: nothing has left. `sending`: a provider call may have gone out. `waiting`: to be
    tried again later, nothing accepted so far. `held`: waits for a person. `released`: somebody has
    decided on the held text, and no sender has called a provider for it yet. `finished`: has an
    outcome.
    """

    CLAIMED = "claimed"
    SENDING = "sending"
    WAITING = "waiting"
    HELD = "held"
    RELEASED = "released"
    FINISHED = "finished"


class ApprovalDecision(StrEnum):
    """What became of a held text."""

    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    """The remote opted out while the text waited."""


REPORT_RANK: Final[Mapping[ReportStatus, int]] = {
    ReportStatus.SENT: 2,
    ReportStatus.UNDELIVERABLE: 3,
    ReportStatus.EXPIRED: 3,
    ReportStatus.REJECTED: 3,
    ReportStatus.FAILED: 3,
    ReportStatus.DELIVERED: 4,
}
"""A report changes a text's delivery state only to a higher rank: a final state stays, whatever
comes late or twice, but a handset's receipt outranks a failure told before it."""

RANK_FINAL: Final = 3
"""Rank from which on no report is waited for."""

RANK_SENT: Final = 2
"""Rank of a text that the provider accepted, before any report."""


@lru_cache(maxsize=4_096)  # A text asks for its IDs a dozen times on its way.
def conversation_id(tenant_id: str, number: str, remote: str) -> str:
    """The ID of the conversation between a tenant's number and a remote."""
    return derive("conversation", tenant_id, number, remote)


@lru_cache(maxsize=4_096)  # As above.
def inbound_id(tenant_id: str, provider: str, provider_message_id: str) -> str:
    """The ID of an inbound text: the same text has the same ID however often it is delivered."""
    return derive("inbound", tenant_id, provider, provider_message_id)


def turn_id(message_id: str) -> str:
    """The ID of the turn that hands an inbound text to its agent."""
    return derive("turn", message_id)


def outbound_id(tenant_id: str, agent_id: str, command_id: str, index: int) -> str:
    """The ID of a command's text to its recipient number `index` (from 0)."""
    return derive("outbound", tenant_id, agent_id, command_id, str(index))


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredNumber:
    """A connected number, as the caches know it."""

    tenant_id: str
    connection_id: str
    provider: str
    address: str
    agent_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledConnection:
    """A live connection that its provider may call back, with its credentials sealed."""

    tenant_id: str
    connection_id: str
    provider: str
    sealed: Mapping[str, Any]
    wrapped_key: Mapping[str, Any]
    """The tenant's data key, wrapped by the master key."""
    credentials_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A connection that a number's texts may go through."""

    connection_id: str
    provider: str
    status: ConnectionStatus
    credentials_version: str
    account: str = ""
    """Which account at the provider it is; another one does not know what this one was sent."""
    partner: str | None = None
    circuit: Circuit = CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Detour:
    """That a text goes another way than the one that would have come first, and why."""

    connection_id: str
    """The one that would have come first."""
    provider: str
    code: OutcomeCode | None
    """What its provider had said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """What an answer has made of a circuit."""

    before: Circuit = CLOSED
    after: Circuit = CLOSED
    status_changed: bool = False
    """Whether the connection's status, or its error, is another one now."""

    @property
    def openings(self) -> tuple[Fuse, ...]:
        """What of it opened, for the first time or again."""
        return opened_by(self.before, self.after)

    @property
    def opened(self) -> bool:
        """Whether anything of it did."""
        return bool(self.openings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """Whether a text may try a circuit. `until` is the end of its try; without one, it may not try,
    and `circuit` says why: it is closed by now, or another text has the try."""

    until: datetime | None
    circuit: Circuit


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """All that a send needs to know of a number, read fresh at the moment of sending."""

    tenant_id: str
    connection_id: str
    provider: str
    address: str
    region: str
    agent_id: str
    agent_active: bool
    bus_user: str
    gate_on: bool
    connection_status: ConnectionStatus
    credentials_version: str
    """Changes whenever the credentials do: the key of a pooled provider client."""
    account: str = ""
    """Which account at the provider the connection is."""
    type: NumberType = NumberType.LOCAL
    partner: str | None = None
    """The connection's Messaging Connect partner."""
    rules: SendingRules = DEFAULT
    opt_out_scope: OptOutScope = OptOutScope.NUMBER
    stopped: str | None = None
    """Whose kill switch is on: `tenant` or `all`."""
    circuit: Circuit = CLOSED
    """The connection's."""
    alternatives: tuple[Way, ...] = ()
    """The connections to fall back on, in order; disconnected ones too."""
    ways_since: datetime | None = None
    """When the number was moved, or what it falls back on was chosen, last."""

    @property
    def ways(self) -> tuple[Way, ...]:
        """The number's own connection, then those to fall back on."""
        own = Way(
            connection_id=self.connection_id,
            provider=self.provider,
            status=self.connection_status,
            credentials_version=self.credentials_version,
            account=self.account,
            partner=self.partner,
            circuit=self.circuit,
        )
        return (own, *self.alternatives)

    def through(self, way: Way) -> Route:
        """The same number on another connection, and on no other one."""
        return replace(
            self,
            connection_id=way.connection_id,
            provider=way.provider,
            connection_status=way.status,
            credentials_version=way.credentials_version,
            account=way.account,
            partner=way.partner,
            circuit=way.circuit,
            alternatives=(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardWord:
    """An opt-out in the remote's own words."""

    id: str
    """The ledger entry's."""
    at: datetime
    noted_at: datetime
    message_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a remote has said to one number, as it stands: the newest entry of the ledger counts."""

    tenant_id: str
    number: str
    remote: str
    opted_out: bool
    at: datetime
    """When the newest word was said."""
    opted_out_at: datetime | None = None
    """When we noted the latest opt-out; kept when the remote opts in again, so that what was
    ordered before it stays cancelled."""
    in_doubt: bool = False
    """Free wording was taken for an opt-out; a person should confirm or undo it."""
    cause: str | None = None
    """The ledger entry that made it what it is; later entries that say the same change nothing."""
    opposed_at: datetime | None = None
    """When the newest word to the contrary was said, which this standing took back."""
    heard: tuple[HeardWord, ...] = ()
    """The remote's own opt-outs of this standing in the order of noting, the latest few. A provider
    or a person may have said so before: that is the cause, and this is what is confirmed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationFacts:
    """What the policy asks of a conversation."""

    held_since: datetime | None = None
    """It waits for a person, since a loop was suspected."""
    resumed_at: datetime | None = None
    """A person let it go on; texts before that do not count as a loop."""
    recent: tuple[PastText, ...] = ()
    """The newest texts of its history, newest first."""
    last_inbound_at: datetime | None = None
    """Of the newest inbound text among `recent`."""
    replies: int = 0
    """Our texts of its history since the instant asked for, and since a person let it go on; no
    more than were asked for are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewInbound:
    """An inbound text to be recorded."""

    tenant_id: str
    connection_id: str
    provider: str
    provider_message_id: str
    agent_id: str
    number: str
    remote: str
    body: str
    segments: int | None
    keyword: Keyword | None
    at: datetime
    accepted_at: datetime
    traceparent: str | None = None
    keyword_told: bool = False
    """Whether the provider itself took the text for the keyword, and has done what it says."""
    event_at: datetime | None = None
    """When the provider made the event that tells it; for metrics, and not stored."""

    @property
    def id(self) -> str:
        return inbound_id(self.tenant_id, self.provider, self.provider_message_id)

    @property
    def conversation_id(self) -> str:
        return conversation_id(self.tenant_id, self.number, self.remote)


class Claim(StrEnum):
    """What a replica may do with a text that it wants to work on."""

    FRESH = "fresh"
    """Never seen before: go on."""
    RESUMED = "resumed"
    """Left behind by another, whose lease has run out: continue where it stopped."""
    BUSY = "busy"
    """Another replica has it in hand: come back later."""
    FINISHED = "finished"
    """Nothing is left to do."""
    CONFLICT = "conflict"
    """The same ID stands for other content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbound:
    """A recorded inbound text and what the recording replica may do with it: `FRESH` or `RESUMED`
    hand it over, `BUSY` come back later, `FINISHED` it was handed over before."""

    claim: Claim
    seq: int
    recorded_at: datetime
    text: NewInbound

    @property
    def id(self) -> str:
        return self.text.id


@dataclass(frozen=True, slots=True, kw_only=True)
class PastText:
    """A text of a conversation's history."""

    id: str
    direction: Direction
    body: str
    at: datetime
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReport:
    """A delivery report to be applied. `id` is derived, so that a repeated report is recognised."""

    tenant_id: str
    provider: str
    provider_message_id: str
    reference: str | None
    status: ReportStatus
    code: str | None
    details: str | None
    at: datetime
    accepted_at: datetime
    number: str = ""
    remote: str = ""
    """Whom the text was for: of the texts that one call sent, the report's is the one to them. Both
    are "" where the provider does not tell."""
    part: str | None = None
    """Which part of the text it is about, where the provider has split it and reports on each."""
    parts: int = 1
    """How many parts the provider has split the text into."""
    traceparent: str | None = None
    """Of its own delivery."""

    @property
    def id(self) -> str:
        said = (self.provider_message_id, self.status, self.code or "", self.at.isoformat())
        return derive("report", *said, *((self.part,) if self.part is not None else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedReport:
    """What a report did. `message_id` is None where no text of ours is known for it (yet). `news`
    says whether it is the last word on its text and not marked as told, `tell` whether an agent has
    still to be told so: of our answers to keywords no agent is told."""

    report: NewReport
    message_id: str | None
    agent_id: str | None
    command_id: str | None
    news: bool
    tell: bool
    traceparent: str | None = None
    """Of the text, so that its report follows the same trace."""
    sent_at: datetime | None = None
    """When the text was sent, as far as known."""
    number: str = ""
    remote: str = ""
    """Of the text, for not every provider tells them with a report."""
    was_uncertain: bool = False
    """Whether the text's outcome was that nobody knows whether it went out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOutbound:
    """A text to be claimed for sending: one recipient of one command."""

    tenant_id: str
    agent_id: str
    command_id: str
    index: int
    digest: str
    """Of the whole command's content: the same command_id with another digest is refused."""
    connection_id: str
    provider: str
    number: str
    remote: str
    original_to: str
    body: str
    original_body: str
    truncated: bool
    encoding: str
    segments: int
    in_reply_to: str | None
    tag: str | None
    expires_at: datetime | None
    traceparent: str | None = None
    ordered_at: datetime | None = None
    """When the agent published the command, as far as known: an opt-out noted later cancels it."""
    parts: tuple[str, ...] = ()
    """The numbered texts that a long one is split into; empty where `body` goes out as it is."""
    problem: OutcomeCode | None = None
    """Why the text as such cannot be sent (too long, a shortened URL), found when it was fitted."""
    warnings: tuple[OutcomeWarning, ...] = ()
    notice: Keyword | None = None
    """The keyword that this text of ours, not an agent's, answers."""

    @property
    def id(self) -> str:
        return outbound_id(self.tenant_id, self.agent_id, self.command_id, self.index)

    @property
    def conversation_id(self) -> str:
        return conversation_id(self.tenant_id, self.number, self.remote)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbound:
    """A claimed text. `first_sent` is stored with the claim and never changes, so that every try
    carries the same idempotency values."""

    claim: Claim
    text: NewOutbound
    state: SendState
    seq: int
    attempts: int
    claimed_at: datetime
    first_sent: datetime
    outcome: Outcome | None
    decision: ApprovalDecision | None = None
    """What was decided on it after it was held."""
    edited: bool = False
    """Whether who approved it changed its words; `text.body` is then theirs."""
    reason: str | None = None
    """Why it was rejected."""
    slot: datetime | None = None
    """Its place among the texts that wait for the number's limits, by the server's clock."""
    part: int = 0
    """How many of its parts the provider has accepted."""
    part_ids: tuple[str, ...] = ()
    """The provider's IDs of those parts."""
    account: str | None = None
    """The account that was called for it, where that is known."""

    @property
    def id(self) -> str:
        return self.text.id


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionRecord:
    """A connection, with its credentials sealed."""

    id: str
    tenant_id: str
    name: str
    provider: str
    status: ConnectionStatus
    error: str | None
    sealed: Mapping[str, Any] | None
    wrapped_key: Mapping[str, Any] | None
    """The tenant's data key, wrapped by the master key."""
    numbers: tuple[str, ...] = ()
    partner: str | None = None
    """The Messaging Connect partner, if it has one."""
    checked_at: datetime | None = None
    credentials_version: str = ""
    """Which credentials these are: the result of a check counts for no others."""
    circuit: Circuit = CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step in the life of a text: what happened, when, and a detail that holds no content."""

    what: str
    at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """The life of one inbound text and of what was answered to it, in order of time.

    Steps: `accepted`, `recorded`, `deduplicated` (one for the last of `duplicates`), `handed_over`,
    `answered`, `held`, `approved`, `rejected`, `expired`, `failed_over`, `sent`, `finished`,
    `reported`, `report_missing`.
    """

    message_id: str
    tenant_id: str
    number: str
    remote: str
    duplicates: int
    steps: tuple[Step, ...] = field(default=())
