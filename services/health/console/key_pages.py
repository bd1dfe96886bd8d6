"""A tenant's API keys: the list, the form for a new one, and the one page that shows a key."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from aiohttp import web

from common.store.control import KeyRecord
from health.access.roles import Role
from health.console.page_routes import form, page
from health.console.rendering import CLOCK, render
from health.console.setup_forms import (
    Form,
    ListQuery,
    Refused,
    Shown,
    attempt,
    done,
    read_form,
    require,
)
from health.web.problems import Problem, ProblemCode
from health.web.routes import Call, Route

_LIST: Final = "/t/{tenant_id}/keys"
_ONE: Final = _LIST + "/{key_id}"
_ROWS: Final = 50

ROLES: Final[Mapping[Role, str]] = {
    Role.VIEWER: "Viewer: reads everything",
    Role.APPROVER: "Approver: also decides on held texts",
    Role.ADMIN: "Admin: also changes connections, agents and keys",
}
"""Those that a key of a tenant can have."""

LIFETIMES: Final[Mapping[str, str]] = {
    "30": "30 days",
    "90": "90 days",
    "365": "One year",
    "never": "Does not expire",
}
_USUAL: Final = "90"


async def keys(call: Call) -> web.Response:
    """The list."""
    return await show_keys(call)


async def show_keys(call: Call, refused: Refused | None = None) -> web.Response:
    """The list, after a refusal with what was refused."""
    shown = Shown(refused)
    listed = await call.desks.keys.list(
        call.tenant_id, limit=_ROWS, cursor=call.query.cursor if call.query else None
    )
    now = call.request.app[CLOCK]()
    context: dict[str, Any] = {
        "listed": listed,
        "states": {key.id: state_of(key, now) for key in listed.items},
        "roles": ROLES,
        "lifetimes": LIFETIMES,
        "usual": _USUAL,
        "shown": shown,
    }
    return render(call, "setup_keys.html", status=shown.status, **context)


def state_of(key: KeyRecord, now: datetime) -> str:
    """`good`, `revoked` or `expired`."""
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "good"


async def make(call: Call) -> web.Response:
    """Make a key. It is in this answer and nowhere else."""
    posted = await read_form(call)
    result = await attempt(_make(call, posted))
    if isinstance(result, Problem):
        kept = posted.kept("name", "role", "lifetime")
        refused = Refused("new", result, kept, {"expires_at": "lifetime"})
        return await show_keys(call, refused)
    record, secret = result
    return render(call, "setup_key_made.html", record=record, secret=secret)


async def _make(call: Call, posted: Form) -> tuple[KeyRecord, str]:
    problem = require(posted, {"name": "Say who or what will use it.", "role": "Choose a role."})
    if problem is not None:
        raise problem
    return await call.desks.keys.make(
        call.tenant_id,
        name=posted.text("name"),
        role=_role_of(posted),
        expires_at=_end_of(posted, call.request.app[CLOCK]()),
        by=call.principal,
    )


def _role_of(posted: Form) -> Role:
    role = next((role for role in ROLES if role.value == posted.text("role")), None)
    if role is None:
        fields = {"role": "Choose one of the list."}
        raise Problem(ProblemCode.INVALID, "No key can have this role.", fields=fields)
    return role


def _end_of(posted: Form, now: datetime) -> datetime | None:
    lifetime = posted.text("lifetime") or _USUAL
    if lifetime not in LIFETIMES:
        fields = {"lifetime": "Choose one of the list."}
        raise Problem(ProblemCode.INVALID, "The expiry is not usable.", fields=fields)
    return None if lifetime == "never" else now + timedelta(days=int(lifetime))


async def revoke(call: Call) -> web.Response:
    """End a key, and every session that was opened with it."""
    posted = await read_form(call)
    result = await attempt(_revoke(call, posted))
    if isinstance(result, Problem):
        return await show_keys(call, Refused("revoke", result))
    return done(call, f"/t/{call.tenant_id}/keys", "key_revoked")


async def _revoke(call: Call, posted: Form) -> KeyRecord:
    if not posted.ticked("confirm"):
        raise Problem(ProblemCode.NOT_CONFIRMED)
    return await call.desks.keys.revoke(call.tenant_id, call.at("key_id"), by=call.principal)


ROUTES: Final[tuple[Route, ...]] = (
    page("keys_page", _LIST, keys, needs=Role.ADMIN, query=ListQuery),
    form("key_new", _LIST, make, needs=Role.ADMIN),
    form("key_revoke", f"{_ONE}/revoke", revoke, needs=Role.ADMIN),
)
