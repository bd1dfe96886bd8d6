"""Conversations that wait for a person, since they looked like two machines."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Self

from pydantic import Field

from common.store.control import HeldConversation
from health.access.roles import Role
from health.api.conversations import CONVERSATION
from health.api.paths import TENANT, ListQuery
from health.web.problems import ProblemCode
from health.web.routes import Answer, Call, ListView, Route, View


class HeldConversationView(View):
    """A conversation that waits for a person, or did."""

    conversation_id: str
    number: str
    remote: str
    held_since: datetime | None = Field(description="null: it goes on.")
    reason: str = Field(description="The outcome code that says why, such as `loop_suspected`.")
    resumed_at: datetime | None
    resumed_by: str | None

    @classmethod
    def of(cls, held: HeldConversation) -> Self:
        """As the API shows it."""
        return cls(**{name: getattr(held, name) for name in cls.model_fields})


async def list_held_conversations(call: Call) -> Answer:
    """Those that wait, the one held last first."""
    query: ListQuery = call.query
    page = await call.desks.holds.list(call.tenant_id, limit=query.limit, cursor=query.cursor)
    items = tuple(map(HeldConversationView.of, page.items))
    return Answer(body=ListView[HeldConversationView](items=items, next=page.next))


async def resume_conversation(call: Call) -> Answer:
    """Let the agent answer in it again."""
    held = await call.desks.holds.resume(
        call.tenant_id, call.at("conversation_id"), by=call.principal
    )
    return Answer(body=HeldConversationView.of(held))


_TAG: Final = "Conversations"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_held_conversations",
        method="GET",
        path=f"{TENANT}/held-conversations",
        needs=Role.VIEWER,
        handler=list_held_conversations,
        summary="List the conversations that wait for a person, since they looked like a loop",
        query=ListQuery,
        answer=ListView[HeldConversationView],
        problems=(ProblemCode.BAD_CURSOR,),
        tag=_TAG,
    ),
    Route(
        name="resume_conversation",
        method="POST",
        path=f"{CONVERSATION}/resume",
        needs=Role.APPROVER,
        handler=resume_conversation,
        summary="Let a conversation go on that was held; what is held for approval keeps waiting",
        answer=HeldConversationView,
        tag=_TAG,
    ),
)
