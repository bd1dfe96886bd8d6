"""The audit trail: who did what, when, and what it changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from common.store.control import AuditEntry
from health.access.roles import Role
from health.console.days import first_moment, last_moment
from health.console.page_routes import page
from health.console.rendering import render
from health.web.routes import Body, Call, Route

_ENTRIES: Final = 50


class AuditQuery(Body):
    """Which entries."""

    action: str = ""
    target: str = ""
    actor: str = ""
    since: str = ""
    until: str = ""
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A field that an action changed; None stands for what was not there."""

    field: str
    before: str | None
    after: str | None


async def audit(call: Call) -> web.Response:
    """The tenant's audit trail, newest first."""
    query: AuditQuery = call.query
    found = await call.desks.audit.list(
        call.tenant_id,
        action=query.action.strip() or None,
        target=query.target.strip() or None,
        actor=query.actor.strip() or None,
        since=first_moment(query.since),
        until=last_moment(query.until),
        limit=_ENTRIES,
        cursor=query.cursor or None,
    )
    entries = [(entry, changes_of(entry)) for entry in found.items]
    return render(call, "audit.html", entries=entries, next=found.next, query=query)


def changes_of(entry: AuditEntry) -> tuple[Change, ...]:
    """What differs between before and after."""
    before, after = entry.before or {}, entry.after or {}
    names = [*before, *(name for name in after if name not in before)]
    changes = (Change(name, _shown(before, name), _shown(after, name)) for name in names)
    return tuple(change for change in changes if change.before != change.after)


def _shown(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)


ROUTES: Final[tuple[Route, ...]] = (
    page("audit_page", "/t/{tenant_id}/audit", audit, needs=Role.ADMIN, query=AuditQuery),
)
