"""Which problems a route can answer with, as data for its description. Pure."""

from __future__ import annotations

from typing import Any, Final

from health.web.problems import FORMS, PROBLEM_TYPE, ProblemCode
from health.web.routes import Route

PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code", "remedy"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened, in one sentence."},
        "code": {"type": "string", "enum": sorted(code.value for code in ProblemCode)},
        "remedy": {"type": "string", "description": "What to do about it."},
        "instance": {"type": "string"},
        "fields": {
            "type": "object",
            "description": "What is wrong with which field.",
            "additionalProperties": {"type": "string"},
        },
    },
}


def problem_codes(route: Route) -> frozenset[ProblemCode]:
    """Every code that a route may answer with."""
    path = "{" in route.path
    conditions: tuple[tuple[bool, tuple[ProblemCode, ...]], ...] = (
        (
            route.needs is not None,
            (
                ProblemCode.UNAUTHENTICATED,
                ProblemCode.FORBIDDEN,
                ProblemCode.THROTTLED,
                ProblemCode.UNAVAILABLE,
            ),
        ),
        (route.needs is not None and route.changes, (ProblemCode.CSRF,)),
        (path, (ProblemCode.NOT_FOUND,)),
        (route.query is not None, (ProblemCode.INVALID, ProblemCode.BAD_REQUEST)),
        (
            route.query is not None and "cursor" in route.query.model_fields,
            (ProblemCode.BAD_CURSOR,),
        ),
        (
            route.body is not None,
            (
                ProblemCode.INVALID,
                ProblemCode.BAD_REQUEST,
                ProblemCode.TOO_LARGE,
                ProblemCode.UNSUPPORTED_MEDIA_TYPE,
            ),
        ),
        (route.versioned, (ProblemCode.STALE, ProblemCode.VERSION_REQUIRED)),
    )
    own = {ProblemCode(code) for code in route.problems}
    return frozenset(own.union(*(codes for holds, codes in conditions if holds)))


def described_problems(route: Route) -> dict[str, Any]:
    """The problems of a route by HTTP status, as OpenAPI responses."""
    by_status: dict[int, list[ProblemCode]] = {}
    for code in sorted(problem_codes(route)):
        by_status.setdefault(FORMS[code].status, []).append(code)
    return {str(status): _response(codes) for status, codes in sorted(by_status.items())}


def _response(codes: list[ProblemCode]) -> dict[str, Any]:
    listed = " ".join(f"`{code.value}`: {FORMS[code].title}." for code in codes)
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": listed, "content": {PROBLEM_TYPE: {"schema": schema}}}
