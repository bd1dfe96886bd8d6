"""Every answer that is not a success, in one table.

Event Grid drops a delivery for good on 400, 401, 403 and 413, and tries again on anything else that
is no success (Microsoft docs, "Event Grid message delivery and retry"). So those four are for
proven strangers and for what can never be an event, and every fault of our own is a 503.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson
from aiohttp import web

_RETRY_AFTER: Final = "10"
"""Seconds. Event Grid keeps its own schedule; other callers may heed it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A refusal: what happened in one sentence, what to do in another. Holds no content."""

    status: int
    code: str
    title: str
    detail: str


class Refusal(Exception):
    """Ends a request with a problem."""

    def __init__(self, problem: Problem):
        self.problem = problem
        super().__init__(problem.code)


NOT_HTTP: Final = Problem(
    400, "not_http", "The request cannot be read as HTTP.", "Send an HTTP/1.1 request."
)
NOT_JSON: Final = Problem(
    400, "not_json", "The body is not JSON.", "Send an Event Grid or CloudEvents delivery."
)
WRONG_SHAPE: Final = Problem(
    400,
    "wrong_shape",
    "The body is neither an object nor an array.",
    "Send an Event Grid or CloudEvents delivery.",
)
NO_VALIDATION: Final = Problem(
    400,
    "no_validation_code",
    "The subscription validation does not hold exactly one event with a validation code.",
    "Create or update the event subscription again.",
)
NO_ORIGIN: Final = Problem(
    400,
    "no_origin",
    "The handshake names no origin.",
    "Send the header WebHook-Request-Origin.",
)
UNKNOWN_ORIGIN: Final = Problem(
    403,
    "unknown_origin",
    "Deliveries from this origin are not wanted.",
    "Add the origin to HELIOGRAPH_WEBHOOK_ORIGINS.",
)
UNKNOWN_SUBSCRIPTION: Final = Problem(
    403,
    "unknown_subscription",
    "Deliveries of this subscription are not wanted.",
    "Add the subscription's name to HELIOGRAPH_WEBHOOK_SUBSCRIPTIONS.",
)
WRONG_SECRET: Final = Problem(
    401,
    "wrong_secret",
    "The secret is missing or wrong.",
    "Put one of HELIOGRAPH_WEBHOOK_SECRETS into the subscription's URL or its delivery properties.",
)
NO_TOKEN: Final = Problem(
    401,
    "no_token",
    "The bearer token is missing or not readable.",
    "Configure Microsoft Entra authentication on the event subscription.",
)
WRONG_TOKEN: Final = Problem(
    401,
    "wrong_token",
    "The bearer token is forged, expired, or meant for somebody else.",
    "Compare the subscription's tenant and application ID with HELIOGRAPH_WEBHOOK_ENTRA_*.",
)
WRONG_CALLER: Final = Problem(
    403,
    "wrong_caller",
    "The bearer token is genuine, but its application or role may not deliver events.",
    "Compare the token's application and roles with HELIOGRAPH_WEBHOOK_ENTRA_APP_IDS and _ROLE.",
)
FORGED_CALLBACK: Final = Problem(
    401,
    "forged_callback",
    "The callback does not prove that it is the provider's.",
    "Compare the address and the credentials that the provider was given.",
)
UNKNOWN_ADDRESS: Final = Problem(
    404,
    "unknown_address",
    "No connection is called back at this address.",
    "Copy the address from the connection's page.",
)
UNKNOWN_PATH: Final = Problem(
    404, "unknown_path", "Nothing is delivered to this path.", "Compare the URL's path."
)
WRONG_METHOD: Final = Problem(
    405, "wrong_method", "The path does not take this method.", "Use one of the header Allow."
)
SLOW_BODY: Final = Problem(
    408, "slow_body", "The body did not arrive in time or not whole.", "Send it again."
)
TOO_LARGE: Final = Problem(
    413,
    "too_large",
    "The body is larger than a delivery may be.",
    "Lower the subscription's preferred batch size, or raise HELIOGRAPH_WEBHOOK_BODY_LIMIT.",
)
TOO_MANY_EVENTS: Final = Problem(
    413,
    "too_many_events",
    "The delivery holds more events than Event Grid ever sends at once.",
    "Send at most 5,000 events at once.",
)
UNREADABLE_ENCODING: Final = Problem(
    415,
    "unreadable_encoding",
    "The body's content encoding is neither identity nor gzip, or the body is not in it.",
    "Send the body as it is, or in gzip.",
)
UNKNOWN_EXPECTATION: Final = Problem(
    417,
    "unknown_expectation",
    "The header Expect asks for something else than 100-continue.",
    "Leave the header out.",
)
LONG_HEADER: Final = Problem(
    431,
    "long_header",
    "The request line or a header is too long.",
    "Keep each below 32 KiB.",
)
OVERLOADED: Final = Problem(
    503, "overloaded", "Too many deliveries are in hand.", "Send it again later."
)
DEADLINE: Final = Problem(
    503, "deadline", "The delivery could not be stored in time.", "Send it again later."
)
SECRETS_UNREADABLE: Final = Problem(
    503,
    "secrets_unreadable",
    "The service cannot read the secrets to compare with.",
    "Send it again later.",
)
KEYS_UNAVAILABLE: Final = Problem(
    503,
    "entra_keys_unavailable",
    "The service cannot load the keys to check the bearer token with.",
    "Send it again later.",
)
NO_CALLBACKS: Final = Problem(
    503,
    "no_callbacks",
    "Callbacks of providers are not set up.",
    "Set HELIOGRAPH_MASTER_KEY and HELIOGRAPH_PUBLIC_WEBHOOK_URL for the webhook.",
)
UNREADABLE_CREDENTIALS: Final = Problem(
    503,
    "unreadable_credentials",
    "The connection's credentials do not open.",
    "Check HELIOGRAPH_MASTER_KEY.",
)
UNEXPECTED: Final = Problem(
    503, "unexpected", "The service failed in an unforeseen way.", "Send it again later."
)

OF_STATUS: Final[Mapping[int, Problem]] = {
    problem.status: problem for problem in (UNKNOWN_PATH, WRONG_METHOD, UNKNOWN_EXPECTATION)
}
"""What aiohttp's router refuses."""


def unavailable(code: str) -> Problem:
    """The problem of a part that everybody needs being away (`common.errors`, `BusError`)."""
    return Problem(503, code, "The delivery could not be stored.", "Send it again later.")


def answer(problem: Problem) -> web.Response:
    """The problem as RFC 9457 problem details."""
    body = orjson.dumps(
        {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "detail": problem.detail,
            "code": problem.code,
        }
    )
    retry = {"Retry-After": _RETRY_AFTER} if problem.status in {408, 503} else None
    return web.Response(
        body=body, status=problem.status, content_type="application/problem+json", headers=retry
    )


BASIC: Final = 'Basic realm="heliograph", charset="UTF-8"'
"""What a 401 asks for where a provider is to log in (RFC 7617; RFC 9110, 11.6.1)."""


def bare(problem: Problem, *, challenge: str | None = None) -> web.Response:
    """The problem without a body, for providers: one of them texts what it is answered to whoever
    wrote, and none reads it (Twilio docs, "Receive and reply to messages"). `challenge` says what
    to log in with; some clients do so only when they are asked to."""
    headers = {"Retry-After": _RETRY_AFTER} if problem.status in {408, 503} else {}
    if problem.status == 401 and challenge is not None:
        headers["WWW-Authenticate"] = challenge
    return web.Response(status=problem.status, headers=headers)
