"""The routes of pages, which have much in common."""

from __future__ import annotations

from health.access.roles import Role
from health.web.routes import Body, Handler, Route, Surface


def page(
    name: str,
    path: str,
    handler: Handler,
    *,
    needs: Role | None = Role.VIEWER,
    query: type[Body] | None = None,
    method: str = "GET",
) -> Route:
    """A page, or what one of its forms is posted to. The summary is the handler's own."""
    return Route(
        name=name,
        method=method,
        path=path,
        needs=needs,
        handler=handler,
        summary=(handler.__doc__ or name).split("\n\n", 1)[0],
        surface=Surface.PAGE,
        query=query,
        tag="console",
    )


def form(name: str, path: str, handler: Handler, *, needs: Role | None) -> Route:
    """What a form is posted to."""
    return page(name, path, handler, needs=needs, method="POST")
