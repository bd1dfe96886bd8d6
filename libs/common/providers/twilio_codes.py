"""Twilio's message statuses and error codes, and what each of them means: tables.

Sources: Twilio docs, "Messages resource" (message statuses) and "Error and warning dictionary".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.providers import meanings
from common.providers.meanings import Meaning
from heliograph.models import ReportStatus

_STATUS: Final[Mapping[str, ReportStatus | None]] = {
    "accepted": None,
    "scheduled": None,
    "queued": None,
    "sending": None,
    "sent": ReportStatus.SENT,
    "partially_delivered": ReportStatus.SENT,
    "delivered": ReportStatus.DELIVERED,
    "read": ReportStatus.DELIVERED,
    "undelivered": ReportStatus.UNDELIVERABLE,
    "failed": ReportStatus.FAILED,
    "canceled": ReportStatus.FAILED,
}
"""Each message status; of the failures, the error code says more. None says nothing new."""

_ROWS: Final[tuple[tuple[str, Meaning, ReportStatus | None], ...]] = (
    ("14107", meanings.LOOP, ReportStatus.FAILED),
    ("20003 20404", meanings.CREDENTIALS, ReportStatus.FAILED),
    ("20005 20006 30002", meanings.ACCOUNT, ReportStatus.FAILED),
    ("20422", meanings.REJECTED, ReportStatus.FAILED),
    ("20429 21611 63017", meanings.THROTTLED, None),
    ("20500 20503", meanings.OPEN, None),
    ("21211 21217 21401 21421 21614", meanings.INVALID_RECIPIENT, ReportStatus.REJECTED),
    ("21214 21612 30005 30006", meanings.INVALID_RECIPIENT, ReportStatus.UNDELIVERABLE),
    ("21212 21407 21601 21603 21606 21709 21712", meanings.SENDER, ReportStatus.REJECTED),
    ("21701 21702 21703 21704 21705", meanings.ACCOUNT, ReportStatus.REJECTED),
    ("21610", meanings.OPTED_OUT, ReportStatus.REJECTED),
    ("21617 30019", meanings.TOO_LONG, ReportStatus.REJECTED),
    (
        "21219 21408 21602 21604 21608 21609 21618 21620 21623 21624 21656",
        meanings.REJECTED,
        ReportStatus.REJECTED,
    ),
    ("30004 30007 30010 30640 63033", meanings.REJECTED, ReportStatus.REJECTED),
    ("30018 30024", meanings.REJECTED, ReportStatus.REJECTED),  # not registered for a carrier
    ("30032 30034", meanings.SENDER, ReportStatus.REJECTED),  # not verified, not registered at all
    ("30610 63038", meanings.LATER, ReportStatus.REJECTED),  # quiet hours; the account's day
    ("30003", meanings.LATER, ReportStatus.UNDELIVERABLE),
    ("30023 30027", meanings.LATER, ReportStatus.FAILED),  # a carrier's daily cap
    ("30001 30017 30022 63018", meanings.THROTTLED, ReportStatus.FAILED),
    ("30008 30410", meanings.OPEN, ReportStatus.FAILED),
    ("30009", meanings.REJECTED, ReportStatus.FAILED),
    ("30036", meanings.REJECTED, ReportStatus.EXPIRED),
)
"""Error codes; what each means as the answer to a send, and in a report of a text that failed
(None: no more than the status beside it). Most come in one of the two only. An unknown code is
judged by the HTTP status, or by the message status.

What is wrong with one destination (21408: its region is switched off) is no fault of the account,
whose other texts go out. Not the recipients' own word, so not taken for opt-outs: 30640 (a list of
litigators) and 63033 (a block of channels other than SMS)."""

MEANINGS: Final = {code: meaning for codes, meaning, _ in _ROWS for code in codes.split()}
_FAILURES: Final = {code: state for codes, _, state in _ROWS for code in codes.split() if state}


def state_of(status: str, code: str | None) -> ReportStatus | None:
    """What a message status means, with the error code beside it; None: nothing new, or unknown."""
    state = _STATUS.get(status)
    if not is_failure(status):
        return state
    return _FAILURES.get(code or "", state)


def is_failure(status: object) -> bool:
    """Whether a message status says that the text will not arrive, for a reason that the error code
    tells."""
    return status in ("undelivered", "failed")
