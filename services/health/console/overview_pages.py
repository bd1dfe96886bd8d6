"""The overview: how each connection is, what went through it, and what needs a person."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from aiohttp import web

from common.sending_rules import OptOutScope
from common.store.control import ConnectionView
from common.store.records import ConnectionStatus
from health.console.charts import glances, hour_chart, hour_of, shares
from health.console.page_routes import page
from health.console.rendering import CLOCK, render
from health.web.routes import Call, Route

HOURS: Final = 24
_CONNECTIONS: Final = 100
_HELD: Final = 5
SCOPES: Final = (
    (OptOutScope.NUMBER.value, "The number that it was sent to"),
    (OptOutScope.TENANT.value, "All numbers of the tenant"),
)
"""For what an opt-out counts, as people choose it."""

_ORDER: Final = (ConnectionStatus.ERROR, ConnectionStatus.ACTIVE, ConnectionStatus.DISCONNECTED)
_REFRESH: Final = 5
"""Seconds between two refreshes of the page at least."""


async def overview(call: Call) -> web.Response:
    """How the tenant's connections are, and what needs a person."""
    tenant_id, now = call.tenant_id, call.request.app[CLOCK]()
    since = hour_of(now) - timedelta(hours=HOURS - 1)
    tenant, connections, hours, held, holds, unsettled = await asyncio.gather(
        call.desks.tenants.get(tenant_id),
        call.desks.connections.list(tenant_id, limit=_CONNECTIONS, cursor=None),
        call.desks.reading.hours(tenant_id, since=since),
        call.desks.approvals.list(tenant_id, limit=_HELD, cursor=None),
        call.desks.holds.list(tenant_id, limit=_HELD),
        call.desks.reading.unsettled(tenant_id),
    )
    return render(
        call,
        "overview.html",
        tenant=tenant,
        connections=in_order(connections.items),
        more_connections=connections.next is not None,
        broken=[item for item in connections.items if item.status is ConnectionStatus.ERROR],
        held=held.items,
        more_held=held.next is not None,
        holds=holds.items,
        unsettled=unsettled,
        scopes=SCOPES,
        chart=hour_chart(hours, now=now, count=HOURS),
        shares=shares(hours),
        glances=glances(hours, now=now, count=HOURS),
        live=f"/t/{tenant_id}/events?every={_REFRESH}",
    )


def in_order(connections: tuple[ConnectionView, ...]) -> list[ConnectionView]:
    """What needs a person first; what is over last."""
    return sorted(connections, key=lambda item: _ORDER.index(item.status))


ROUTES: Final[tuple[Route, ...]] = (page("overview_page", "/t/{tenant_id}/", overview),)
