"""What Vibes answers, and what each answer means: pure, as tables.

Source: Vibes docs, "Message API": submitting a message ("a 200 may carry success or failure; any
other status is a system error"), message responses. The XML of a failure is not published.
"""

from __future__ import annotations

import contextlib
import html
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from common.providers.callbacks import DeliveryReport, Known, UnreadableEvent
from common.providers.http_session import HttpAnswer, detail_of
from common.providers.meanings import CREDENTIALS, OPEN, REJECTED, THROTTLED, UNAVAILABLE, Meaning
from common.providers.port import (
    Accepted,
    FetchedReport,
    Health,
    Healthy,
    SendResult,
    Unhealthy,
    Unknown,
)
from common.providers.vibes_callbacks import RECEIPT, document, local_name, read_receipt
from common.redact import unquote
from heliograph.models import ReportStatus

_BY_STATUS: Final[Mapping[int, Meaning]] = {
    400: REJECTED,
    401: CREDENTIALS,
    403: CREDENTIALS,
    429: THROTTLED,
    503: UNAVAILABLE,
}
"""Statuses other than 200. What is not there is a system error, which says nothing of how far the
text came."""

_HEALTH: Final[Mapping[int, Health]] = {
    # Only a user that is known is told about a text, be it that there is none.
    200: Healthy(),
    404: Healthy(),
    # A request may be found malformed before anybody asks whose it is.
    400: Unknown(
        "Vibes did not take the question as one, so it says nothing of the user. The first text "
        "tells.",
        let_in=True,
    ),
    401: Unhealthy("Vibes does not accept the username and the password."),
    403: Unhealthy("Vibes does not let this user use the Message API."),
}

_EXCERPT: Final = 2_000
"""Octets of an answer that are looked at for a detail."""

_IN_A_PART: Final = {ReportStatus.SENT: 0, ReportStatus.DELIVERED: 2}
"""Of the receipts of one part the highest counts. What is not there is a failure, with 1."""
_OF_THE_TEXT: Final = {ReportStatus.SENT: 1, ReportStatus.DELIVERED: 2}
"""Of the parts the lowest speaks for the text. What is not there is a failure, with 0."""


def answered(answer: HttpAnswer, words: str) -> SendResult:
    """What an answer means for the text of these words. A 200 is a success with a message ID only;
    what else it says is kept for diagnosis, without the words. One that is no XML, or a page, is
    not Vibes' own: something in between answered, and the text may have gone out."""
    if answer.status != 200:
        return _BY_STATUS.get(answer.status, OPEN)(detail_of(answer), answer.retry_after)
    try:
        root = document(answer.body, answer.headers)
    except UnreadableEvent:
        return OPEN(detail_of(answer, text="no XML"), None)
    if local_name(root).lower() == "html":
        return OPEN(detail_of(answer, text="a page"), None)
    message_id = root.get("messageId", "").strip() if local_name(root) == "mtMessageRsp" else ""
    if message_id:
        return Accepted(message_id)
    said = html.unescape(answer.body[:_EXCERPT].decode("utf-8", "replace"))
    return REJECTED(detail_of(answer, text=unquote(said, words)), None)


def health_of(answer: HttpAnswer) -> Health:
    """What the answer to a question about a text that cannot exist says of the credentials."""
    unusable = Unknown(f"Vibes did not give a usable answer ({detail_of(answer)}).")
    return _HEALTH.get(answer.status, unusable)


def fetched(answer: HttpAnswer, message_id: str, now: datetime) -> FetchedReport | None:
    """What all receipts of a text say of it: it failed where a part did, it was delivered where
    every part was. `now` stands for an instant that is not told."""
    best: dict[str | None, DeliveryReport] = {}
    for receipt in _receipts(answer, message_id):
        known = best.setdefault(receipt.part, receipt)
        if _IN_A_PART.get(receipt.status, 1) > _IN_A_PART.get(known.status, 1):
            best[receipt.part] = receipt
    if not best:
        return None
    said = min(best.values(), key=lambda it: _OF_THE_TEXT.get(it.status, 0))
    parts_open = said.status is ReportStatus.DELIVERED and len(best) < said.parts
    return FetchedReport(
        status=ReportStatus.SENT if parts_open else said.status,
        code=said.code,
        details=said.details,
        at=said.at or now,
    )


def _receipts(answer: HttpAnswer, message_id: str) -> Iterator[DeliveryReport]:
    """The receipts of a text, wherever they stand: the form around them is not published."""
    try:
        root = document(answer.body, answer.headers)
    except UnreadableEvent:
        return
    for element in root.iter():
        if local_name(element) != RECEIPT:
            continue
        with contextlib.suppress(UnreadableEvent):
            reading = read_receipt(element)
            content = reading.content if isinstance(reading, Known) else None
            if isinstance(content, DeliveryReport) and content.message_id == message_id:
                yield content
