"""Every route of the API."""

from __future__ import annotations

from typing import Final

from health.api import (
    agents,
    approvals,
    audit,
    connections,
    consents,
    conversations,
    dead_letters,
    events,
    executions,
    failover,
    holds,
    keys,
    me,
    messages,
    number_rules,
    numbers,
    openapi,
    overview,
    providers,
    sending,
    tenants,
)
from health.web.routes import Route

_DESCRIBED: Final[tuple[Route, ...]] = (
    *me.ROUTES,
    *providers.ROUTES,
    *tenants.ROUTES,
    *sending.ROUTES,
    *agents.ROUTES,
    *keys.ROUTES,
    *connections.ROUTES,
    *numbers.ROUTES,
    *number_rules.ROUTES,
    *failover.ROUTES,
    *conversations.ROUTES,
    *messages.ROUTES,
    *executions.ROUTES,
    *overview.ROUTES,
    *events.ROUTES,
    *approvals.ROUTES,
    *consents.ROUTES,
    *holds.ROUTES,
    *audit.ROUTES,
    *dead_letters.ROUTES,
)

ROUTES: Final[tuple[Route, ...]] = (*_DESCRIBED, *openapi.routes(_DESCRIBED))
