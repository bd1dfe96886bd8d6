"""What people are told of an outbound text: a word, a tone, an icon, and why. Pure tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from common.store.control import TextView
from common.store.records import ApprovalDecision, SendState
from heliograph.codes import TEXTS, OutcomeCode
from heliograph.models import Direction, OutcomeStatus, ReportStatus


@dataclass(frozen=True, slots=True)
class Delivery:
    """How far a text has come. `tone` is `ok`, `sun` (a person is needed), `danger`, `info` or
    `quiet`; `icon` is one of macros.html."""

    label: str
    tone: str
    icon: str


HELD: Final = Delivery("Held for approval", "sun", "clock")
RECEIVED: Final = Delivery("Received", "info", "tick")

_UNDER_WAY: Final[Mapping[str | None, Delivery]] = {
    SendState.CLAIMED: Delivery("About to be sent", "quiet", "clock"),
    SendState.SENDING: Delivery("Being sent", "quiet", "clock"),
    SendState.WAITING: Delivery("Will be tried again", "quiet", "clock"),
}
_DECIDED: Final[Mapping[ApprovalDecision | None, Delivery]] = {
    None: HELD,
    ApprovalDecision.APPROVED: Delivery("Approved, about to be sent", "quiet", "clock"),
    ApprovalDecision.REJECTED: Delivery("Rejected", "danger", "stop"),
    ApprovalDecision.EXPIRED: Delivery("Approval expired", "quiet", "stop"),
    ApprovalDecision.CANCELLED: Delivery("Cancelled: opted out", "danger", "stop"),
}
_BY_CODE: Final[Mapping[str | None, Delivery]] = {
    OutcomeCode.APPROVAL_REJECTED: _DECIDED[ApprovalDecision.REJECTED],
    OutcomeCode.APPROVAL_EXPIRED: _DECIDED[ApprovalDecision.EXPIRED],
    OutcomeCode.RECIPIENT_OPTED_OUT: Delivery("Refused: opted out", "danger", "stop"),
}
_BY_REPORT: Final[Mapping[str | None, Delivery]] = {
    ReportStatus.SENT: Delivery("Sent", "info", "tick"),
    ReportStatus.DELIVERED: Delivery("Delivered", "ok", "ticks"),
    ReportStatus.UNDELIVERABLE: Delivery("Undeliverable", "danger", "warning"),
    ReportStatus.EXPIRED: Delivery("Not delivered in time", "danger", "warning"),
    ReportStatus.REJECTED: Delivery("Rejected by the carrier", "danger", "warning"),
    ReportStatus.FAILED: Delivery("Delivery failed", "danger", "warning"),
}
_BY_OUTCOME: Final[Mapping[str | None, Delivery]] = {
    OutcomeStatus.SENT: Delivery("Sent", "info", "tick"),
    OutcomeStatus.HELD: HELD,
    OutcomeStatus.BLOCKED: Delivery("Refused", "danger", "stop"),
    OutcomeStatus.FAILED: Delivery("Failed", "danger", "warning"),
    OutcomeStatus.UNCERTAIN: Delivery("Uncertain", "sun", "question"),
}
_UNKNOWN: Final = Delivery("Under way", "quiet", "clock")

_SETTLING: Final[Mapping[tuple[bool, bool], str]] = {
    (True, False): "The provider did not say whether it took this text, or the connection broke "
    "before it could. It may have gone out, so it is not sent again by itself. A delivery report "
    "settles it; the provider is asked for one if none comes.",
    (True, True): "The provider did not say whether it took this text, and no delivery report has "
    "come in time. A report that comes later still settles it. Before anything is sent again, look "
    "it up at the provider, or ask the person whether they got it.",
    (False, True): "The provider took this text, and no final delivery report has come in time: "
    "some carriers give none. It may well have been delivered. A report that comes later still "
    "settles it.",
}
"""By whether nobody knows that it left, and whether its report is missing."""

_NEEDS_NO_REASON: Final = frozenset({OutcomeCode.SENT, OutcomeCode.GATE_OFF})


def delivery_of(text: TextView) -> Delivery:
    """How far a text has come."""
    if text.direction is Direction.INBOUND:
        return RECEIVED
    if text.state == SendState.HELD:
        return _DECIDED[text.decision]
    return (
        _UNDER_WAY.get(text.state)
        or _BY_CODE.get(text.code)
        or _BY_REPORT.get(text.report_status)
        or _BY_OUTCOME.get(text.status)
        or _UNKNOWN
    )


def waits(text: TextView) -> bool:
    """Whether a person can still decide on it."""
    return text.state == SendState.HELD and text.decision is None


def settling_of(text: TextView) -> str | None:
    """What an unsettled text means and what will settle it, in sentences for people."""
    uncertain = text.status == OutcomeStatus.UNCERTAIN
    return _SETTLING.get((uncertain, text.report_missing_at is not None))


def reason_of(text: TextView) -> str | None:
    """Why a text did not simply go out, in a sentence for people."""
    if waits(text):
        return why_held(text.code or OutcomeCode.GATE_OFF)
    try:
        code = OutcomeCode(text.code or "")
    except ValueError:
        return None
    if code is OutcomeCode.AMBIGUOUS and text.report_status:
        return None  # A report has settled it.
    return None if code in _NEEDS_NO_REASON else TEXTS[code].person


def why_held(code: str) -> str:
    """Why a text or a conversation waits for a person, in a sentence."""
    try:
        return TEXTS[OutcomeCode(code)].person
    except ValueError:
        return code
