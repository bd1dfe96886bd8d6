"""What a gate of LINK Mobility's Common platform passes on, and what the Gate API shows of it.

Sources: LINK Mobility docs, "Common SMS REST API" (MT and delivery reports 1.18, MO 1.7) and
"Partner Gate API" 1.2.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from local.simulator.clock import seconds
from local.simulator.phones import Text
from local.simulators.messages import News, Portal, Sent, State

TTL: Final = 172_800_000
"""Milliseconds for which a gate insists: the platform's default, 48 h."""

_CODES: Final[Mapping[State, str]] = {
    State.QUEUED: "1005",
    State.SENT: "1000",
    State.DELIVERED: "1001",
    State.FAILED: "1006",
    State.UNKNOWN: "1999",
}
INVALID_SOURCE: Final = "2000"
NUMBER_ERROR: Final = "2106"
INVALID_USER_DATA: Final = "4003"
_NEVER_REACHED_AN_OPERATOR: Final = frozenset({INVALID_SOURCE, NUMBER_ERROR, INVALID_USER_DATA})


def gate(
    gate_id: str, place: Mapping[str, str], destinations: Sequence[Portal], acknowledge: bool
) -> dict[str, Any]:
    """Give a gate. `place` is platform and partner."""
    return {
        "type": "PARTNER_GATE",
        "id": gate_id,
        "refId": "texts",
        **place,
        "destinations": [_destination(where) for where in destinations],
        "gateType": "ONE_ORDERED",
        "ttl": TTL,
        "acknowledge": acknowledge,
        "throttle": None,
        "customParameters": {},
    }


def inbound(
    text: Text, gate_id: str, place: Mapping[str, str], sub_number: int | None
) -> dict[str, Any]:
    """Give a phone's text as it is passed on."""
    return {
        "destination": text.to,
        "subNumber": sub_number,
        "source": text.from_,
        "content": {"type": "SMS", "userData": text.body, "encoding": "TEXT"},
        "operator": "no.telenor",
        "timestamp": seconds(text.at),
        "messageId": text.message_id,
        "operatorTimestamp": seconds(text.at),
        "operatorMessageId": "0",
        "route": _route(text, sub_number) | {"gateIds": [gate_id], **place},
        "gateCustomParameters": {},
        "customParameters": {
            "suggestedOperator": "no.telenor",
            "moReferenceId": "0",
            "queued": text.at.strftime("%Y-%m-%d %H:%M:%S"),
            "serviceCentreTimeStamp": text.at.strftime("%Y%m%d%H%M%S"),
            **place,
        },
    }


def report(sent: Sent, news: News) -> dict[str, Any]:
    """Give the report of a text, or of one of its parts: `<id>$<part>`."""
    code = news.code or _CODES[news.state]
    lost = code in _NEVER_REACHED_AN_OPERATOR
    at = seconds(news.at)
    return {
        "refId": sent.order.reference,
        "id": sent.id if news.part is None else f"{sent.id}${news.part}",
        "operator": None if lost else "no.telenor",
        "sentTimestamp": seconds(sent.at),
        "timestamp": at,
        "resultCode": int(code),
        "operatorResultCode": None if lost or code == "1000" else "2",
        "segments": sent.parts,
        "gateCustomParameters": {},
        "customParameters": {"received": at[:-1].replace("T", " ")},
    }


def _route(text: Text, sub_number: int | None) -> dict[str, Any]:
    """By which route a text came; only that of the STOP service is shared."""
    route: dict[str, Any] = {
        "type": "SUBNUMBER_ROUTE" if sub_number is not None else "KEYWORD_ROUTE",
        "id": "0",
        "refId": "texts",
        "platformServiceType": "",
        "platformServiceId": "",
        "customParameters": {},
        "number": text.to,
    }
    if sub_number is not None:
        first = sub_number // 10 * 10
        return route | {"startRange": str(first), "stopRange": str(first + 9)}
    words = re.findall(r"\w+", text.body.upper()) or [""]
    return route | {
        "keyword": words[0],
        "keywordType": "FIRST_WORD",
        "active": True,
        "start": "2024-01-01T00:00:00Z",
        "end": "2034-01-01T00:00:00Z",
        "shared": words[0] == "STOP",
        "description": "stop service" if words[0] == "STOP" else "texts",
    }


def _destination(where: Portal) -> dict[str, Any]:
    return {
        "url": where.url,
        "contentType": "application/json",
        "username": where.username or None,
        "password": where.password or None,
        "customParameters": {},
    }
