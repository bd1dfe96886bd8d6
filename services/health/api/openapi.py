"""The API's own description, made from the table of its routes: what is not in the table is not
served, so what is served is described (OpenAPI Specification 3.1.0)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import orjson
from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from common.release import release
from health.api.answers import PROBLEM_SCHEMA, described_problems
from health.api.paths import PREFIX
from health.web.routes import Call, Route, Surface
from heliograph.wire import SLUG_PATTERN

_REF: Final = "#/components/schemas/"
_PARAMETER: Final = re.compile(r"\{(\w+)\}")
_ID: Final[dict[str, Any]] = {"type": "string", "minLength": 1, "maxLength": 128}
_HEX: Final[dict[str, Any]] = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_SLUG: Final[dict[str, Any]] = {"type": "string", "pattern": SLUG_PATTERN}

PATH_SCHEMAS: Final[Mapping[str, Mapping[str, Any]]] = {
    "tenant_id": _SLUG | {"examples": ["acme"]},
    "agent_id": _SLUG | {"examples": ["front-desk"]},
    "connection_id": _ID | {"examples": ["con-0123456789ab"]},
    "key_id": _ID,
    "conversation_id": _HEX,
    "message_id": _HEX,
    "address": _ID
    | {
        "description": "The number, URL-encoded (`%2B18005550100`); the `+` may be left out.",
        "examples": ["+18005550100"],
    },
    "remote": _ID
    | {
        "description": "The other person's number, URL-encoded; may be in the national form of the "
        "number's region.",
        "examples": ["+12125550147"],
    },
    "queue": _ID | {"pattern": r"^dead\.[a-z0-9._-]+$", "examples": ["dead.processor.inbound"]},
    "message": _ID
    | {"description": "The `ref` of a message, or its ID where no other message has that one."},
}
"""Of every parameter that a path may have."""

_ETAG: Final = {
    "description": "The version; send it back as `If-Match`.",
    "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
}
_IF_MATCH: Final = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that was read, or several, or `*` for whatever version there is.",
    "schema": {
        "type": "string",
        "pattern": r'^(\*|"[0-9]{1,18}"(, *"[0-9]{1,18}"){0,9})$',
    },
    "examples": {"version": {"value": '"3"'}},
}
_INFO: Final = (
    "Connect numbers, hold the switch, read what was said. Errors are problem details (RFC 9457) "
    "with a stable `code`. Lists have a `next` cursor. What can be changed has an ETag; a change "
    "wants that as `If-Match`."
)

_Mode = Literal["validation", "serialization"]


def routes(table: tuple[Route, ...]) -> tuple[Route, ...]:
    """The route that serves the description of a table and of itself."""
    body = b""

    async def read_openapi(_: Call) -> web.Response:
        return web.Response(
            body=body, content_type="application/json", headers={"Cache-Control": "no-cache"}
        )

    own = Route(
        name="read_openapi",
        method="GET",
        path=f"{PREFIX}/openapi.json",
        needs=None,
        handler=read_openapi,
        summary="Read this description",
        tag="API",
    )
    body = orjson.dumps(document((*table, own)))
    return (own,)


def document(table: Iterable[Route]) -> dict[str, Any]:
    """The OpenAPI document of the routes that are not pages.

    Raises:
        KeyError: a path has a parameter that `PATH_SCHEMAS` does not know.
        ValueError: two routes have one name.
    """
    described = [route for route in table if route.surface is not Surface.PAGE]
    if len({route.name for route in described}) < len(described):
        raise ValueError("Two routes have one name.")
    schemas, components = _schemas(described)
    paths: dict[str, dict[str, Any]] = {}
    for route in described:
        operation = _operation(route, schemas, components)
        paths.setdefault(route.path, {})[route.method.lower()] = operation
    return {
        "openapi": "3.1.0",
        "info": {"title": "Heliograph", "version": release(), "description": _INFO},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in sorted({route.tag for route in described if route.tag})],
        "paths": paths,
        "components": {
            "schemas": _without_queries(described, schemas, components)
            | {"Problem": PROBLEM_SCHEMA},
            "securitySchemes": {
                "key": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key (`hg_…`), or a token of your identity provider.",
                }
            },
        },
    }


_Schemas = Mapping[tuple[Any, _Mode], Any]
"""Where the schema of each model is."""


def _schemas(table: Iterable[Route]) -> tuple[_Schemas, dict[str, Any]]:
    """Where each model's schema is, and all schemas by name; made at once, so that two models of
    one name get two names."""
    models: list[tuple[type[BaseModel], _Mode]] = []
    for route in table:
        models += [(model, "validation") for model in (route.body, route.query) if model]
        models += [(route.answer, "serialization")] if route.answer else []
    places, everything = models_json_schema(
        list(dict.fromkeys(models)), ref_template=_REF + "{model}"
    )
    return places, dict(everything.get("$defs", {}))


def _without_queries(
    table: Iterable[Route], places: _Schemas, components: Mapping[str, Any]
) -> dict[str, Any]:
    """The schemas but those of queries, which are parameters."""
    queries = {_name(places[route.query, "validation"]) for route in table if route.query}
    return {name: schema for name, schema in components.items() if name not in queries}


def _name(place: Mapping[str, Any]) -> str:
    reference: str = place["$ref"]
    return reference.removeprefix(_REF)


def _operation(route: Route, places: _Schemas, components: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag] if route.tag else [],
        "parameters": _parameters(route, places, components),
        "responses": {str(route.status): _success(route, places)} | described_problems(route),
        "security": [] if route.needs is None else [{"key": []}],
    }
    if route.needs is not None:
        operation["description"] = f"Needs the role `{route.needs.value}`."
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": places[route.body, "validation"]}},
        }
    return operation


def _parameters(
    route: Route, places: _Schemas, components: Mapping[str, Any]
) -> list[dict[str, Any]]:
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": dict(PATH_SCHEMAS[name])}
        for name in _PARAMETER.findall(route.path)
    ]
    if route.query is not None:
        schema = components[_name(places[route.query, "validation"])]
        required = schema.get("required", ())
        parameters += [
            _query_parameter(name, field, name in required)
            for name, field in schema.get("properties", {}).items()
        ]
    return [*parameters, _IF_MATCH] if route.versioned else parameters


def _query_parameter(name: str, field: Mapping[str, Any], required: bool) -> dict[str, Any]:
    """A field of a query; one that may be left out has no null in a URL."""
    schema = dict(field)
    description = schema.pop("description", None)
    choices = [item for item in schema.pop("anyOf", []) if item != {"type": "null"}]
    if len(choices) == 1:
        schema |= choices[0]
    elif choices:
        schema["anyOf"] = choices
    if schema.get("default", ...) is None:
        del schema["default"]
    parameter: dict[str, Any] = {
        "name": name,
        "in": "query",
        "required": required,
        "schema": schema,
    }
    return parameter | ({"description": description} if description else {})


def _success(route: Route, places: _Schemas) -> dict[str, Any]:
    if route.surface is Surface.STREAM:
        content: dict[str, Any] = {"text/event-stream": {"schema": {"type": "string"}}}
        return {"description": "Events, until one side ends them.", "content": content}
    if route.answer is None:
        if route.status == 204:
            return {"description": "Done."}
        return {
            "description": route.summary + ".",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    answer: dict[str, Any] = {
        "description": route.summary + ".",
        "content": {"application/json": {"schema": places[route.answer, "serialization"]}},
    }
    if "version" in route.answer.model_fields:
        answer["headers"] = {"ETag": _ETAG}
    return answer
