"""Tenants, for operators: the list, and making one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiohttp import web
from pydantic import ValidationError

from common.providers.specs import SPECS
from common.store.control_ports import Taken
from health.access.roles import Role
from health.api.tenants import NewTenant
from health.console.forms import field
from health.console.page_routes import form, page
from health.console.rendering import render, see_other
from health.web.bodies import read_form
from health.web.fields import invalid
from health.web.problems import Problem, ProblemCode
from health.web.routes import Body, Call, Route

_TENANTS: Final = 50


class TenantsQuery(Body):
    """Which part of the list."""

    cursor: str | None = None


async def tenants(call: Call) -> web.Response:
    """Every tenant."""
    return await _list(call, cursor=call.query.cursor or None)


async def create(call: Call) -> web.Response:
    """Make a tenant."""
    request = call.request
    given = {
        "id": (await field(request, "id")).strip(),
        "name": (await field(request, "name")).strip(),
        "features": tuple((await read_form(request)).getall("features", [])),
    }
    try:
        wanted = NewTenant.model_validate(given)
        await call.desks.tenants.create(
            wanted.id, name=wanted.name, features=wanted.features, by=call.principal
        )
    except ValidationError as error:
        return await _list(call, given=given, problem=invalid(error))
    except Taken:
        taken = Problem(ProblemCode.TAKEN, fields={"id": "Another tenant has this ID."})
        return await _list(call, given=given, problem=taken)
    except Problem as problem:
        return await _list(call, given=given, problem=problem)
    return see_other("/tenants", flash="tenant_created")


async def _list(
    call: Call,
    *,
    cursor: str | None = None,
    given: Mapping[str, object] | None = None,
    problem: Problem | None = None,
) -> web.Response:
    found = await call.desks.tenants.list(limit=_TENANTS, cursor=cursor)
    return render(
        call,
        "tenants.html",
        status=problem.status if problem else 200,
        tenants=found.items,
        next=found.next,
        features=[(spec.feature, spec.title) for spec in SPECS.values()],
        titles={spec.feature: spec.title for spec in SPECS.values()},
        everywhere=await call.desks.switches.everywhere(),
        given=given or {"id": "", "name": "", "features": ()},
        problem=problem,
    )


ROUTES: Final[tuple[Route, ...]] = (
    page("tenants_page", "/tenants", tenants, needs=Role.OPERATOR, query=TenantsQuery),
    form("tenants_create", "/tenants", create, needs=Role.OPERATOR),
)
