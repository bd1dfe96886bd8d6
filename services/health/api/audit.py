"""The audit trail: who did what, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from health.access.roles import Role
from health.api.messages import Moment
from health.api.paths import PREFIX, TENANT, ListQuery
from health.web.routes import Answer, Call, ListView, Route

_TAG: Final = "Audit"


class AuditQuery(ListQuery):
    """Which entries are wanted."""

    action: str | None = Field(
        None, max_length=64, description="Such as `number.gate_on`.", examples=["number.gate_on"]
    )
    target: str | None = Field(None, max_length=200, description="The ID of what was acted on.")
    actor: str | None = Field(
        None, max_length=200, description="The ID or the name of who did it.", examples=["Ada"]
    )
    since: Moment | None = Field(None, description="From then on.")
    until: Moment | None = Field(None, description="Up to then.")


class ActorItem(BaseModel):
    """Who did something."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    kind: str = Field(description="`key`, `oidc` or `system`.")
    id: str
    name: str
    role: str


class AuditItem(BaseModel):
    """Who did what to what, and when."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    tenant_id: str | None = Field(description="null for what concerns no single tenant.")
    at: datetime
    actor: ActorItem
    action: str
    target: str
    before: dict[str, Any] | None = Field(description="What changed, as it was; no secrets.")
    after: dict[str, Any] | None = Field(description="What changed, as it became.")
    note: str | None


async def list_audit(call: Call) -> Answer:
    """The tenant's entries."""
    return await _page(call, call.tenant_id)


async def list_audit_of_all(call: Call) -> Answer:
    """The entries of every tenant and of none."""
    return await _page(call, None)


async def _page(call: Call, tenant_id: str | None) -> Answer:
    query: AuditQuery = call.query
    page = await call.desks.audit.list(
        tenant_id,
        action=query.action,
        target=query.target,
        actor=query.actor,
        since=query.since,
        until=query.until,
        limit=query.limit,
        cursor=query.cursor,
    )
    items = tuple(AuditItem.model_validate(entry) for entry in page.items)
    return Answer(body=ListView[AuditItem](items=items, next=page.next))


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_audit",
        method="GET",
        path=f"{TENANT}/audit",
        needs=Role.ADMIN,
        handler=list_audit,
        summary="Read the tenant's audit trail, newest first",
        query=AuditQuery,
        answer=ListView[AuditItem],
        tag=_TAG,
    ),
    Route(
        name="list_audit_of_all",
        method="GET",
        path=f"{PREFIX}/audit",
        needs=Role.OPERATOR,
        handler=list_audit_of_all,
        summary="Read the audit trail of all tenants and of none, newest first",
        query=AuditQuery,
        answer=ListView[AuditItem],
        tag=_TAG,
    ),
)
