"""Executions: the life of a text as a timeline, without its content."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from health.access.roles import Role
from health.api.messages import Address, Moment
from health.api.paths import TENANT, ListQuery
from health.web.problems import Problem, ProblemCode
from health.web.routes import Answer, Call, ListView, Route

_TAG: Final = "Executions"


class ExecutionsQuery(ListQuery):
    """Which executions are wanted."""

    number: Address | None = Field(None, description="The tenant's number.")
    remote: Address | None = Field(None, description="The other person's number.")
    since: Moment | None = Field(None, description="The inbound text is not older.")
    until: Moment | None = Field(None, description="The inbound text is not newer.")


class StepItem(BaseModel):
    """One step in the life of a text."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    what: str = Field(description="`accepted`, `recorded`, `handed_over`, `answered`, `held`, …")
    at: datetime
    detail: str = Field(description="An ID, a code or a name; never a text's content.")


class ExecutionItem(BaseModel):
    """The life of an inbound text and of what was answered to it."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    message_id: str
    number: str
    remote: str
    duplicates: int = Field(description="How often the text was delivered again.")
    steps: tuple[StepItem, ...]


async def list_executions(call: Call) -> Answer:
    """Those of the newest inbound texts first."""
    query: ExecutionsQuery = call.query
    page = await call.desks.executions.page(
        call.tenant_id,
        number=query.number,
        remote=query.remote,
        since=query.since,
        until=query.until,
        limit=query.limit,
        cursor=query.cursor,
    )
    items = tuple(ExecutionItem.model_validate(item) for item in page.items)
    return Answer(body=ListView[ExecutionItem](items=items, next=page.next))


async def get_execution(call: Call) -> Answer:
    """The one of an inbound text."""
    found = await call.desks.executions.of_message(call.tenant_id, call.at("message_id"))
    if found is None:
        raise Problem(ProblemCode.NOT_FOUND)
    return Answer(body=ExecutionItem.model_validate(found))


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_executions",
        method="GET",
        path=f"{TENANT}/executions",
        needs=Role.VIEWER,
        handler=list_executions,
        summary="List the lives of inbound texts, newest first; a page may be short, or empty, and "
        "yet have a next",
        query=ExecutionsQuery,
        answer=ListView[ExecutionItem],
        tag=_TAG,
    ),
    Route(
        name="get_execution",
        method="GET",
        path=f"{TENANT}/messages/{{message_id}}/execution",
        needs=Role.VIEWER,
        handler=get_execution,
        summary="Read the life of an inbound text",
        answer=ExecutionItem,
        tag=_TAG,
    ),
)
