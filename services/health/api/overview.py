"""What an administrator looks at first."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from common.store.control import ConnectionView
from common.store.records import ConnectionStatus
from health.access.roles import Role
from health.api.paths import TENANT
from health.desks import Desks
from health.web.routes import Answer, Body, Call, Route, View

_PAGE: Final = 200
_MOST: Final = 1000
"""Connections that an overview shows."""


class OverviewQuery(Body):
    """Of which time."""

    hours: int = Field(24, ge=1, le=168, description="How many hours back.")


class ConnectionState(BaseModel):
    """A connection and whether it works."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    name: str
    provider: str
    status: ConnectionStatus
    error: str | None
    checked_at: datetime | None
    numbers: int


class HourItem(BaseModel):
    """What happened through one connection in one hour."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    start: datetime
    connection_id: str
    received: int
    sent: int
    held: int
    blocked: int
    failed: int
    uncertain: int


class OverviewView(View):
    """What an administrator looks at first."""

    connections: tuple[ConnectionState, ...]
    hours: tuple[HourItem, ...] = Field(description="Empty hours are left out.")
    held: int = Field(description="Texts that wait for a person; counted to 10,000.")
    errors: int = Field(description="Connections in error.")
    uncertain: int = Field(
        description="Texts of which nobody knows whether they went out; counted to 10,000."
    )
    report_missing: int = Field(
        description="Texts of which no final delivery report has come in time; counted to 10,000."
    )


async def read_overview(call: Call) -> Answer:
    """Connections, what happened, and what needs a person."""
    since = datetime.now(UTC) - timedelta(hours=call.query.hours)
    connections = await every_connection(call.desks, call.tenant_id)
    hours = await call.desks.reading.hours(call.tenant_id, since=since)
    unsettled = await call.desks.reading.unsettled(call.tenant_id)
    view = OverviewView(
        connections=tuple(ConnectionState.model_validate(item) for item in connections),
        hours=tuple(HourItem.model_validate(hour) for hour in hours),
        held=await call.desks.reading.held(call.tenant_id),
        uncertain=unsettled.uncertain,
        report_missing=unsettled.report_missing,
        errors=sum(item.status is ConnectionStatus.ERROR for item in connections),
    )
    return Answer(body=view)


async def every_connection(desks: Desks, tenant_id: str) -> list[ConnectionView]:
    """The tenant's connections, the newest 1,000."""
    found: list[ConnectionView] = []
    cursor: str | None = None
    while len(found) < _MOST:
        page = await desks.connections.list(tenant_id, limit=_PAGE, cursor=cursor)
        found += page.items
        if (cursor := page.next) is None:
            break
    return found


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="read_overview",
        method="GET",
        path=f"{TENANT}/overview",
        needs=Role.VIEWER,
        handler=read_overview,
        summary="Read the state of connections, what happened each hour, and what needs a person",
        query=OverviewQuery,
        answer=OverviewView,
        tag="Overview",
    ),
)
