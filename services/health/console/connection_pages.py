"""A tenant's connections: the list, and the page of one with all that can be done to it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Mapping
from typing import Any, Final

from aiohttp import web

from common.providers.spec import PARTNER_PARAMETER, ProviderSpec
from common.providers.specs import SPECS
from common.store.control import ConnectionView
from common.store.records import ConnectionStatus
from health.access.roles import Role
from health.console import number_forms, parameter_forms
from health.console.page_routes import form, page
from health.console.rendering import render
from health.console.setup_forms import (
    PAGE_SIZE,
    Form,
    ListQuery,
    Refused,
    Shown,
    attempt,
    done,
    read_form,
    whole,
)
from health.desk.callbacks import CallbackAddress
from health.web.problems import Problem, ProblemCode
from health.web.routes import Call, Route

_LIST: Final = "/t/{tenant_id}/connections"
_ONE: Final = _LIST + "/{connection_id}"
_ROWS: Final = 50

CHECKED: Final[Mapping[ConnectionStatus, str]] = {
    ConnectionStatus.ACTIVE: "checked_active",
    ConnectionStatus.ERROR: "checked_error",
}
"""What is said after a check, by the status that it left."""


async def connections(call: Call) -> web.Response:
    """The list."""
    listed = await call.desks.connections.list(
        call.tenant_id, limit=_ROWS, cursor=call.query.cursor if call.query else None
    )
    titles = {name: spec.title for name, spec in SPECS.items()}
    return render(
        call,
        "setup_connections.html",
        listed=listed,
        titles=titles,
        live=f"/t/{call.tenant_id}/events",
    )


async def connection(call: Call) -> web.Response:
    """One connection."""
    return await show_connection(call)


async def show_connection(call: Call, refused: Refused | None = None) -> web.Response:
    """The page of a connection, after a refusal with what was refused."""
    shown = Shown(refused)
    view = await call.desks.connections.get(call.tenant_id, call.at("connection_id"))
    numbers = await whole(
        lambda at: call.desks.numbers.list(
            call.tenant_id, connection_id=view.id, limit=PAGE_SIZE, cursor=at
        )
    )
    agents = await whole(
        lambda at: call.desks.agents.list(call.tenant_id, limit=PAGE_SIZE, cursor=at)
    )
    spec = SPECS.get(view.provider)
    context: dict[str, Any] = {
        "connection": view,
        "spec": spec,
        "numbers": numbers,
        "agents": {agent.id: agent for agent in agents},
        "agent_options": number_forms.agent_options(agents),
        "types": number_forms.TYPES,
        "addresses": await _addresses(call, view, spec) if spec else (),
        "public_url": call.desks.callbacks.public_url,
        "partner_parameter": PARTNER_PARAMETER,
        "shown": shown,
        "live": f"/t/{call.tenant_id}/events",
    }
    return render(call, "setup_connection.html", status=shown.status, **context)


async def _addresses(
    call: Call, view: ConnectionView, spec: ProviderSpec
) -> tuple[CallbackAddress, ...]:
    """Whole for administrators, who give them to the provider; without their secret part for
    anybody else, and where the tenant's key does not open."""
    callbacks = call.desks.callbacks
    if call.principal.may(Role.ADMIN) and view.status is not ConnectionStatus.DISCONNECTED:
        with contextlib.suppress(Problem):
            return await callbacks.of(call.tenant_id, view.id)
    return callbacks.described(spec, connection_id=view.id)


async def edit(call: Call) -> web.Response:
    """Change name and description."""
    posted = await read_form(call)
    kept = posted.kept("name", "description")
    return await _settle(call, "edit", _edit(call, posted), "connection_updated", kept)


async def _edit(call: Call, posted: Form) -> ConnectionView:
    if not posted.text("name"):
        fields = {"name": "Give the connection a name."}
        raise Problem(ProblemCode.INVALID, "The name is missing.", fields=fields)
    return await call.desks.connections.update(
        call.tenant_id,
        call.at("connection_id"),
        name=posted.text("name"),
        description=posted.text("description"),
        version=posted.version,
        by=call.principal,
    )


async def credentials(call: Call) -> web.Response:
    """Replace every credential."""
    posted = await read_form(call)
    return await _new_credentials(call, posted, "credentials", "credentials_updated")


async def reconnect(call: Call) -> web.Response:
    """Make a disconnected connection live again."""
    return await _new_credentials(call, await read_form(call), "reconnect", "reconnected")


