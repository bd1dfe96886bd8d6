"""Executions: the life of each inbound text and of its answers, as a timeline."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from common.addresses import normalise_address
from health.console.days import first_moment, last_moment
from health.console.page_routes import page
from health.console.rendering import render
from health.web.routes import Body, Call, Route

_SHOWN: Final = 40
_REFRESH: Final = 5
"""Seconds between two refreshes of the page at least."""


class ExecutionsQuery(Body):
    """Which executions."""

    number: str = ""
    remote: str = ""
    since: str = ""
    until: str = ""
    cursor: str | None = None

    @property
    def narrowed(self) -> bool:
        """Whether not all are wanted."""
        return any((self.number, self.remote, self.since, self.until))


async def executions(call: Call) -> web.Response:
    """What happened to the latest inbound texts, step by step."""
    query: ExecutionsQuery = call.query
    found = await call.desks.executions.page(
        call.tenant_id,
        number=_address(query.number),
        remote=_address(query.remote),
        since=first_moment(query.since),
        until=last_moment(query.until),
        limit=_SHOWN,
        cursor=query.cursor or None,
    )
    return render(
        call,
        "executions.html",
        executions=found.items,
        next=found.next,
        query=query,
        live=None if query.cursor else f"/t/{call.tenant_id}/events?every={_REFRESH}",
    )


def _address(written: str) -> str | None:
    return normalise_address(written) if written.strip() else None


ROUTES: Final[tuple[Route, ...]] = (
    page("executions_page", "/t/{tenant_id}/executions", executions, query=ExecutionsQuery),
)
