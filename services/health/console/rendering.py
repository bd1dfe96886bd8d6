"""How pages are made: the templates' environment, what every template is given, and the headers
that every page carries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp_jinja2
import jinja2
from aiohttp import web

from common.store.control import Stops
from health.access.roles import Principal, Role
from health.console import flashes, navigation
from health.console.assets import ASSETS, Assets
from health.console.shown import FILTERS, safe_path
from health.web.problems import Problem, ProblemCode
from health.web.routes import Call
from health.web.serve import NOBODY

TEMPLATES: Final = Path(__file__).parent / "templates"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`, with which browsers would post forms with `Origin: null`.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_NO_PAGE: Final = Problem(
    ProblemCode.NOT_FOUND,
    "There is no such page.",
    remedy="It may be gone, or the address may be wrong.",
)


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it is on the pages. A class, because an `AppKey` wants one."""

    read: Callable[[], datetime]

    def __call__(self) -> datetime:
        return self.read()


CLOCK: Final = web.AppKey("console_clock", Clock)


def install(
    app: web.Application, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> None:
    """Give an application what its pages need."""
    app[ASSETS] = Assets()
    app[CLOCK] = Clock(clock)
    environment = aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(FILTERS)


def render(call: Call, template: str, *, status: int = 200, **context: Any) -> web.Response:
    """A page, or with a template that extends nothing, a fragment of one.

    Beside `context`, templates are given `me` (the Principal), `may(role name)`, `tenant_id`,
    `csrf`, `here` (path and query), `now`, `nav`, `flash`, `live` (the address of the page's
    server-sent events, None without), `stops` (the kill switches), `asset(name)`,
    `has_asset(name)`.
    """
    context = {"stops": call.stops} | context
    return _page(call.request, call.principal, call.tenant_id, template, context, status=status)


async def render_problem(
    request: web.Request, problem: Problem, principal: Principal | None
) -> web.StreamResponse:
    """A page that says what went wrong; who is not signed in gets to the sign-in."""
    if problem.code is ProblemCode.UNAUTHENTICATED:
        return _to_sign_in(request)
    if problem.code is ProblemCode.NOT_FOUND:
        problem = _NO_PAGE
    tenant_id = request.match_info.get("tenant_id", "")
    if principal is None or not principal.reaches(tenant_id):
        # The mast leads back to what is theirs.
        tenant_id = (principal.tenant_id if principal else None) or ""
    response = _page(
        request,
        principal or NOBODY,
        tenant_id,
        "problem.html",
        {"problem": problem},
        status=problem.status,
    )
    if problem.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(problem.retry_after)))
    return response


def see_other(location: str, *, flash: str | None = None) -> web.Response:
    """After a form: go there (303), where the message of that code in `flashes.FLASHES` is shown
    once. Raises: KeyError, where the table has no such code."""
    response = web.Response(status=303, headers={**PAGE_HEADERS, "Location": location})
    if flash is not None:
        if flash not in flashes.FLASHES:
            raise KeyError(flash)
        response.set_cookie(
            flashes.COOKIE, flash, max_age=flashes.SECONDS, httponly=True, samesite="Lax"
        )
    return response


def is_fragment(request: web.Request) -> bool:
    """Whether htmx asks for a part of a page that is there already."""
    return request.headers.get("HX-Request") == "true"


def _page(
    request: web.Request,
    principal: Principal,
    tenant_id: str,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int,
) -> web.Response:
    assets = request.app[ASSETS]
    code = None if is_fragment(request) else request.cookies.get(flashes.COOKIE)
    given: dict[str, Any] = {
        "me": principal,
        "may": lambda role: principal.may(Role(role)),
        "tenant_id": tenant_id,
        "csrf": principal.csrf or "",
        "here": request.path_qs,
        "now": request.app[CLOCK](),
        "nav": navigation.items(principal, tenant_id, request.path) if principal.id else (),
        "flash": flashes.FLASHES.get(code) if code else None,
        "live": None,
        "stops": Stops(),
        "asset": assets.url,
        "has_asset": assets.__contains__,
    }
    response = aiohttp_jinja2.render_template(template, request, given | dict(context))
    response.set_status(status)
    response.headers.update(PAGE_HEADERS)
    if code is not None:
        response.del_cookie(flashes.COOKIE)
    return response


def _to_sign_in(request: web.Request) -> web.Response:
    wanted = safe_path(request.path_qs) if request.method in {"GET", "HEAD"} else None
    location = "/sign-in"
    if wanted and wanted != "/" and not is_fragment(request):
        location = f"/sign-in?next={quote(wanted, safe='/')}"
    if is_fragment(request):
        # A redirect would put the sign-in page into the middle of the page that asks.
        return web.Response(status=401, headers={**PAGE_HEADERS, "HX-Redirect": location})
    return web.Response(status=303, headers={**PAGE_HEADERS, "Location": location})