async def _new_credentials(call: Call, posted: Form, name: str, flash: str) -> web.Response:
    view = await call.desks.connections.get(call.tenant_id, call.at("connection_id"))
    spec = SPECS[view.provider]
    work = _replace(call, posted, spec, again=name == "reconnect")
    return await _settle(call, name, work, flash, posted.kept(*parameter_forms.shown_again(spec)))


async def _replace(call: Call, posted: Form, spec: ProviderSpec, *, again: bool) -> ConnectionView:
    missing = parameter_forms.missing_parameters(posted, spec)
    if missing:
        raise Problem(ProblemCode.INVALID, "Something is missing.", fields=missing)
    desk = call.desks.connections
    change = desk.reconnect if again else desk.set_credentials
    return await change(
        call.tenant_id,
        call.at("connection_id"),
        parameters=parameter_forms.read_parameters(posted, spec),
        partner=parameter_forms.read_partner(posted, spec),
        version=posted.version,
        by=call.principal,
    )


async def rotate(call: Call) -> web.Response:
    """Replace one of two credentials that stand for each other."""
    posted = await read_form(call)
    return await _settle(call, "rotate", _rotate(call, posted), "rotated", posted.kept("parameter"))


async def _rotate(call: Call, posted: Form) -> ConnectionView:
    if not posted.text("value"):
        fields = {"value": "Paste the new connection string."}
        raise Problem(ProblemCode.INVALID, "The new credential is missing.", fields=fields)
    return await call.desks.connections.rotate(
        call.tenant_id,
        call.at("connection_id"),
        parameter=posted.text("parameter"),
        value=posted.text("value"),
        version=posted.version,
        by=call.principal,
    )


async def check(call: Call) -> web.Response:
    """Ask the provider now."""
    result = await attempt(
        call.desks.connections.check(call.tenant_id, call.at("connection_id"), by=call.principal)
    )
    if isinstance(result, Problem):
        return await show_connection(call, Refused("check", result))
    return done(call, _here(call), CHECKED.get(result.status))


async def disconnect(call: Call) -> web.Response:
    """Erase the credentials and free the numbers."""
    posted = await read_form(call)
    return await _settle(call, "disconnect", _disconnect(call, posted), "disconnected")


async def _disconnect(call: Call, posted: Form) -> ConnectionView:
    if not posted.ticked("confirm"):
        raise Problem(ProblemCode.NOT_CONFIRMED)
    return await call.desks.connections.disconnect(
        call.tenant_id, call.at("connection_id"), version=posted.version, by=call.principal
    )


async def add_number(call: Call) -> web.Response:
    """Add a number."""
    posted = await read_form(call)
    kept = posted.kept(*number_forms.FIELDS)
    return await _settle(call, "number", _add_number(call, posted), "number_added", kept)


async def _add_number(call: Call, posted: Form) -> object:
    return await call.desks.numbers.add(
        call.tenant_id,
        call.at("connection_id"),
        number_forms.read_number(posted),
        by=call.principal,
    )


async def _settle(
    call: Call,
    name: str,
    work: Awaitable[object],
    flash: str,
    kept: Mapping[str, str] | None = None,
) -> web.Response:
    """Do it: then the connection's page again, or the form with what is wrong."""
    result = await attempt(work)
    if isinstance(result, Problem):
        return await show_connection(call, Refused(name, result, kept or {}))
    return done(call, _here(call), flash)


def _here(call: Call) -> str:
    return f"/t/{call.tenant_id}/connections/{call.at('connection_id')}"


ROUTES: Final[tuple[Route, ...]] = (
    page("connections_page", _LIST, connections, query=ListQuery),
    page("connection_page", _ONE, connection),
    form("connection_edit", f"{_ONE}/edit", edit, needs=Role.ADMIN),
    form("connection_credentials", f"{_ONE}/credentials", credentials, needs=Role.ADMIN),
    form("connection_rotate", f"{_ONE}/rotate", rotate, needs=Role.ADMIN),
    form("connection_check", f"{_ONE}/check", check, needs=Role.ADMIN),
    form("connection_disconnect", f"{_ONE}/disconnect", disconnect, needs=Role.ADMIN),
    form("connection_reconnect", f"{_ONE}/reconnect", reconnect, needs=Role.ADMIN),
    form("connection_number", f"{_ONE}/numbers", add_number, needs=Role.ADMIN),
)
