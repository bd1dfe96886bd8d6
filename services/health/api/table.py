"""Every route of the API."""

from __future__ import annotations

from typing import Final

from health.api import (
    agents,
    approvals,
    audit,
    connections,
    conversations,
    dead_letters,
    events,
    executions,
    keys,
    me,
    messages,
    numbers,
    openapi,
    overview,
    providers,
    tenants,
)
from health.web.routes import Route

_DESCRIBED: Final[tuple[Route, ...]] = (
    *me.ROUTES,
    *providers.ROUTES,
    *tenants.ROUTES,
    *agents.ROUTES,
    *keys.ROUTES,
    *connections.ROUTES,
    *numbers.ROUTES,
    *conversations.ROUTES,
    *messages.ROUTES,
    *executions.ROUTES,
    *overview.ROUTES,
    *events.ROUTES,
    *approvals.ROUTES,
    *audit.ROUTES,
    *dead_letters.ROUTES,
)

ROUTES: Final[tuple[Route, ...]] = (*_DESCRIBED, *openapi.routes(_DESCRIBED))
