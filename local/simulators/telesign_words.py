"""What Telesign writes: statuses with their codes, answers, reports, inbound texts.

Sources: Telesign docs, "SMS API" (status and error codes) and "Callbacks".
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from aiohttp import web

from local.simulator.clock import now, rfc1123
from local.simulator.phones import Text
from local.simulators.messages import News, Order, Sent, State

_TEXTS: Final[Mapping[str, str]] = {
    "200": "Delivered to handset",
    "203": "Delivered to gateway",
    "207": "Error delivering SMS to handset (reason unknown)",
    "221": "Message expired before delivery",
    "250": "Final status unknown",
    "251": "Message sent, no handset confirmation on this route",
    "290": "Message in progress",
    "510": "Message blocked by subscriber action or request",
    "1500": "Delivered to customer",
    "10003": "Account suspended",
    "10006": "Missing required Authorization header",
    "10007": "Authorization header is not in the correct format",
    "10008": "Invalid signature",
    "10015": "Unknown customer ID",
    "10017": "Reference ID not found",
    "10019": "Rate limit exceeded",
    "10020": "Hard cap exceeded",
    "10030": "Insufficient funds",
    "10032": "Phone number is blocked",
    "10035": "Host is not available to this customer",
    "11000": "Invalid phone number",
    "11001": "Invalid country code",
    "11004": "Invalid callback URL",
    "11009": "Invalid message",
    "11013": "Invalid sender ID",
    "11017": "Invalid message type",
    "12000": "Missing phone number",
    "12009": "Missing message",
    "12017": "Missing message type",
}

CODES: Final[Mapping[State, str]] = {
    State.QUEUED: "290",
    State.SENT: "203",
    State.DELIVERED: "200",
    State.FAILED: "207",
    State.UNKNOWN: "299",
}
_COUNTRIES: Final[Mapping[str, str]] = {"1": "US", "44": "GB", "47": "NO", "49": "DE"}


def status(code: str, at: datetime) -> dict[str, Any]:
    """Give a status."""
    return {"code": int(code), "description": _TEXTS.get(code, "Error"), "updated_on": written(at)}


def resource(reference_id: str, order: Order | None, state: Mapping[str, Any]) -> dict[str, Any]:
    """Give a message as sends and status queries show it."""
    reference = order and order.reference
    echo = {} if reference is None else {"external_id": reference}
    return {"reference_id": reference_id, **echo, "status": dict(state)}


def legacy_error(code: str) -> dict[str, Any]:
    """Give an error as older accounts see it: a negative code, said twice."""
    error = {
        "code": -40008 if code == "11000" else -10001,
        "description": _TEXTS.get(code, "Error"),
    }
    return {"status": error, "errors": [error]}


def report(sent: Sent, news: News) -> dict[str, Any]:
    """Give the report of a message; a delivered one tells what it cost."""
    content = _report(sent, news) | {"submit_timestamp": written(sent.at)}
    if sent.order.reference is not None:
        content["external_id"] = sent.order.reference
    if news.state is State.DELIVERED:
        content["additional_info"] = {
            "message_parts_count": sent.parts,
            "price": f"{0.0079 * sent.parts:.4f}",
            "currency": "USD",
            "mcc": "310",
            "mnc": "410",
        }
    return content


def older_report(sent: Sent, news: News) -> dict[str, Any]:
    """Give the report of a message in its older form."""
    content = _report(sent, news)
    old = {"updated_on": rfc1123(news.at), "code": str(content["status"]["code"])}
    return content | {"status": content["status"] | old}


def inbound(text: Text) -> dict[str, Any]:
    """Give a phone's text; the code of its status is always the same."""
    digits = text.from_.removeprefix("+")
    country = next((name for code, name in _COUNTRIES.items() if digits.startswith(code)), None)
    return {
        "status": status("1500", now()),
        "submit_timestamp": written(text.at),
        "errors": [],
        "user_response": {
            "phone_number": digits,
            "iso_country_code": country,
            "sender_id": text.to.removeprefix("+"),
            "mo_message": text.body,
        },
        "sub_resource": "mo_sms",
        "reference_id": text.message_id,
    }


def json_answer(
    value: Any, http_status: int = 200, head: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with a JSON document."""
    return web.Response(
        status=http_status,
        body=orjson.dumps(value),
        headers=head,
        content_type="application/json",
    )


def written(instant: datetime) -> str:
    """Write an instant with its microseconds."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _report(sent: Sent, news: News) -> dict[str, Any]:
    return {
        "status": status(news.code or CODES[news.state], news.at),
        "errors": [],
        "sub_resource": "sms",
        "reference_id": sent.id,
    }
