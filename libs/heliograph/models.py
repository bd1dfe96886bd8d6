"""The wire contract between Heliograph and agents: every message that either side may read.

JSON, UTF-8. Instants are RFC 3339 in UTC. Every model carries its version `v`; unknown fields are
ignored so that fields can be added, an unknown version is refused because its meaning is unknown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal, Self

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from heliograph.codes import OutcomeCode
from heliograph.wire import SLUG_PATTERN, VERSION

MAX_RECIPIENTS = 100
"""Recipients of one command; the limit of ACS's send request as well (REST API, POST /sms)."""

MAX_BODY_CHARACTERS = 20_000
"""Far above any text that can be sent; guards the bus against what is surely not an SMS."""


class UnreadableMessage(ValueError):
    """A message that is not what its type says. `code` is stable, the text never holds content."""

    def __init__(self, code: Literal["not_json", "unknown_version", "wrong_shape"], what: str):
        self.code = code
        super().__init__(what)


def _to_utc(value: datetime) -> datetime:
    return value.astimezone(UTC)


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_to_utc)]
"""A moment with a time zone, kept in UTC."""

Slug = Annotated[str, Field(pattern=SLUG_PATTERN)]
"""A tenant or agent ID: lower-case letters, digits, `_` and `-`; at most 64 characters."""

Address = Annotated[str, Field(min_length=1, max_length=64)]
"""A recipient as an agent writes it: E.164, or national in the region of the sending number."""


class Part(BaseModel):
    """A piece of a message."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class Wire(Part):
    """A message on the bus."""

    type: ClassVar[str]

    v: Literal[1] = VERSION

    def encode(self) -> bytes:
        """The message as JSON bytes, instants in RFC 3339 with `Z`."""
        return orjson.dumps(self.model_dump(), option=orjson.OPT_UTC_Z)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Read a message.

        Raises:
            UnreadableMessage: with code `not_json`, `unknown_version` or `wrong_shape`.
        """
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            raise _explain(body, error) from None


def _explain(body: bytes, error: ValidationError) -> UnreadableMessage:
    try:
        raw: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return UnreadableMessage("not_json", "The message is not JSON.")
    if isinstance(raw, dict) and raw.get("v", VERSION) != VERSION:
        return UnreadableMessage(
            "unknown_version", f"The message has a version other than {VERSION}."
        )
    places = ", ".join(
        f"{'.'.join(str(step) for step in item['loc']) or 'message'}: {item['msg']}"
        for item in error.errors(include_url=False, include_context=False, include_input=False)[:5]
    )
    return UnreadableMessage("wrong_shape", f"The message does not have its form ({places}).")


class Direction(StrEnum):
    """Which way a text went."""

    INBOUND = "INBOUND"
    OUTBOUND = "OUTBOUND"


class Keyword(StrEnum):
    """What a carrier keyword asks for."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"


class ReportStatus(StrEnum):
    """A provider's word on delivery, normalised over the providers."""

    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERABLE = "undeliverable"
    EXPIRED = "expired"
    REJECTED = "rejected"
    FAILED = "failed"


class OutcomeStatus(StrEnum):
    """What became of a command for one recipient."""

    SENT = "sent"
    HELD = "held"
    BLOCKED = "blocked"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class OutcomeWarning(StrEnum):
    """What is odd about a text that may be sent nevertheless."""

    LANDLINE = "landline"
    """The recipient's number is a landline's; most cannot read texts."""
    SHORTENED_URL = "shortened_url"
    """A public URL shortener stands in the text; carriers in the US tend to drop it."""
    TRANSLITERATED = "transliterated"
    """Typographic characters were replaced by plain ones."""


class TurnMessage(Part):
    """The inbound text of a turn. `at` is the provider's receive instant."""

    id: str
    body: str
    at: Instant
    segments: int | None = None


class HistoryItem(Part):
    """An earlier text of the conversation. `status` is `received` for inbound texts, and the
    delivery state for outbound ones."""

    id: str
    direction: Direction
    body: str
    at: Instant
    status: str


class Turn(Wire):
    """One inbound text handed to its agent, with the conversation so far.

    `seq` rises with every message recorded in a conversation (gaps are normal). `history` holds at
    most the last 10 texts, oldest first, without the current one.
    """

    type: ClassVar[str] = "agent.turn"

    turn_id: str
    seq: int
    tenant_id: Slug
    agent_id: Slug
    connection_id: str
    number: str
    remote: str
    message: TurnMessage
    history: tuple[HistoryItem, ...] = ()
    keyword: Keyword | None = None
    can_send: bool = True
    cannot_send_reason: OutcomeCode | None = None


class SendCommand(Wire):
    """An agent's request to send a text. `command_id` is its idempotency key: the same command may
    be published any number of times and is carried out once."""

    type: ClassVar[str] = "command.send"

    command_id: str = Field(min_length=1, max_length=200)
    tenant_id: Slug
    agent_id: Slug
    number: str = Field(min_length=1, max_length=32)
    to: Address | Annotated[tuple[Address, ...], Field(min_length=1, max_length=MAX_RECIPIENTS)]
    body: str
    in_reply_to: str | None = Field(default=None, max_length=200)
    tag: str | None = Field(default=None, max_length=200)
    expires_at: Instant | None = None

    @property
    def recipients(self) -> tuple[str, ...]:
        """The recipients as written, always as a sequence."""
        return (self.to,) if isinstance(self.to, str) else self.to


class Outcome(Wire):
    """What became of a command, one per recipient.

    `message` is written for a model. `body` is what was (or would be) sent; `original_body` what
    the agent asked for. `encoding` is `GSM-7` or `UCS-2`. A long text may go out as several
    numbered texts: `parts` says how many, `parts_sent` how many of them the provider took (null:
    all or none, as the status says). A text that was held has a second outcome when a person has
    decided: `edited` says that they changed its words, `reason` why they rejected
    it, in their own words.
    """

    type: ClassVar[str] = "agent.outcome"

    command_id: str
    status: OutcomeStatus
    code: OutcomeCode
    message: str
    message_id: str | None = None
    provider_message_id: str | None = None
    to: str
    original_to: str
    body: str | None = None
    original_body: str | None = None
    truncated: bool = False
    encoding: str | None = None
    segments: int | None = None
    parts: int = 1
    parts_sent: int | None = None
    warnings: tuple[OutcomeWarning, ...] = ()
    edited: bool = False
    reason: str | None = None
    at: Instant


class Report(Wire):
    """A delivery report on a text that the agent sent. `code` and `details` are the provider's."""

    type: ClassVar[str] = "agent.report"

    message_id: str
    command_id: str
    status: ReportStatus
    code: str | None = None
    details: str | None = None
    at: Instant
