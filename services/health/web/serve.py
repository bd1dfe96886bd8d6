"""The one place that lets requests in: who it is, whether they may, which tenant, what they sent.

A handler never sees a request that was not let in, so none can forget to check.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import orjson
import structlog
from aiohttp import web
from pydantic import BaseModel, ValidationError

from common.metrics import Metrics
from common.place import place_of
from health.access.roles import Principal
from health.desks import Desks
from health.web.problems import Problem, ProblemCode, problem_of
from health.web.routes import Answer, Call, Route, Surface

log = structlog.get_logger(__name__)

MAX_BODY_OCTETS: Final = 256 * 1024
_ETAG: Final = re.compile(r'^(?:W/)?"(\d{1,18})"$')

Render = Callable[[web.Request, Problem, Principal | None], Awaitable[web.StreamResponse]]
"""Renders a problem as a page."""


class Server:
    """Serves a table of routes.

    Args:
        render: how a problem looks where a page was asked for.
    """

    def __init__(self, desks: Desks, routes: Iterable[Route], metrics: Metrics, render: Render):
        self._desks = desks
        self._routes = tuple(routes)
        self._metrics = metrics
        self._render = render

    def add_to(self, app: web.Application) -> None:
        """Add every route to an application."""
        app.middlewares.append(self._answer_unmatched)
        for route in self._routes:
            app.router.add_route(route.method, route.path, self._endpoint(route))

    @web.middleware
    async def _answer_unmatched(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        """A path or a method that no route has; routes answer all else themselves."""
        try:
            return await handler(request)
        except web.HTTPNotFound:
            problem = Problem(ProblemCode.NOT_FOUND)
        except web.HTTPMethodNotAllowed as error:
            allowed = ", ".join(sorted(error.allowed_methods))
            problem = Problem(ProblemCode.METHOD_NOT_ALLOWED, f"Allowed here: {allowed}.")
        if request.path.startswith("/api/"):
            return problem.response()
        return await self._render(request, problem, None)

    def _endpoint(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            request_id = secrets.token_hex(8)
            started = time.perf_counter()
            principal: Principal | None = None
            try:
                principal = await self._admit(request, route)
                call = await self._call(request, route, principal)
                response = _respond(await route.handler(call))
            except asyncio.CancelledError:
                raise
            except web.HTTPException as redirect:
                response = redirect
            except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets an answer
                problem = _as_problem(error, route, request_id)
                response = await self._refuse(request, route, problem, principal, request_id)
            if not response.prepared:
                response.headers["X-Request-Id"] = request_id
            self._note(route, response.status, time.perf_counter() - started)
            return response

        return serve

    async def _admit(self, request: web.Request, route: Route) -> Principal | None:
        """Who it is, if they may do this. Foreign tenants do not exist."""
        if route.needs is None:
            return None
        principal = await self._desks.door.identify(request)
        tenant_id = request.match_info.get("tenant_id")
        if tenant_id is not None and not principal.reaches(tenant_id):
            raise Problem(ProblemCode.NOT_FOUND)
        if not principal.may(route.needs):
            raise Problem(
                ProblemCode.FORBIDDEN,
                f"This needs the role {route.needs.value}; yours is {principal.role.value}.",
            )
        if route.changes and principal.session_id is not None:
            await self._desks.door.check_csrf(request, principal)
        return principal

    async def _call(self, request: web.Request, route: Route, principal: Principal | None) -> Call:
        return Call(
            request=request,
            principal=principal or NOBODY,
            tenant_id=request.match_info.get("tenant_id", ""),
            desks=self._desks,
            query=_read_query(request, route.query) if route.query else None,
            body=await _read_body(request, route.body) if route.body else None,
            version=_read_version(request, route),
        )

    async def _refuse(
        self,
        request: web.Request,
        route: Route,
        problem: Problem,
        principal: Principal | None,
        request_id: str,
    ) -> web.StreamResponse:
        if route.surface is Surface.PAGE:
            return await self._render(request, problem, principal)
        return problem.response(instance=f"urn:heliograph:request:{request_id}")

    def _note(self, route: Route, status: int, seconds: float) -> None:
        self._metrics.console_requests.labels(route.name, str(status)).inc()
        self._metrics.console_seconds.labels(route.surface.value).observe(seconds)


NOBODY: Final = Principal.nobody()


def _as_problem(error: Exception, route: Route, request_id: str) -> Problem:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return Problem(ProblemCode.TOO_LARGE)
    if isinstance(error, ValidationError):
        return invalid(error)
    told = problem_of(error)
    if told is not None:
        return told
    # Where, not what: the text of an unforeseen error may quote what it was given.
    log.error(
        "console.request_broke",
        route=route.name,
        request_id=request_id,
        error=type(error).__name__,
        where=place_of(error),
    )
    return Problem(ProblemCode.INTERNAL)


def _respond(answer: Answer | web.StreamResponse) -> web.StreamResponse:
    if isinstance(answer, web.StreamResponse):
        return answer
    headers = {"Cache-Control": "no-store", **answer.headers}
    if answer.version is not None:
        headers["ETag"] = f'"{answer.version}"'
    if answer.location is not None:
        headers["Location"] = answer.location
    if answer.body is None:
        return web.Response(status=answer.status, headers=headers)
    body = orjson.dumps(answer.body.model_dump(mode="python"), option=orjson.OPT_UTC_Z)
    return web.Response(
        body=body, status=answer.status, content_type="application/json", headers=headers
    )


def invalid(error: ValidationError) -> Problem:
    """Which fields are not usable, and why; never what they held."""
    fields = {
        ".".join(str(step) for step in item["loc"]) or "body": str(item["msg"]).removeprefix(
            "Value error, "
        )
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    }
    listed = "; ".join(f"{name}: {what}" for name, what in list(fields.items())[:5])
    return Problem(ProblemCode.INVALID, f"Not usable: {listed}.", fields=fields)


def _read_query(request: web.Request, model: type[BaseModel]) -> BaseModel:
    repeated = {name for name in request.query if len(request.query.getall(name)) > 1}
    if repeated:
        raise Problem(
            ProblemCode.INVALID,
            "A parameter is given twice.",
            fields=dict.fromkeys(repeated, "twice"),
        )
    return model.model_validate(dict(request.query))


async def _read_body(request: web.Request, model: type[BaseModel]) -> BaseModel:
    """A JSON body, or a form's fields where a page is posted to."""
    if request.content_type in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        if not request.path.startswith("/api/"):
            return model.model_validate(_form_fields(await request.post(), model))
        raise Problem(ProblemCode.UNSUPPORTED_MEDIA_TYPE)
    raw = await request.read()
    if request.content_type != "application/json" and raw:
        raise Problem(ProblemCode.UNSUPPORTED_MEDIA_TYPE)
    try:
        value: Any = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        raise Problem(ProblemCode.BAD_REQUEST, "The body is not JSON.") from None
    # As JSON, so that a text for an instant and a list for a tuple are what they are in JSON.
    return model.model_validate_json(orjson.dumps(value))


def _form_fields(form: Any, model: type[BaseModel]) -> dict[str, Any]:
    """A form's fields as the model's; the CSRF token is not one. An empty field is not given."""
    fields: dict[str, Any] = {}
    for name in form:
        values = [value for value in form.getall(name) if isinstance(value, str)]
        if name == "csrf" or not any(values):
            continue
        wanted = model.model_fields.get(name)
        many = wanted is not None and "tuple" in str(wanted.annotation)
        fields[name] = tuple(values) if many else values[-1]
    return fields


def _read_version(request: web.Request, route: Route) -> int | None:
    if not route.versioned:
        return None
    header = request.headers.get("If-Match")
    if header is None:
        raise Problem(ProblemCode.VERSION_REQUIRED)
    if header.strip() == "*":
        return None
    match = _ETAG.match(header.strip())
    if match is None:
        raise Problem(ProblemCode.STALE)
    return int(match.group(1))
