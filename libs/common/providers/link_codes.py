"""What LINK Mobility's codes mean, for a text that is being sent and in delivery reports.

Sources: LINK Mobility, "SMS REST API", 0.9.1 "Result Codes" (meaning, and whether a code is final)
and 0.5.7 "Error Result Codes"; "Gate API", errors. The documentation promises 1005 as the result of
a submission; what else may stand there is read as the same code of a report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

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
from common.providers.opted_out_codes import OptedOut
from heliograph.models import ReportStatus

_CODE: Final = re.compile(r"[0-9]{1,15}")
_LONGEST_ID: Final = 512
_PLACEHOLDERS: Final = frozenset({"", "0"})
"""What LINK's documentation writes in place of IDs; taken for one, it would be everybody's."""

_SENT: Final = ReportStatus.SENT
_DELIVERED: Final = ReportStatus.DELIVERED
_UNDELIVERABLE: Final = ReportStatus.UNDELIVERABLE
_EXPIRED: Final = ReportStatus.EXPIRED
_REJECTED: Final = ReportStatus.REJECTED
_FAILED: Final = ReportStatus.FAILED


@dataclass(frozen=True, slots=True)
class Result:
    """One code. `state` is None where a report of it says nothing new; `refusal` is what it means
    in place of a success when a text is submitted."""

    state: ReportStatus | None
    words: str
    refusal: Meaning


ACCEPTED: Final = frozenset({"1000", "1005"})
"""What a submission succeeds with: sent to the operator, queued."""

RESULTS: Final[Mapping[str, Result]] = {
    "0": Result(_FAILED, "unknown error", OPEN),
    "1": Result(_FAILED, "temporary routing error", UNAVAILABLE),
    "2": Result(_UNDELIVERABLE, "permanent routing error", REJECTED),
    "3": Result(_FAILED, "more texts than the throttling allows", THROTTLED),
    "4": Result(_FAILED, "timeout, delivery unknown", OPEN),
    "5": Result(_FAILED, "unknown error of the operator, delivery unknown", OPEN),
    "6": Result(_FAILED, "error of the operator", LATER),
    "104": Result(_FAILED, "configuration error at LINK", ACCOUNT),
    "105": Result(_FAILED, "internal error at LINK", UNAVAILABLE),
    # Of these, a submission with a message ID succeeds with the first and with 1005 alone; without
    # one, and with any other, it is not the documented success, and may have gone out.
    "1000": Result(_SENT, "sent to the operator", OPEN),
    "1001": Result(_DELIVERED, "delivered", OPEN),
    "1002": Result(_EXPIRED, "expired", REJECTED),
    "1003": Result(_FAILED, "deleted", REJECTED),
    "1004": Result(_UNDELIVERABLE, "the phone's memory is full", LATER),
    "1005": Result(None, "queued", OPEN),
    "1006": Result(_UNDELIVERABLE, "not delivered", REJECTED),
    "1007": Result(_DELIVERED, "delivered, not billed yet", OPEN),
    "1008": Result(None, "billed, not sent yet", OPEN),
    "1009": Result(_UNDELIVERABLE, "billed, not delivered", REJECTED),
    "1010": Result(_EXPIRED, "no report from the operator, delivery unknown", OPEN),
    "1011": Result(_SENT, "billed and sent to the operator", OPEN),
    "1012": Result(None, "delayed, LINK sends it again", OPEN),
    "1013": Result(_SENT, "sent, not billed yet", OPEN),
    "2000": Result(_REJECTED, "invalid sender", SENDER),
    "2001": Result(_REJECTED, "short numbers cannot be senders there", REJECTED),
    "2002": Result(_REJECTED, "alphanumeric senders are not supported there", REJECTED),
    "2003": Result(_REJECTED, "phone numbers cannot be senders there", REJECTED),
    "2100": Result(_REJECTED, "short numbers cannot be recipients", REJECTED),
    "2101": Result(_REJECTED, "names cannot be recipients", REJECTED),
    "2102": Result(_REJECTED, "phone numbers cannot be recipients", REJECTED),
    "2103": Result(_REJECTED, "the operation is blocked for the recipient", REJECTED),
    "2104": Result(_UNDELIVERABLE, "unknown subscriber", INVALID_RECIPIENT),
    "2105": Result(_REJECTED, "the recipient is barred for good", OPTED_OUT),
    "2106": Result(_UNDELIVERABLE, "there is no such number", INVALID_RECIPIENT),
    "2107": Result(_UNDELIVERABLE, "the recipient is barred for a time", LATER),
    "2200": Result(_FAILED, "charging error", REJECTED),
    "2201": Result(_FAILED, "the recipient's balance is too low", REJECTED),
    "2202": Result(_REJECTED, "the recipient is barred from premium texts", REJECTED),
    "2203": Result(_REJECTED, "the recipient is too young", REJECTED),
    "2204": Result(_REJECTED, "prepaid subscribers are not allowed", REJECTED),
    "2205": Result(_REJECTED, "the recipient rejected the service", OPTED_OUT),
    "2206": Result(_REJECTED, "the recipient is not in the payment system", REJECTED),
    "2207": Result(_FAILED, "the recipient's spending limit is reached", REJECTED),
    "3000": Result(_REJECTED, "GSM-7 is not supported there", REJECTED),
    "3001": Result(_REJECTED, "UCS-2 is not supported there", REJECTED),
    "3002": Result(_REJECTED, "binary texts are not supported there", REJECTED),
    "4000": Result(_REJECTED, "delivery reports are not supported there", REJECTED),
    "4001": Result(_REJECTED, "invalid content", REJECTED),
    "4002": Result(_REJECTED, "invalid tariff", REJECTED),
    "4003": Result(_REJECTED, "invalid user data", REJECTED),
    "4004": Result(_REJECTED, "invalid user data header", REJECTED),
    "4005": Result(_REJECTED, "invalid data coding", REJECTED),
    "4006": Result(_REJECTED, "invalid VAT", REJECTED),
    "4007": Result(_REJECTED, "the content is not supported there", REJECTED),
}
"""By `resultCode`."""

OPTED_OUT_CODES: Final = OptedOut(frozenset({"2105", "2205"}))

UNKNOWN_ERROR: Final = "106000"

ERRORS: Final[Mapping[str, Meaning]] = {
    UNKNOWN_ERROR: OPEN,  # LINK does not say how far the text got
    "106100": CREDENTIALS,  # invalid authentication
    "106101": CREDENTIALS,  # access denied: "check your username and password"
    "106200": ACCOUNT,  # platform ID
    "106201": ACCOUNT,  # platform partner ID
    "106202": REJECTED,  # currency of a premium text
    "106300": ACCOUNT,  # no gate
    "106301": ACCOUNT,  # the gate is not available
}
"""By `status` of an error that refuses a submission."""

_LOGIN: Final = "LINK does not accept the username and password."
_NO_GATE: Final = "LINK knows no gate {gate} of this platform and partner at this base URL."

GATE_FAULTS: Final[Mapping[str, str]] = {
    "401": _LOGIN,
    "103100": _LOGIN,
    "404": _NO_GATE,
    "103301": _NO_GATE,  # invalid ID
    "103302": _NO_GATE,  # invalid gate
    "103303": _NO_GATE,  # no gates found
    "103304": _NO_GATE,  # gate not found
    "103201": "LINK knows no such platform ID.",
    "103202": "LINK knows no such platform partner ID on this platform.",
}
"""What is wrong with credentials that may not read their gate: by `status` of the Gate API's error,
or by HTTP status."""


def code_in(value: object) -> str | None:
    """A code, which comes as a number or as text; None where it is neither."""
    said = _said(value)
    return said if _CODE.fullmatch(said) else None


def id_in(value: object) -> str | None:
    """An ID; None where there is none, or a placeholder, or what is too long to be one."""
    said = _said(value)
    return None if said in _PLACEHOLDERS or len(said) > _LONGEST_ID else said


def _said(value: object) -> str:
    usable = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).strip() if usable else ""
