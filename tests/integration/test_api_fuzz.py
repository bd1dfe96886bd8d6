"""Every field of every route, given what fits its description and what does not: the API never
breaks, answers as its OpenAPI document says, and what it refuses leaves nothing behind."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any, Final

import pymongo
import pytest
import requests
import schemathesis
from console_world import NUMBER, ConsoleWorld
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from health.access.roles import Role
from health.api.openapi import document
from health.api.table import ROUTES
from health.web.routes import Surface

EXAMPLES: Final = 3
"""Requests of each kind for each route. More of them find nothing but themselves again; the
examples differ from run to run."""

DOCUMENT: Final = document(ROUTES)
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
REFUSED: Final = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "428"]
"""How what does not fit the description may be refused."""

KEPT: Final[dict[str, tuple[str, ...]]] = {
    "tenants": (),
    "agents": (),
    "connections": ("checked_at", "status", "error"),
    "numbers": (),
    "keys": ("last_used_at",),
    "messages": (),
    "consents": ("sync",),
    "consent_ledger": (),
    "switches": (),
    "conversation_holds": (),
    "audit": (),
}
"""What a refused request must leave as it was, by collection, but for the fields that change by
themselves beside it: those of the daily check, and when a key was last used."""

_API: Final = tuple(route for route in ROUTES if route.surface is Surface.API)
_CASES: Final = [
    (route.name, mode)
    for route in _API
    for mode in GenerationMode
    # Where nothing is given, nothing can be wrong with it.
    if mode is GenerationMode.POSITIVE or route.query or route.body or "{" in route.path
]


def operation_of(name: str) -> Any:
    """A route as schemathesis sees it."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    schema.config.checks.negative_data_rejection.expected_statuses = REFUSED
    operations = (result.ok() for result in schema.get_all_operations())
    return next(item for item in operations if item.definition.raw["operationId"] == name)


def _breaks_its_description(case: Any) -> bool:
    """Whether the body or the query does not fit. What does not fit in a path is replaced here by
    what is there, and headers that nobody knows are nobody's business (RFC 9110, section 5.1)."""
    components = case.meta.components
    return any(
        place in components and components[place].mode is GenerationMode.NEGATIVE
        for place in (ParameterLocation.BODY, ParameterLocation.QUERY)
    )


def _fingerprint(database: pymongo.database.Database[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: [
            {field: value for field, value in document.items() if field not in passing}
            for document in database[name].find().sort("_id", 1)
        ]
        for name, passing in KEPT.items()
    }


def _fuzz(
    name: str, mode: GenerationMode, console: ConsoleWorld, known: dict[str, str], mongo_uri: str
) -> int:
    operation = operation_of(name)
    turns = itertools.count()
    session = requests.Session()
    client: pymongo.MongoClient[dict[str, Any]] = pymongo.MongoClient(mongo_uri)
    database = client[console.mongo_database]
    role = Role.OPERATOR

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def run(case: Any) -> None:
        # Half of the requests are about something that is there, or nothing but 404 would be seen.
        if next(turns) % 2 == 0:
            for parameter in case.path_parameters or {}:
                case.path_parameters[parameter] = known.get(parameter, "unknown")
        before = _fingerprint(database)
        response = case.call(
            base_url=console.url, session=session, headers=console.headers(role), timeout=30
        )
        refusing = [negative_data_rejection] if _breaks_its_description(case) else []
        case.validate_response(response, checks=[*CHECKS, *refusing])
        if response.status_code >= 400:
            assert _fingerprint(database) == before, f"{response.status_code} left something behind"

    try:
        run()
    finally:
        session.close()
        client.close()
    return next(turns)


@pytest.mark.parametrize(("name", "mode"), _CASES)
async def test_whatever_is_sent_is_answered_as_described(
    name: str, mode: GenerationMode, console: ConsoleWorld, mongo_uri: str
) -> None:
    known = {
        "tenant_id": "acme",
        "agent_id": console.seed.agent_id,
        "connection_id": console.seed.connection_id,
        "address": NUMBER,
        "remote": "+12125550147",
        "queue": "dead.sender.commands",
    }
    made = await asyncio.to_thread(_fuzz, name, mode, console, known, mongo_uri)
    assert made > 0
