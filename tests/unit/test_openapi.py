"""The API describes itself: every route, every parameter, every answer, in valid OpenAPI."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import Field

from health.access.roles import Role
from health.api import openapi
from health.api.answers import problem_codes
from health.api.table import ROUTES
from health.web.problems import FORMS, ProblemCode
from health.web.routes import Answer, Body, Call, Route, Surface, View


async def nothing(_: Call) -> Answer:
    return Answer()


class Wanted(Body):
    hue: str | None = Field(None, max_length=7, description="A colour.")
    many: int = Field(3, ge=1)


class Change(Body):
    name: str


class Thing(View):
    id: str
    version: int


def route(**changes: Any) -> Route:
    fields: dict[str, Any] = {
        "name": "do",
        "method": "GET",
        "path": "/api/v1/tenants/{tenant_id}/things",
        "needs": Role.VIEWER,
        "handler": nothing,
        "summary": "Do it",
    }
    return Route(**fields | changes)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    described: dict[str, Any] = orjson.loads(orjson.dumps(openapi.document(ROUTES)))
    return described


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method.upper(), path): operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


class TestTheApi:
    def test_its_description_is_valid(self, document: dict[str, Any]) -> None:
        OpenAPIV31SpecValidator(document).validate()

    def test_every_route_is_in_it(self, document: dict[str, Any]) -> None:
        described = operations(document)
        assert set(described) == {(route.method, route.path) for route in ROUTES}
        for item in ROUTES:
            operation = described[item.method, item.path]
            assert operation["operationId"] == item.name
            assert operation["summary"]
            assert bool(operation["security"]) == (item.needs is not None)
            assert ("requestBody" in operation) == (item.body is not None)

    def test_every_path_parameter_has_a_schema(self, document: dict[str, Any]) -> None:
        for (_, path), operation in operations(document).items():
            named = {item["name"]: item for item in operation["parameters"] if item["in"] == "path"}
            assert set(named) == set(re.findall(r"\{(\w+)\}", path))
            for item in named.values():
                assert item["required"] is True
                assert {"pattern", "maxLength"} & set(item["schema"])

    def test_every_example_fits_its_schema(self) -> None:
        for schema in openapi.PATH_SCHEMAS.values():
            for example in schema.get("examples", ()):
                assert re.search(schema.get("pattern", ""), example)

    def test_every_reference_leads_somewhere(self, document: dict[str, Any]) -> None:
        names = set(re.findall(rb'"#/components/schemas/([^"]+)"', orjson.dumps(document)))
        assert {name.decode() for name in names} <= set(document["components"]["schemas"])

    def test_an_answer_that_has_a_version_has_an_etag(self, document: dict[str, Any]) -> None:
        described = operations(document)
        changing = [route for route in ROUTES if route.versioned]
        assert changing
        for item in changing:
            responses = described[item.method, item.path]["responses"]
            assert {"412", "428"} <= set(responses)
            if item.status != 204:
                assert "ETag" in responses[str(item.status)]["headers"]

    def test_it_holds_itself_and_needs_nobody(self, document: dict[str, Any]) -> None:
        assert document["paths"]["/api/v1/openapi.json"]["get"]["security"] == []


class TestOneRoute:
    def test_pages_are_left_out(self) -> None:
        page = route(surface=Surface.PAGE)
        assert openapi.document([page])["paths"] == {}

    def test_a_stream_is_described_as_one(self) -> None:
        stream = openapi.document([route(surface=Surface.STREAM)])
        operation = operations(stream)["GET", "/api/v1/tenants/{tenant_id}/things"]
        assert set(operation["responses"]["200"]["content"]) == {"text/event-stream"}

    def test_a_query_becomes_parameters_without_null(self) -> None:
        described = openapi.document([route(query=Wanted)])
        operation = operations(described)["GET", "/api/v1/tenants/{tenant_id}/things"]
        by_name = {item["name"]: item for item in operation["parameters"]}
        assert by_name["hue"]["schema"] == {"type": "string", "maxLength": 7, "title": "Hue"}
        assert by_name["hue"]["required"] is False
        assert by_name["hue"]["description"] == "A colour."
        assert by_name["many"]["schema"]["default"] == 3
        assert "Wanted" not in described["components"]["schemas"]

    def test_a_change_wants_the_version_that_was_read(self) -> None:
        described = openapi.document(
            [route(method="PATCH", body=Change, answer=Thing, versioned=True)]
        )
        operation = operations(described)["PATCH", "/api/v1/tenants/{tenant_id}/things"]
        header = next(item for item in operation["parameters"] if item["in"] == "header")
        assert (header["name"], header["required"]) == ("If-Match", True)
        assert "ETag" in operation["responses"]["200"]["headers"]
        body = operation["requestBody"]["content"]["application/json"]["schema"]
        assert body == {"$ref": "#/components/schemas/Change"}

    def test_two_models_of_one_name_stay_two(self) -> None:
        class Other(Body):
            size: int

        Other.__name__ = Other.__qualname__ = "Change"
        paths = ("/api/v1/a", "/api/v1/b")
        described = openapi.document(
            [
                route(name=path, path=path, method="POST", body=model)
                for path, model in zip(paths, (Change, Other), strict=True)
            ]
        )
        bodies = [
            item["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            for item in operations(described).values()
        ]
        assert len(set(bodies)) == 2

    def test_two_routes_of_one_name_are_refused(self) -> None:
        with pytest.raises(ValueError, match="one name"):
            openapi.document([route(), route(path="/api/v1/other")])

    def test_a_parameter_without_a_schema_is_refused(self) -> None:
        with pytest.raises(KeyError):
            openapi.document([route(path="/api/v1/{unheard_of}")])


@pytest.mark.parametrize(
    ("changes", "statuses"),
    [
        ({"needs": None, "path": "/api/v1/x"}, set()),
        ({"path": "/api/v1/x"}, {401, 403, 429, 503}),
        ({}, {401, 403, 404, 429, 503}),
        ({"query": Wanted}, {400, 401, 403, 404, 422, 429, 503}),
        (
            {"method": "PUT", "body": Change, "versioned": True, "problems": ("taken",)},
            {400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 429, 503},
        ),
    ],
)
def test_a_route_has_the_problems_of_what_it_needs(
    changes: dict[str, Any], statuses: set[int]
) -> None:
    assert {FORMS[code].status for code in problem_codes(route(**changes))} == statuses


def test_only_what_a_cookie_may_change_can_lack_its_token() -> None:
    assert ProblemCode.CSRF in problem_codes(route(method="POST"))
    assert ProblemCode.CSRF not in problem_codes(route())
