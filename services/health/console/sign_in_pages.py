"""Signing in with an API key or a one-time link, and out again."""

from __future__ import annotations

import math
import re
import secrets
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from health.access.roles import Principal, Role
from health.access.secrets import same
from health.console.forms import field
from health.console.page_routes import form, page
from health.console.rendering import render, see_other
from health.console.shown import safe_path
from health.web.problems import FORMS, Problem, ProblemCode
from health.web.routes import Call, Route

_FORM_COOKIE: Final = "heliograph_sign_in"
"""Proves that the form comes from our own page: nobody has a session yet, and a stranger's page
must not sign a visitor in as somebody else. The form carries the same value."""

_TOKEN_OCTETS: Final = 24
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}", re.ASCII)

_FORM_SECONDS: Final = 3_600
_ABOUT_KEYS: Final = "Check that you copied all of it, or ask an administrator for a new one."
_STALE_FORM: Final = Problem(
    ProblemCode.CSRF, "This page was open for too long.", remedy="Please try once more."
)


async def home(call: Call) -> web.Response:
    """To where somebody's work is."""
    return see_other(home_of(call.principal))


def home_of(principal: Principal) -> str:
    """The first page of somebody."""
    if principal.tenant_id:
        return f"/t/{quote(principal.tenant_id, safe='')}/"
    return "/tenants"


async def sign_in_page(call: Call) -> web.Response:
    """The form. A one-time link is not used up by being looked at, because mail scanners and
    browsers that fetch ahead do that too."""
    query = call.request.query
    return _form(call, ticket=query.get("ticket", ""), wanted=query.get("next", ""))


async def sign_in(call: Call) -> web.Response:
    """Open a session."""
    request = call.request
    key, ticket = (await field(request, "key")).strip(), await field(request, "ticket")
    wanted = await field(request, "next")
    if not await _from_our_page(request):
        return _form(call, ticket=ticket, wanted=wanted, problem=_STALE_FORM)
    door = call.desks.door
    source = door.source(request)
    try:
        if ticket:
            signed_in = await door.sign_in_with_ticket(ticket, source=source)
        else:
            signed_in = await door.sign_in(key, source=source)
    except Problem as problem:
        return _form(call, wanted=wanted, problem=_kindly(problem))
    response = see_other(safe_path(wanted) or home_of(signed_in.principal))
    door.keep(response, signed_in)
    response.del_cookie(_FORM_COOKIE, path="/sign-in")
    return response


async def sign_out(call: Call) -> web.Response:
    """End the session."""
    await call.desks.door.sign_out(call.principal)
    response = see_other("/sign-in", flash="signed_out")
    call.desks.door.forget(response)
    return response


def _form(
    call: Call, *, ticket: str = "", wanted: str = "", problem: Problem | None = None
) -> web.Response:
    kept = call.request.cookies.get(_FORM_COOKIE, "")
    token = kept if _TOKEN.fullmatch(kept) else secrets.token_urlsafe(_TOKEN_OCTETS)
    context: dict[str, Any] = {
        "csrf": token,
        "ticket": ticket,
        "next": safe_path(wanted) or "",
        "problem": problem,
    }
    status = problem.status if problem else 200
    response = render(call, "sign_in.html", status=status, **context)
    response.set_cookie(
        _FORM_COOKIE,
        token,
        max_age=_FORM_SECONDS,
        path="/sign-in",
        httponly=True,
        samesite="Strict",
        secure=call.desks.door.secure,
    )
    if problem is not None and problem.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(problem.retry_after))
    return response


async def _from_our_page(request: web.Request) -> bool:
    expected = request.cookies.get(_FORM_COOKIE, "")
    given = await field(request, "csrf")
    return bool(_TOKEN.fullmatch(expected)) and same(given, expected)


def _kindly(problem: Problem) -> Problem:
    """The problem in the words of a sign-in page."""
    if problem.code is ProblemCode.THROTTLED:
        seconds = math.ceil(problem.retry_after or 60)
        return Problem(
            ProblemCode.THROTTLED,
            "Too many tries from here.",
            remedy=f"Wait {seconds} seconds, then try again.",
            retry_after=problem.retry_after,
        )
    if problem.remedy == FORMS[ProblemCode.UNAUTHENTICATED].remedy:  # Meant for programs.
        return Problem(problem.code, problem.what, remedy=_ABOUT_KEYS)
    return problem


ROUTES: Final[tuple[Route, ...]] = (
    page("home_page", "/", home),
    page("sign_in_page", "/sign-in", sign_in_page, needs=None),
    form("sign_in", "/sign-in", sign_in, needs=None),
    form("sign_out", "/sign-out", sign_out, needs=Role.VIEWER),
)
