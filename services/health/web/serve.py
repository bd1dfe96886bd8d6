"""The one place that lets requests in: who it is, whether they may, which tenant, what they sent.

A handler never sees a request that was not let in, so none can forget to check.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

import orjson
import structlog
from aiohttp import hdrs, web
from aiohttp.http_exceptions import LineTooLong
from multidict import MultiDictProxy
from pydantic import BaseModel, ValidationError

from common.connection import NAME
from common.metrics import Metrics
from common.place import place_of
from common.store.control import Stops
from common.store.control_ports import Stale
from health.access.roles import Principal, Role
from health.desks import Desks
from health.web.bodies import FORM_TYPES, read_form, read_json
from health.web.fields import invalid
from health.web.problems import Problem, ProblemCode, problem_of
from health.web.routes import Answer, Call, Route, Surface
from health.web.sse import EVENT_STREAM

log = structlog.get_logger(__name__)

MAX_BODY_OCTETS: Final = 256 * 1024
_ETAG: Final = re.compile(r'"(\d{1,18})"', re.ASCII)
_MOST_TAGS: Final = 10

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
        app.on_response_prepare.append(_set_headers)
        for route in self._routes:
            resource = app.router.add_resource(route.path)
            resource.add_route(route.method, self._endpoint(route))
            if route.method == hdrs.METH_GET:
                resource.add_route(hdrs.METH_HEAD, self._endpoint(route))

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
                if route.needs is not None:
                    principal = await self._desks.door.identify(request)
                    await self._admit(request, route, route.needs, principal)
                response = await self._carry_out(request, route, principal)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it was, the caller gets an answer
                problem = _as_problem(error, route, request_id)
                response = await self._refuse(request, route, problem, principal, request_id)
            if not response.prepared:
                response.headers["X-Request-Id"] = request_id
            self._note(route, response.status, time.perf_counter() - started)
            return response

        return serve

    async def _admit(
        self, request: web.Request, route: Route, needs: Role, principal: Principal
    ) -> None:
        """Whether they may do this. Foreign tenants do not exist."""
        tenant_id = request.match_info.get("tenant_id")
        if tenant_id is not None and not principal.reaches(tenant_id):
            raise Problem(ProblemCode.NOT_FOUND)
        if not principal.may(needs):
            raise Problem(
                ProblemCode.FORBIDDEN,
                f"This needs the role {needs.value}; yours is {principal.role.value}.",
            )
        if route.changes and principal.session_id is not None:
            await self._desks.door.check_csrf(request, principal)

    async def _carry_out(
        self, request: web.Request, route: Route, principal: Principal | None
    ) -> web.StreamResponse:
        """What the route does, for each version that is right for its author until one is there.
        A stale one has changed nothing."""
        versions = read_versions(request) if route.versioned else (None,)
        call = Call(
            request=request,
            principal=principal or NOBODY,
            tenant_id=request.match_info.get("tenant_id", ""),
            desks=self._desks,
            query=_read_query(request, route.query) if route.query else None,
            body=await _read_body(request, route.body) if route.body else None,
            stops=await self._stops(request, route),
            admit=lambda: self._admit_again(request, route),
        )
        if request.method == hdrs.METH_HEAD and route.surface is Surface.STREAM:
            return web.Response(content_type=EVENT_STREAM)
        for version in versions:
            with contextlib.suppress(Stale):
                return _respond(await route.handler(replace(call, version=version)))
        raise Problem(ProblemCode.STALE)

    async def _stops(self, request: web.Request, route: Route) -> Stops:
        """The kill switches, which every page of their tenant shows."""
        if route.surface is not Surface.PAGE or not route.of_tenant:
            return Stops()
        return await self._desks.switches.of(request.match_info["tenant_id"])

    async def _admit_again(self, request: web.Request, route: Route) -> None:
        """Whether the author of a request that goes on may still do this."""
        if route.needs is not None:
            await self._admit(request, route, route.needs, await self._desks.door.identify(request))

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


_NOT_SERVED: Final[Mapping[int, ProblemCode]] = {
    HTTPStatus.NOT_FOUND: ProblemCode.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED: ProblemCode.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: ProblemCode.TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: ProblemCode.UNSUPPORTED_MEDIA_TYPE,
}
"""What the refusals of aiohttp are called here; every other is a bad request."""


def refuse(status: int, error: BaseException | None) -> web.Response:
    """The answer to what never reached a route: it is no HTTP, or its headers are too long."""
    if isinstance(error, LineTooLong):
        problem = Problem(ProblemCode.BAD_REQUEST, "The address or a header is too long.")
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        problem = Problem(ProblemCode.INTERNAL)
    else:
        problem = Problem(ProblemCode.BAD_REQUEST)
    return problem.response()


async def _set_headers(_: web.Request, response: web.StreamResponse) -> None:
    """What every answer carries: no version of a library, and no guessing at its content."""
    response.headers["Server"] = NAME
    response.headers.setdefault("X-Content-Type-Options", "nosniff")


def _as_problem(error: Exception, route: Route, request_id: str) -> Problem:
    if isinstance(error, web.HTTPException):
        return Problem(_NOT_SERVED.get(error.status, ProblemCode.BAD_REQUEST))
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
    """A JSON body, or a form's fields where a page is posted to. JSON has types of its own, so it
    is taken by its word: "yes" is a text, never true."""
    if request.content_type in FORM_TYPES and not request.path.startswith("/api/"):
        return model.model_validate(_form_fields(await read_form(request), model))
    # As JSON, so that a text for an instant and a list for a tuple are what they are in JSON.
    return model.model_validate_json(orjson.dumps(await read_json(request)), strict=True)


def _form_fields(form: MultiDictProxy[str], model: type[BaseModel]) -> dict[str, Any]:
    """A form's fields as the model's; the CSRF token is not one. An empty field is not given."""
    fields: dict[str, Any] = {}
    for name in form:
        values = form.getall(name)
        if name == "csrf" or not any(values):
            continue
        wanted = model.model_fields.get(name)
        many = wanted is not None and "tuple" in str(wanted.annotation)
        fields[name] = tuple(values) if many else values[-1]
    return fields


def read_versions(request: web.BaseRequest) -> tuple[int | None, ...]:
    """The versions of which one has to be there; (None,) for whatever there is. By the strong
    comparison a weak tag is never the one that is meant (RFC 9110, section 13.1.1).

    Raises:
        Problem: `VERSION_REQUIRED`, `STALE`.
    """
    given = request.headers.getall(hdrs.IF_MATCH, [])
    if not given:
        raise Problem(ProblemCode.VERSION_REQUIRED)
    tags = [tag.strip() for tag in ",".join(given).split(",")]
    if tags == ["*"]:
        return (None,)
    if len(tags) > _MOST_TAGS:
        raise Problem(ProblemCode.BAD_REQUEST, f"More than {_MOST_TAGS} versions are given.")
    matches = [_ETAG.fullmatch(tag) for tag in tags]
    versions = tuple(dict.fromkeys(int(match[1]) for match in matches if match))
    if not versions:
        raise Problem(ProblemCode.STALE)
    return versions
