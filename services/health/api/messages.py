"""Texts, as people search them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from common.addresses import normalise_address
from common.store.control import TextFilter
from common.store.records import ApprovalDecision, SendState
from health.access.roles import Role
from health.api.paths import TENANT, ListQuery
from health.web.problems import Problem, ProblemCode
from health.web.routes import Answer, Call, ListView, Route
from heliograph.models import Direction

TAG: Final = "Conversations"

_EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

Address = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(normalise_address)]
"""A number in any of the ways that people write it; `+` may be left out."""

Moment = Annotated[AwareDatetime, Field(ge=_EARLIEST, le=_LATEST)]
"""An instant with its time zone, of a time in which there are texts."""

Word = Annotated[str, Field(max_length=32, pattern=r"^[a-z_]+$")]


class TextsQuery(ListQuery):
    """Which texts are wanted."""

    number: Address | None = Field(None, description="The tenant's number.")
    remote: Address | None = Field(None, description="The other person's number.")
    since: Moment | None = None
    until: Moment | None = None
    direction: Direction | None = None
    status: Word | None = Field(
        None, description="`received`, an outcome's status or a delivery report's."
    )
    state: SendState | None = Field(None, description="How far an outbound text has come.")
    report_missing: bool | None = Field(
        None, description="Whether no final delivery report has come in time."
    )


class TextItem(BaseModel):
    """One text, inbound or outbound."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    seq: int = Field(description="Rises in the order of recording.")
    direction: Direction
    conversation_id: str
    connection_id: str
    provider: str
    agent_id: str
    number: str
    remote: str
    body: str = Field(description="What was received, or was or would be sent.")
    original_body: str | None = Field(description="What the agent wrote.")
    at: datetime
    state: SendState | None = Field(description="null for an inbound text.")
    status: str
    code: str | None = Field(description="The outcome's code.")
    keyword: str | None
    segments: int | None
    encoding: str | None
    truncated: bool
    edited: bool = Field(description="Whether who approved it changed its words.")
    command_id: str | None
    in_reply_to: str | None
    tag: str | None
    provider_message_id: str | None
    report_status: str | None
    report_code: str | None
    report_details: str | None
    report_at: datetime | None
    report_missing_at: datetime | None = Field(
        description="When waiting for the final delivery report ended in vain; a later one takes "
        "this away."
    )
    parts: int = Field(description="Texts that it was split into.")
    parts_delivered: int = Field(
        description="Parts whose delivery is known, where there are several."
    )
    held_at: datetime | None
    sent_at: datetime | None
    decision: ApprovalDecision | None
    decided_by: str | None
    decided_at: datetime | None
    reason: str | None
    trace_id: str | None = Field(
        description="The trace in which it came or went; its report and an answer are in the same."
    )


async def search_texts(call: Call) -> Answer:
    """Texts, newest first."""
    query: TextsQuery = call.query
    wanted = TextFilter(**query.model_dump(exclude={"limit", "cursor"}))
    page = await call.desks.reading.texts(
        call.tenant_id, wanted, limit=query.limit, cursor=query.cursor
    )
    items = tuple(TextItem.model_validate(text) for text in page.items)
    return Answer(body=ListView[TextItem](items=items, next=page.next))


async def get_text(call: Call) -> Answer:
    """One text."""
    text = await call.desks.reading.text(call.tenant_id, call.at("message_id"))
    if text is None:
        raise Problem(ProblemCode.NOT_FOUND)
    return Answer(body=TextItem.model_validate(text))


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="search_messages",
        method="GET",
        path=f"{TENANT}/messages",
        needs=Role.VIEWER,
        handler=search_texts,
        summary="Search texts, newest first; a page may be short, or empty, and yet have a next",
        query=TextsQuery,
        answer=ListView[TextItem],
        tag=TAG,
    ),
    Route(
        name="get_message",
        method="GET",
        path=f"{TENANT}/messages/{{message_id}}",
        needs=Role.VIEWER,
        handler=get_text,
        summary="Read a text with all that became of it",
        answer=TextItem,
        tag=TAG,
    ),
)
