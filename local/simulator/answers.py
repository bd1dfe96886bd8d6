"""What `/sms` can answer: the two error shapes of ACS, and a connection cut instead of an answer.

Source of the shapes: Azure REST API specs, Communication SMS, 2021-03-07 and 2026-01-23. The texts
are those that users of the service quote in public; one has no sample, and says so.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; `status` None means that the connection is closed without any."""

    status: int | None
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


CUT = Answer(status=None)


def problem(errors: Mapping[str, list[str]]) -> Answer:
    """Refuse a whole request (400) in the problem-details shape, with its map of field errors."""
    body = {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": errors,
        "traceId": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00",
    }
    content_type = {"Content-Type": "application/problem+json; charset=utf-8"}
    return Answer(400, orjson.dumps(body), content_type)


def error(
    status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> Answer:
    """Refuse in the standard shape, `{"error": {"code", "message"}}`."""
    body = {"error": {"code": code, "message": message, **more}}
    content_type = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(status, orjson.dumps(body), content_type | dict(headers or {}))


def problems_of(
    wrong: ValidationError,
    *,
    within: tuple[str, ...] = (),
    texts: Mapping[tuple[str, str], str] | None = None,
) -> dict[str, list[str]]:
    """Give the field errors of a body, the fields named as ASP.NET does: `SmsRecipients[0].To`.

    `within` is where the body stands in the whole one; `texts` holds the service's own words for
    some fields and types of errors.
    """
    errors: dict[str, list[str]] = {}
    for detail in wrong.errors():
        place = (*within, *detail["loc"])
        field = str(place[0]) if place else "$"
        text = (texts or {}).get((field, detail["type"]), detail["msg"])
        errors.setdefault(_pascal_path(place), []).append(text)
    return errors


def _pascal_path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step[:1].upper()}{step[1:]}"
    return path.removeprefix(".") or "$"


def json_answer(status: int, body: Any) -> Answer:
    """Answer with a JSON document."""
    return Answer(status, orjson.dumps(body), {"Content-Type": "application/json; charset=utf-8"})


def accepted(results: list[dict[str, Any]]) -> Answer:
    """Answer 202, which ACS does even when every recipient failed."""
    return json_answer(202, {"value": results})


DENIED = error(401, "Denied", "Denied by the resource provider.")
HASH_DIFFERS = error(
    401, "Denied", "Request 'x-ms-content-sha256' differs from generated content hash."
)
NOT_OWNED = error(401, "Unauthorized", "")
VERSION_UNSPECIFIED = error(
    400,
    "ApiVersionUnspecified",
    "An API version is required, but was not specified.",
    innerError=None,
)
# No sample is published: this is what ASP.NET's API versioning, whose code the above is, says.
VERSION_UNSUPPORTED = error(
    400, "UnsupportedApiVersion", "The requested API version is not supported.", innerError=None
)
NOT_FOUND = Answer(
    404,
    orjson.dumps(
        {
            "type": "https://tools.ietf.org/html/rfc9110#section-15.5.5",
            "title": "Not Found",
            "status": 404,
            "traceId": f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00",
        }
    ),
    {"Content-Type": "application/problem+json; charset=utf-8"},
)
