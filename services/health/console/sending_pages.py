"""The kill switches and the scope of opt-outs: what the forms of the overview and of the tenants'
list are posted to."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from common.sending_rules import OptOutScope
from health.access.roles import Role
from health.console.page_routes import form
from health.console.setup_forms import done, read_form
from health.web.problems import Problem, ProblemCode
from health.web.routes import Call, Route

FLASHES: Final = {True: "sending_stopped", False: "sending_resumed"}
"""By whether it is stopped now."""


async def stop(call: Call) -> web.Response:
    """Stop the tenant's sending."""
    return await _set_tenant(call, stopped=True)


async def resume(call: Call) -> web.Response:
    """Let the tenant's sending go on."""
    return await _set_tenant(call, stopped=False)


async def stop_all(call: Call) -> web.Response:
    """Stop everybody's sending."""
    return await _set_all(call, stopped=True)


async def resume_all(call: Call) -> web.Response:
    """Let everybody's sending go on."""
    return await _set_all(call, stopped=False)


async def set_scope(call: Call) -> web.Response:
    """Choose for which numbers an opt-out counts."""
    posted = await read_form(call)
    scope = posted.text("opt_out_scope")
    if scope not in list(OptOutScope):
        raise Problem(ProblemCode.INVALID, fields={"opt_out_scope": "Choose one."})
    await call.desks.tenants.update(
        call.tenant_id, opt_out_scope=OptOutScope(scope), version=posted.version, by=call.principal
    )
    return done(call, f"/t/{call.tenant_id}/#sending", "opt_out_scope")


async def _set_tenant(call: Call, *, stopped: bool) -> web.Response:
    posted = await read_form(call)
    await call.desks.switches.set_tenant(
        call.tenant_id,
        stopped=stopped,
        reason=posted.text("reason"),
        confirmed=posted.ticked("confirm"),
        by=call.principal,
    )
    return done(call, f"/t/{call.tenant_id}/", FLASHES[stopped])


async def _set_all(call: Call, *, stopped: bool) -> web.Response:
    posted = await read_form(call)
    await call.desks.switches.set_everywhere(
        stopped=stopped,
        reason=posted.text("reason"),
        confirmed=posted.ticked("confirm"),
        by=call.principal,
    )
    return done(call, "/tenants", FLASHES[stopped])


_AT: Final = "/t/{tenant_id}"

ROUTES: Final[tuple[Route, ...]] = (
    form("sending_stop", f"{_AT}/sending/stop", stop, needs=Role.APPROVER),
    form("sending_resume", f"{_AT}/sending/resume", resume, needs=Role.ADMIN),
    form("opt_out_scope", f"{_AT}/opt-out-scope", set_scope, needs=Role.OPERATOR),
    form("sending_stop_all", "/sending/stop", stop_all, needs=Role.OPERATOR),
    form("sending_resume_all", "/sending/resume", resume_all, needs=Role.OPERATOR),
)
