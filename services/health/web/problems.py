"""Every error that API and console answer with, as data: RFC 9457 problem details.

`code` is stable: programs may compare against it. `what` says in one sentence what happened,
`remedy` in one what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson
from aiohttp import web

from common.errors import StoreUnavailable
from common.store.control_ports import (
    AlreadyDecided,
    BadCursor,
    Disconnected,
    InactiveAgent,
    NotDisconnected,
    NotFound,
    Stale,
    Taken,
    UnknownAgent,
)
from common.store.ports import BusUserTaken, NumberTaken

PROBLEM_TYPE: Final = "application/problem+json"


class ProblemCode(StrEnum):
    """Why a request was refused."""

    BAD_REQUEST = "bad_request"
    BAD_CURSOR = "bad_cursor"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    CSRF = "csrf"
    FEATURE_MISSING = "feature_missing"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    TAKEN = "taken"
    NUMBER_TAKEN = "number_taken"
    BUS_USER_TAKEN = "bus_user_taken"
    DISCONNECTED = "disconnected"
    NOT_DISCONNECTED = "not_disconnected"
    ALREADY_DECIDED = "already_decided"
    NOT_IN_DOUBT = "not_in_doubt"
    AMBIGUOUS_MESSAGE = "ambiguous_message"
    NOT_REPLAYABLE = "not_replayable"
    STALE = "stale"
    TOO_LARGE = "too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    INVALID = "invalid"
    INVALID_CREDENTIALS = "invalid_credentials"
    CREDENTIALS_REJECTED = "credentials_rejected"
    INVALID_NUMBER = "invalid_number"
    NUMBER_NOT_ON_RESOURCE = "number_not_on_resource"
    UNKNOWN_AGENT = "unknown_agent"
    INACTIVE_AGENT = "inactive_agent"
    OPT_OUT_NOT_ACCEPTED = "opt_out_not_accepted"
    NOT_CONFIRMED = "not_confirmed"
    PROVIDER_UNAVAILABLE = "provider_unavailable"
    VERSION_REQUIRED = "version_required"
    THROTTLED = "throttled"
    INTERNAL = "internal"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Form:
    """What all problems of a code have in common."""

    status: int
    title: str
    remedy: str


FORMS: Final[Mapping[ProblemCode, Form]] = {
    ProblemCode.BAD_REQUEST: Form(
        400, "The request cannot be read", "Send what the API describes."
    ),
    ProblemCode.BAD_CURSOR: Form(
        400, "The cursor is not one of this list's", "Start again without a cursor."
    ),
    ProblemCode.UNAUTHENTICATED: Form(
        401, "Nobody is signed in", "Send an API key as `Authorization: Bearer …`, or sign in."
    ),
    ProblemCode.FORBIDDEN: Form(
        403, "Your role does not allow this", "Ask somebody with the role that is named."
    ),
    ProblemCode.CSRF: Form(
        403, "The request does not come from the console", "Load the page again and repeat it."
    ),
    ProblemCode.FEATURE_MISSING: Form(
        403, "The tenant may not use this provider", "Ask your operator to turn the feature on."
    ),
    ProblemCode.NOT_FOUND: Form(404, "There is no such thing", "Check the ID."),
    ProblemCode.METHOD_NOT_ALLOWED: Form(
        405, "This cannot be done here", "Use a method that the API describes."
    ),
    ProblemCode.TAKEN: Form(409, "It exists already", "Choose another ID."),
    ProblemCode.NUMBER_TAKEN: Form(
        409,
        "The number is connected already",
        "Check the number; if it is yours, ask your operator where it is connected.",
    ),
    ProblemCode.BUS_USER_TAKEN: Form(
        409, "Another agent has this broker user", "Give each agent a user of its own."
    ),
    ProblemCode.DISCONNECTED: Form(
        409, "The connection is disconnected", "Reconnect it with new credentials first."
    ),
    ProblemCode.NOT_DISCONNECTED: Form(
        409,
        "The connection is not disconnected",
        "Update its credentials, or disconnect it first.",
    ),
    ProblemCode.ALREADY_DECIDED: Form(
        409, "The text was decided before", "Nothing is left to do with it."
    ),
    ProblemCode.NOT_IN_DOUBT: Form(
        409, "The opt-out is not in doubt", "Read it again; an opt-in by hand needs a note."
    ),
    ProblemCode.AMBIGUOUS_MESSAGE: Form(
        409, "Several parked messages have this ID", "Name one by its `ref`."
    ),
    ProblemCode.NOT_REPLAYABLE: Form(
        409,
        "The message would only be parked again",
        "Do what its forecast says, edit it, or drop it.",
    ),
    ProblemCode.STALE: Form(
        412, "It was changed in the meantime", "Read it again, then repeat your change."
    ),
    ProblemCode.TOO_LARGE: Form(413, "The request is too large", "Send less."),
    ProblemCode.UNSUPPORTED_MEDIA_TYPE: Form(
        415, "The body is not JSON", "Send `Content-Type: application/json`."
    ),
    ProblemCode.INVALID: Form(422, "A field is not usable", "Correct the fields that are named."),
    ProblemCode.INVALID_CREDENTIALS: Form(
        422, "The credentials do not have the right form", "Copy them again from the portal."
    ),
    ProblemCode.CREDENTIALS_REJECTED: Form(
        422, "The provider refused the credentials", "Copy them again from the portal."
    ),
    ProblemCode.INVALID_NUMBER: Form(
        422, "The number does not have the right form", "Write it as its type requires."
    ),
    ProblemCode.NUMBER_NOT_ON_RESOURCE: Form(
        422, "The provider does not know the number on this account", "Choose a number of it."
    ),
    ProblemCode.UNKNOWN_AGENT: Form(422, "There is no such agent", "Create the agent first."),
    ProblemCode.INACTIVE_AGENT: Form(422, "The agent is not active", "Activate the agent first."),
    ProblemCode.OPT_OUT_NOT_ACCEPTED: Form(
        422,
        "Nobody has accepted the rules on opt-outs",
        "Accept, once, that opt-out commands are handled properly.",
    ),
    ProblemCode.NOT_CONFIRMED: Form(
        422, "The change was not confirmed", "Repeat it with the confirmation."
    ),
    ProblemCode.PROVIDER_UNAVAILABLE: Form(
        422, "This release cannot speak to the provider", "Choose another provider."
    ),
    ProblemCode.VERSION_REQUIRED: Form(
        428, "It is not said which version is meant", "Send the ETag that you read as `If-Match`."
    ),
    ProblemCode.THROTTLED: Form(429, "Too many tries", "Wait, then try again."),
    ProblemCode.INTERNAL: Form(
        500, "Something broke here", "Try again; if it stays, tell your operator the request ID."
    ),
    ProblemCode.UNAVAILABLE: Form(503, "The service cannot answer now", "Try again in a moment."),
}


class Problem(Exception):
    """A request is refused. Raised anywhere below a handler; one place answers it.

    Args:
        what: one sentence, without a secret.
        fields: what is wrong with which field, by its name in the body or the query.
        extra: further members of the problem details.
        retry_after: seconds.
    """

    def __init__(
        self,
        code: ProblemCode,
        what: str | None = None,
        *,
        remedy: str | None = None,
        fields: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
    ):
        form = FORMS[code]
        self.code = code
        self.status = form.status
        self.title = form.title
        self.what = what or f"{form.title}."
        self.remedy = remedy or form.remedy
        self.fields = dict(fields or {})
        self.extra = dict(extra or {})
        self.retry_after = retry_after
        super().__init__(f"{self.what} {self.remedy}")

    def document(self, *, instance: str | None = None) -> dict[str, Any]:
        """As RFC 9457 wants it, with `code`, `remedy` and, where there are some, `fields`."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.what,
            "code": self.code.value,
            "remedy": self.remedy,
        }
        if instance:
            members["instance"] = instance
        if self.fields:
            members["fields"] = self.fields
        return members | self.extra

    def response(self, *, instance: str | None = None) -> web.Response:
        """The answer of the API."""
        headers = {"Cache-Control": "no-store"}
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, round(self.retry_after)))
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="heliograph"'
        return web.Response(
            body=orjson.dumps(self.document(instance=instance)),
            status=self.status,
            content_type=PROBLEM_TYPE,
            headers=headers,
        )


_STORE_PROBLEMS: Final[dict[type[Exception], ProblemCode]] = {
    NotFound: ProblemCode.NOT_FOUND,
    Taken: ProblemCode.TAKEN,
    Stale: ProblemCode.STALE,
    Disconnected: ProblemCode.DISCONNECTED,
    NotDisconnected: ProblemCode.NOT_DISCONNECTED,
    UnknownAgent: ProblemCode.UNKNOWN_AGENT,
    InactiveAgent: ProblemCode.INACTIVE_AGENT,
    AlreadyDecided: ProblemCode.ALREADY_DECIDED,
    NumberTaken: ProblemCode.NUMBER_TAKEN,
    BusUserTaken: ProblemCode.BUS_USER_TAKEN,
    BadCursor: ProblemCode.BAD_CURSOR,
    StoreUnavailable: ProblemCode.UNAVAILABLE,
}


def problem_of(error: Exception) -> Problem | None:
    """What a refusal of a desk or of the store is called; None where the error is neither."""
    if isinstance(error, Problem):
        return error
    return next(
        (Problem(code) for kind, code in _STORE_PROBLEMS.items() if isinstance(error, kind)), None
    )
