"""Messages that could not be processed, with the reason."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from health.access.roles import Role
from health.api.paths import PREFIX
from health.web.routes import Answer, Body, Call, ListView, Route

_TAG: Final = "Dead letters"


class LookQuery(Body):
    """How much is wanted."""

    limit: int = Field(20, ge=1, le=100, description="How many messages at most.")


class ParkedQueueItem(BaseModel):
    """A parking place."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    name: str = Field(examples=["dead.processor.inbound"])
    count: int


class ParkedItem(BaseModel):
    """A parked message; numbers in it are masked, texts replaced by their length."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    message_id: str
    type: str
    reason: str = Field(description="A stable code, or the broker's own reason.")
    detail: str
    parked_from: str = Field(description="The queue from which it was parked.")
    first_seen: str = Field(description="When processing it first failed, RFC 3339; or empty.")
    body: Any


async def list_dead_letter_queues(call: Call) -> Answer:
    """Every parking place with its count."""
    queues = await call.desks.dead_letters.queues()
    items = tuple(ParkedQueueItem.model_validate(queue) for queue in queues)
    return Answer(body=ListView[ParkedQueueItem](items=items))


async def look_at_dead_letters(call: Call) -> Answer:
    """What has been parked for longest, without taking it away."""
    found = await call.desks.dead_letters.look(call.at("queue"), limit=call.query.limit)
    items = tuple(ParkedItem.model_validate(item) for item in found)
    return Answer(body=ListView[ParkedItem](items=items))


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_dead_letter_queues",
        method="GET",
        path=f"{PREFIX}/dead-letters",
        needs=Role.OPERATOR,
        handler=list_dead_letter_queues,
        summary="Count the messages that could not be processed",
        answer=ListView[ParkedQueueItem],
        tag=_TAG,
    ),
    Route(
        name="look_at_dead_letters",
        method="GET",
        path=f"{PREFIX}/dead-letters/{{queue}}",
        needs=Role.OPERATOR,
        handler=look_at_dead_letters,
        summary="Look at messages that could not be processed; they stay where they are",
        query=LookQuery,
        answer=ListView[ParkedItem],
        tag=_TAG,
    ),
)
