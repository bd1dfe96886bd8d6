"""The form of a route. Every path of API and console is one `Route` in a table: what it needs is
data, so that one place can check it, the OpenAPI document and the tests can read it, and none can
forget it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from common.store.control import Stops
from health.access.roles import Principal, Role
from health.web.admission import Admit

if TYPE_CHECKING:
    from health.desks import Desks

B = TypeVar("B", bound=BaseModel)


class Body(BaseModel):
    """A request's body or query. Unknown fields are refused: a misspelt one must not be ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class View(BaseModel):
    """An answer's body."""

    model_config = ConfigDict(frozen=True)


class ListView(View, Generic[B]):
    """A page of a list. `next` is the cursor of the following page, null at the end."""

    items: tuple[B, ...]
    next: str | None = None


class Surface(StrEnum):
    """How a route answers: `api` in JSON, `page` in HTML, `stream` in server-sent events."""

    API = "api"
    PAGE = "page"
    STREAM = "stream"


async def _admitted() -> None:
    """Of a call for which nobody has to be signed in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that was let in: its author may do what the route does, to the tenant of its path.

    `tenant_id` is "" where the path names none.
    """

    request: web.Request
    principal: Principal
    tenant_id: str
    desks: Desks
    body: Any = None
    """The route's `body` model, validated."""
    query: Any = None
    """The route's `query` model, validated."""
    version: int | None = None
    """From `If-Match`; always there where the route is `versioned`, unless it was `*`."""
    stops: Stops = field(default_factory=Stops)
    """The kill switches that count for the tenant of a page."""
    admit: Admit = _admitted
    """Raises a Problem where the author may not do this any more, for what goes on for long."""

    def at(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an API handler answers with. `version` becomes the ETag."""

    body: BaseModel | None = None
    status: int = 200
    version: int | None = None
    location: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Answer | web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path with one method.

    `needs` is the least role, None where nobody has to be signed in. A path with `{tenant_id}`
    belongs to that tenant: others get 404. `versioned` wants `If-Match`.
    """

    name: str
    """The `operationId`, unique."""
    method: str
    path: str
    needs: Role | None
    handler: Handler
    summary: str
    surface: Surface = Surface.API
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    versioned: bool = False
    problems: tuple[str, ...] = ()
    """Problem codes beyond those that every route of its kind can have."""
    tag: str = ""

    @property
    def of_tenant(self) -> bool:
        """Whether the path names a tenant."""
        return "{tenant_id}" in self.path

    @property
    def changes(self) -> bool:
        """Whether the method is one that changes something (RFC 9110, section 9.2.1)."""
        return self.method not in {"GET", "HEAD", "OPTIONS"}
