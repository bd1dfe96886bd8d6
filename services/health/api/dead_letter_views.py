"""What is asked and answered of parked messages."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from health.desk.parked_acts import Content
from health.desk.parked_choice import Only
from health.desk.parked_forecast import Forecast
from health.desk.parked_rounds import Round
from health.desk.parked_words import Effect
from health.web.fields import ONE_LINE
from health.web.routes import Body, View

LONGEST_WHY: Final = 200
LONGEST_BODY: Final = 100_000

_Code = Annotated[str, Field(max_length=100)]
Why = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=LONGEST_WHY, pattern=ONE_LINE
    ),
]
_WHY: Final = "Why it is done; kept in the audit trail, and so never a number or a person's words."


class LookQuery(Body):
    """Which messages are wanted."""

    limit: int = Field(20, ge=1, le=100, description="How many messages at most.")
    cursor: str | None = Field(
        None, max_length=600, description="`next` of the page before; none for the first page."
    )
    reason: _Code = Field("", description="Only those that were parked for this reason.")
    type: _Code = Field("", description="Only those of this type.")
    message_id: str = Field("", max_length=255, description="Only those of this message ID.")

    @property
    def only(self) -> Only:
        """As the desk takes it."""
        return Only(reason=self.reason, type=self.type, message_id=self.message_id)


class Reason(Body):
    """Why something is done."""

    reason: Why = Field(description=_WHY)


class Edit(Body):
    """Another body for a message."""

    body: str = Field(min_length=1, max_length=LONGEST_BODY, description="The whole new body.")
    reason: Why = Field(description=_WHY)
    dry_run: bool = Field(
        False, description="Check and show the difference, which counts as reading; change nothing."
    )


class Replay(Body):
    """A message back to work."""

    reason: Why | None = Field(None, description=f"{_WHY} Not needed for a dry run.")
    dry_run: bool = Field(False, description="Say what it would come to, change nothing.")


class ReplayMany(Replay):
    """One round of many."""

    only_reason: _Code = Field("", description="Only those that were parked for this reason.")
    only_type: _Code = Field("", description="Only those of this type.")
    round_id: str = Field(
        "", max_length=64, description="`round_id` of the round before; none for the first."
    )

    @property
    def only(self) -> Only:
        """As the desk takes it."""
        return Only(reason=self.only_reason, type=self.only_type)


class DropMany(Body):
    """One round of dropping many."""

    reason: Why = Field(description=_WHY)
    only_reason: _Code = ""
    only_type: _Code = ""
    round_id: str = Field("", max_length=64)

    @property
    def only(self) -> Only:
        """As the desk takes it."""
        return Only(reason=self.only_reason, type=self.only_type)


class ParkedQueueItem(BaseModel):
    """A parking place."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    name: str = Field(examples=["dead.processor.inbound"])
    count: int


class ParkedItem(BaseModel):
    """A parked message; numbers in it are masked, texts replaced by their length."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    ref: str = Field(description="What it is called here; another one after an edit.")
    message_id: str
    type: str
    reason: str = Field(description="A stable code, or the broker's own reason.")
    detail: str
    parked_from: str = Field(description="The queue from which it was parked.")
    first_seen: str = Field(
        description="When processing it first failed, or where nobody noted that when it was "
        "published, RFC 3339; or empty."
    )
    replays: int = Field(description="How often it was replayed, and parked again.")
    edited: bool
    body: Any


class ForecastView(View):
    """What a replay comes to, as far as can be known before."""

    ref: str
    effect: Effect
    code: str
    what: str
    exchange: str = Field(description='"" is the default exchange, straight to the queue.')
    key: str

    @classmethod
    def of(cls, forecast: Forecast) -> Self:
        """As the API shows it."""
        return cls(**{name: getattr(forecast, name) for name in cls.model_fields})


class ContentView(View):
    """What a message says. No secret is in it."""

    ref: str
    message_id: str
    type: str
    user: str | None = Field(description="The broker user that first published it.")
    routing_key: str
    body: str
    changes: tuple[str, ...] = Field(description="What an edit has changed, as `diff -u` has it.")
    edited_at: datetime | None
    edited_by: str | None
    forecast: ForecastView

    @classmethod
    def of(cls, content: Content) -> Self:
        """As the API shows it."""
        letter, original = content.letter, content.original
        return cls(
            ref=letter.ref,
            message_id=letter.message_id,
            type=letter.type,
            user=letter.user,
            routing_key=letter.key,
            body=content.text,
            changes=content.changes,
            edited_at=original.edited_at if original else None,
            edited_by=original.edited_by if original else None,
            forecast=ForecastView.of(content.forecast),
        )


class EditView(View):
    """An edit, done or tried."""

    ref: str = Field(description="What the message is called now.")
    changes: tuple[str, ...]
    dry_run: bool


class ReplayView(View):
    """A replay, done or only forecast."""

    dry_run: bool
    forecast: ForecastView


class RoundView(View):
    """A round of a replay, or a drop, of many."""

    round_id: str
    seen: int = Field(description="Messages that were looked at for the first time.")
    done: int = Field(description="Messages that were taken away.")
    finished: bool = Field(description="Whether no further round is needed.")
    forecasts: tuple[ForecastView, ...]
    failed: tuple[str, ...] = Field(
        description="Refs of messages that the broker did not take; they are still parked."
    )
    dry_run: bool

    @classmethod
    def of(cls, found: Round, *, dry_run: bool) -> Self:
        """As the API shows it."""
        return cls(
            round_id=found.round_id,
            seen=found.seen,
            done=found.done,
            finished=found.finished,
            forecasts=tuple(map(ForecastView.of, found.forecasts)),
            failed=found.failed,
            dry_run=dry_run,
        )
