"""What LINK Mobility answers to a send and to a look at its gate, and what that means; written from
its documentation and not from the adapter's tables."""

from __future__ import annotations

from typing import Any

from conformance.provider_world import Row, Said
from link_payloads import GATE, MESSAGE_ID, SUBMITTED, error

from common.providers.meanings import (
    ACCOUNT,
    CREDENTIALS,
    INVALID_RECIPIENT,
    LATER,
    OPEN,
    OPTED_OUT,
    REJECTED,
    SENDER,
    THROTTLED,
    UNAVAILABLE,
    Meaning,
)
from common.providers.port import Accepted, Health, Healthy, Unhealthy, Unknown

MEANT: dict[Meaning, tuple[str, ...]] = {
    OPEN: ("0", "4", "5", "1001", "1007", "1008", "1010", "1011", "1012", "1013"),
    UNAVAILABLE: ("1", "105"),
    THROTTLED: ("3",),
    LATER: ("6", "1004", "2107"),
    ACCOUNT: ("104",),
    SENDER: ("2000",),
    INVALID_RECIPIENT: ("2104", "2106"),
    OPTED_OUT: ("2105", "2205"),
    REJECTED: (
        *("2", "1002", "1003", "1006", "1009"),
        *("2001", "2002", "2003", "2100", "2101", "2102", "2103"),
        *("2200", "2201", "2202", "2203", "2204", "2206", "2207"),
        *("3000", "3001", "3002"),
        *("4000", "4001", "4002", "4003", "4004", "4005", "4006", "4007"),
    ),
}
"""What a result in place of a success means, written from the documentation."""

REFUSALS = {
    "106000": (400, OPEN),
    "106100": (401, CREDENTIALS),
    "106101": (403, CREDENTIALS),
    "106200": (400, ACCOUNT),
    "106201": (400, ACCOUNT),
    "106202": (400, REJECTED),
    "106300": (400, ACCOUNT),
    "106301": (400, ACCOUNT),
}
"""Errors, with the status that they come with and what they mean."""


def result(code: object, status: int = 200, **changed: Any) -> Said:
    return Said(status, SUBMITTED | {"resultCode": code, "description": "Not queued"} | changed)


CLASSIFIED = {
    "queued": Row(Said(200, SUBMITTED), Accepted(MESSAGE_ID)),
    "sent": Row(result(1000), Accepted(MESSAGE_ID)),
    "queued, in quotation marks": Row(result("1005"), Accepted(MESSAGE_ID)),
    **{
        f"result {code}": Row(result(int(code)), means)
        for means, codes in MEANT.items()
        for code in codes
    },
    **{
        f"error {code}": Row(Said(status, error(int(code))), means)
        for code, (status, means) in REFUSALS.items()
    },
    "an error in quotation marks": Row(Said(400, error("106301")), ACCOUNT),
    "the code before the status": Row(Said(500, error(106100)), CREDENTIALS),
    "a result before the status": Row(result(2106, 400), INVALID_RECIPIENT),
    "a result that nobody knows": Row(result(7777), OPEN),
    "an error that nobody knows": Row(Said(400, error(107000)), REJECTED),
    "an error that repeats the status": Row(Said(500, error(500)), OPEN),
    "slower": Row(Said(429, b"", {"Retry-After": "9"}), THROTTLED),
    "slower, as an unknown error": Row(Said(429, error(106000), {"Retry-After": "9"}), THROTTLED),
    "an unknown error, later": Row(Said(503, error(106000)), OPEN),
    "too fast, and for how long": Row(Said(200, result(3).body, {"Retry-After": "9"}), THROTTLED),
    "no such address": Row(Said(404, "<html/>"), ACCOUNT),
    "forbidden": Row(Said(403, b""), CREDENTIALS),
    "a success of another kind": Row(Said(201, SUBMITTED), OPEN),
    "a success from elsewhere": Row(Said(500, SUBMITTED), OPEN),
}

WITHOUT_ID = {
    "no response wanted": Said(204),
    "no ID": Said(200, {"resultCode": 1005, "description": "Queued"}),
    "an empty ID": Said(200, SUBMITTED | {"messageId": " "}),
    "a placeholder": Said(200, SUBMITTED | {"messageId": "0"}),
    "an endless ID": Said(200, SUBMITTED | {"messageId": "x" * 513}),
    "no result": Said(200, {"messageId": MESSAGE_ID}),
    "an error": Said(200, error(106000)),
}

HEALTHS: dict[str, tuple[Said, type[Health]]] = {
    "the gate": (Said(200, GATE), Healthy),
    "may not read gates": (Said(403, error(103101)), Unknown),
    "may not read gates, without a word": (Said(403), Unknown),
    "a wrong password": (Said(401, error(103100)), Unhealthy),
    "a wrong password, without a word": (Said(401), Unhealthy),
    "a wrong password, forbidden": (Said(403, error(103100)), Unhealthy),
    "no access, said as a wrong password": (Said(401, error(103101)), Unhealthy),
    "no such gate": (Said(404, error(103304)), Unhealthy),
    "no such gate, without a word": (Said(404), Unhealthy),
    "no such gate, in a 400": (Said(400, error("103302")), Unhealthy),
    "no such platform": (Said(400, error(103201)), Unhealthy),
    "no such partner": (Said(400, error(103202)), Unhealthy),
    "a fault of LINK's": (Said(500, error(103000)), Unknown),
    "too many questions": (Said(429), Unknown),
    "a page": (Said(200, "<html/>"), Unknown),
    "something else": (Said(200, {}), Unknown),
}
