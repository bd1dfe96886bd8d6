"""How Infobip calls back: the items of its batches, and its retries.

Sources: Infobip docs, "Receive inbound SMS messages", "Receive outbound SMS message reports",
"Webhooks: retry schedule".
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from local.simulator import segments
from local.simulator.phones import Text
from local.simulators import infobip_codes as codes
from local.simulators.courier import Retries
from local.simulators.messages import News, Sent, State

_KEYWORDS: Final = frozenset({"STOP", "START", "HELP", "INFO"})
_MINUTE: Final = 60.0
_TRIES: Final = 20
_PATIENCE: Final = 10.0
"""Seconds that an endpoint may take; not published."""

RETRIES: Final = Retries([_MINUTE * (1 + n * n) for n in range(_TRIES)], _PATIENCE)
"""One minute and one minute times n squared, with n from 0 on; for about two days."""


def inbound_item(text: Text) -> dict[str, Any]:
    """One of `results`; a keyword at its beginning is named, and cut from `cleanText`."""
    first, _, rest = text.body.partition(" ")
    known = first.upper() in _KEYWORDS
    return {
        "messageId": text.message_id,
        "from": text.from_.removeprefix("+"),
        "to": text.to.removeprefix("+"),
        "text": text.body,
        "cleanText": rest if known else text.body,
        "keyword": first.upper() if known else "",
        "receivedAt": _instant(text.at),
        "smsCount": segments.count(text.body),
        "price": {"pricePerMessage": 0, "currency": "EUR"},
        "callbackData": "",
    }


def report_item(sent: Sent, news: News, *, old: bool = False) -> dict[str, Any]:
    """One of `results`; `old` is the shape of version 2."""
    code, echoed = codes.code_of(news), dict(sent.order.more["echoed"])
    written = {
        "bulkId": sent.order.more["bulk"],
        "price": {"pricePerMessage": 0.01, "currency": "EUR"},
        "status": codes.status(code.status),
        "error": codes.error(code.error, old=old),
        "messageId": sent.id,
        "to": sent.order.more["destination"],
        "sentAt": _instant(sent.at),
        "doneAt": _instant(news.at),
        "mccMnc": "310260",
    }
    if old:
        return {**written, "smsCount": sent.parts, **echoed.pop("platform", {}), **echoed}
    sender = sent.order.more["sender"]
    return {**written, "sender": sender, "messageCount": sent.parts, **echoed}


def latest(sent: Sent) -> News:
    """The newest that is known of a text."""
    return sent.news[-1] if sent.news else News(State.QUEUED, at=sent.at)


def _instant(at: datetime) -> str:
    """Milliseconds, and an offset without a colon."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}{at:%z}"
