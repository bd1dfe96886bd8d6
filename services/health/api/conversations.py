"""Conversations and their threads."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from common.store.control import ConversationState
from health.access.roles import Role
from health.api.messages import TAG, Address, Moment, TextItem
from health.api.paths import TENANT, ListQuery
from health.web.problems import Problem, ProblemCode
from health.web.routes import Answer, Call, ListView, Route

CONVERSATION: Final = f"{TENANT}/conversations/{{conversation_id}}"


class ConversationsQuery(ListQuery):
    """Which conversations are wanted."""

    number: Address | None = Field(None, description="The tenant's number.")
    remote: Address | None = Field(None, description="The other person's number.")
    since: Moment | None = Field(None, description="The newest text is not older.")
    until: Moment | None = Field(None, description="The newest text is not newer.")
    state: ConversationState | None = Field(
        None,
        description="`held`: a text of it waits for a person; `opted_out`: the other person asked "
        "not to be texted; `uncertain`: of a text of it nobody knows whether it went out; "
        "`report_missing`: of a text of it no final delivery report has come in time.",
    )


class ConversationItem(BaseModel):
    """A conversation with its newest text."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    number: str
    remote: str
    newest: TextItem
    opted_out: bool = Field(description="Whether the other person asked not to be texted.")
    held: int = Field(description="Texts of it that wait for a person.")


async def list_conversations(call: Call) -> Answer:
    """The conversation with the newest text first."""
    query: ConversationsQuery = call.query
    page = await call.desks.reading.conversations(
        call.tenant_id,
        number=query.number,
        remote=query.remote,
        since=query.since,
        until=query.until,
        state=query.state,
        limit=query.limit,
        cursor=query.cursor,
    )
    items = tuple(ConversationItem.model_validate(item) for item in page.items)
    return Answer(body=ListView[ConversationItem](items=items, next=page.next))


async def get_conversation(call: Call) -> Answer:
    """One conversation."""
    found = await call.desks.reading.conversation(call.tenant_id, call.at("conversation_id"))
    if found is None:
        raise Problem(ProblemCode.NOT_FOUND)
    return Answer(body=ConversationItem.model_validate(found))


async def read_thread(call: Call) -> Answer:
    """Every text of a conversation, the held and the refused ones too."""
    query: ListQuery = call.query
    page = await call.desks.reading.thread(
        call.tenant_id, call.at("conversation_id"), limit=query.limit, cursor=query.cursor
    )
    if not page.items and query.cursor is None:
        raise Problem(ProblemCode.NOT_FOUND)
    items = tuple(TextItem.model_validate(text) for text in page.items)
    return Answer(body=ListView[TextItem](items=items, next=page.next))


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_conversations",
        method="GET",
        path=f"{TENANT}/conversations",
        needs=Role.VIEWER,
        handler=list_conversations,
        summary="List conversations; a page may be short, or empty, and yet have a next",
        query=ConversationsQuery,
        answer=ListView[ConversationItem],
        tag=TAG,
    ),
    Route(
        name="get_conversation",
        method="GET",
        path=CONVERSATION,
        needs=Role.VIEWER,
        handler=get_conversation,
        summary="Read a conversation with its newest text",
        answer=ConversationItem,
        tag=TAG,
    ),
    Route(
        name="read_thread",
        method="GET",
        path=f"{CONVERSATION}/messages",
        needs=Role.VIEWER,
        handler=read_thread,
        summary="Read a conversation's texts, newest first",
        query=ListQuery,
        answer=ListView[TextItem],
        tag=TAG,
    ),
)
