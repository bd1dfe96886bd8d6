"""What Infobip's codes mean, as tables: statuses, their groups, and errors.

One status and one error describe what became of a text, both in the answer to a send and in a
report. Their names have changed over the years (REJECTED_DESTINATION was status 14, and is 52
today), so only numbers are looked at. Statuses and errors are numbered apart: status 20 is the
flood filter, error 20 something else, so errors are told from statuses by the prefix `EC`.
Source: Infobip docs, "Response status and error codes".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from common.providers.meanings import (
    ACCOUNT,
    CREDENTIALS,
    INVALID_RECIPIENT,
    LATER,
    OPEN,
    OPTED_OUT,
    REJECTED,
    TAKEN_BEFORE,
    THROTTLED,
    TOO_LONG,
    UNAVAILABLE,
    Meaning,
)
from common.providers.opted_out_codes import OptedOut
from common.providers.port import Accepted, SendResult
from common.providers.reading import brief
from heliograph.models import ReportStatus

_QUOTA_SECONDS: Final = 600.0
_NAME: Final = re.compile(r"[A-Z0-9_]{1,64}")


def TAKEN(_: str, __: float | None) -> SendResult:  # noqa: N802 - a row's word, as in `meanings`
    """Accepted; the answer tells the ID elsewhere."""
    return Accepted(None)


def QUOTA(detail: str, wish: float | None) -> SendResult:  # noqa: N802 - as above
    """Not processed: a limit of a day or a month is reached, so that trying again soon only costs
    attempts, whichever text it is."""
    return THROTTLED(detail, wish or _QUOTA_SECONDS)


@dataclass(frozen=True, slots=True)
class Status:
    """A row: what a report with this status says, None where that is nothing new, and what it means
    in the answer to a send."""

    state: ReportStatus | None
    meaning: Meaning


_SENT: Final = ReportStatus.SENT
_DELIVERED: Final = ReportStatus.DELIVERED
_UNDELIVERABLE: Final = ReportStatus.UNDELIVERABLE
_EXPIRED: Final = ReportStatus.EXPIRED
_REJECTED: Final = ReportStatus.REJECTED

STATUSES: Final[Mapping[int, Status]] = {
    2: Status(_SENT, TAKEN),  # DELIVERED_TO_OPERATOR: the handset's word is 5
    3: Status(_SENT, TAKEN),  # PENDING_WAITING_DELIVERY: the operator has it
    4: Status(_UNDELIVERABLE, LATER),  # UNDELIVERABLE_REJECTED_OPERATOR
    5: Status(_DELIVERED, TAKEN),  # DELIVERED_TO_HANDSET
    6: Status(_REJECTED, REJECTED),  # REJECTED_NETWORK: not covered, or not switched on
    7: Status(_SENT, TAKEN),  # PENDING_ENROUTE
    8: Status(_REJECTED, INVALID_RECIPIENT),  # REJECTED_PREFIX_MISSING: prefix or length
    9: Status(_UNDELIVERABLE, REJECTED),  # UNDELIVERABLE_NOT_DELIVERED
    10: Status(_REJECTED, REJECTED),  # REJECTED_DND: a register that keeps advertisements away
    11: Status(_REJECTED, REJECTED),  # REJECTED_SOURCE: the sender is not registered
    12: Status(_REJECTED, ACCOUNT),  # REJECTED_NOT_ENOUGH_CREDITS
    13: Status(_REJECTED, REJECTED),  # REJECTED_SENDER: on a blocklist
    14: Status(_REJECTED, OPTED_OUT),  # REJECTED_DESTINATION_BLOCKLISTED
    15: Status(_EXPIRED, LATER),  # EXPIRED_EXPIRED
    17: Status(_REJECTED, ACCOUNT),  # REJECTED_PREPAID_PACKAGE_EXPIRED
    18: Status(_REJECTED, REJECTED),  # REJECTED_DESTINATION_NOT_REGISTERED: a trial account's
    19: Status(_REJECTED, ACCOUNT),  # REJECTED_ROUTE_NOT_AVAILABLE
    20: Status(_REJECTED, LATER),  # REJECTED_FLOODING_FILTER
    21: Status(_REJECTED, UNAVAILABLE),  # REJECTED_SYSTEM_ERROR
    # REJECTED_DUPLICATE_MESSAGE_ID. A report of it is about the second try and bears the ID of the
    # first, which it says nothing of (Infobip docs, "Idempotent message sending": duplicates are
    # rejected "during processing", that is, after the answer).
    23: Status(None, TAKEN_BEFORE),
    24: Status(_REJECTED, REJECTED),  # REJECTED_INVALID_UDH
    25: Status(_REJECTED, TOO_LONG),  # REJECTED_MESSAGE_TOO_LONG: over 25 parts or 4,000 octets
    26: Status(None, TAKEN),  # PENDING_ACCEPTED
    29: Status(_EXPIRED, OPEN),  # EXPIRED_DLR_UNKNOWN: it may have arrived
    31: Status(_UNDELIVERABLE, LATER),  # UNDELIVERABLE_NOT_SENT
    51: Status(_REJECTED, INVALID_RECIPIENT),  # MISSING_TO
    52: Status(_REJECTED, INVALID_RECIPIENT),  # REJECTED_DESTINATION
    87: Status(_REJECTED, REJECTED),  # SIGNALS_BLOCKED: against fraud; in groups 4 and 5
    100: Status(_REJECTED, UNAVAILABLE),  # UNDELIVERABLE_REJECTED_PLATFORM
}

GROUPS: Final[Mapping[int, Status]] = {
    0: Status(None, TAKEN),
    1: Status(None, TAKEN),
    2: Status(_UNDELIVERABLE, REJECTED),
    3: Status(_DELIVERED, TAKEN),
    4: Status(_EXPIRED, REJECTED),
    5: Status(_REJECTED, REJECTED),
}
"""Where the status is not in the table."""

_GROUP_NAMES: Final = ("ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED")
_UNKNOWN: Final = Status(None, OPEN)

ERRORS: Final[Mapping[int, Meaning]] = {
    # Handset errors.
    1: INVALID_RECIPIENT,  # UNKNOWN_SUBSCRIBER
    6: LATER,  # ABSENT_SUBSCRIBER_SM
    27: LATER,  # ABSENT_SUBSCRIBER
    31: LATER,  # SUBSCRIBER_BUSY_FOR_MT_SMS
    33: LATER,  # MESSAGE_WAITING_LIST_FULL
    34: LATER,  # SYSTEM_FAILURE
    255: LATER,  # UNKNOWN_ERROR
    256: LATER,  # SM_DF_MEMORYCAPACITYEXCEEDED
    260: LATER,  # SM_DF_SC_CONGESTION
    500: LATER,  # PROVIDER_GENERAL_ERROR
    502: LATER,  # NO_RESPONSE
    503: LATER,  # SERVICE_COMPLETION_FAILURE
    573: OPTED_OUT,  # SC_BLOCKED_BY_END_USER
    628: LATER,  # TEMPORARY_HANDSET_FAILURE
    629: INVALID_RECIPIENT,  # DEST_ADDRESS_UNABLE_TO_RECEIVE_SMS
    1154: LATER,  # NNR_SUBSYSTEMCONGESTION
    1158: LATER,  # NNR_NETWORKCONGESTION
    # User errors.
    351: INVALID_RECIPIENT,  # INVALID_DESTINATION_ADDRESS
    352: INVALID_RECIPIENT,  # INVALID_REQUEST_DESTINATION
    355: TOO_LONG,  # MSG_TEXT_TOO_LONG
    433: ACCOUNT,  # ACCOUNT_ACCESS_DENIED
    541: THROTTLED,  # LIMIT_REACHED
    542: QUOTA,  # QUOTA_REACHED
    603: OPTED_OUT,  # CONTENT_BLOCKED
    604: OPTED_OUT,  # BLOCKED_BY_CAMPAIGN_BLACKLIST
    2052: OPTED_OUT,  # BLACKLISTED_DESTINATIONADDRESS
    3041: INVALID_RECIPIENT,  # DEACTIVATED_LIST
    4099: QUOTA,  # MONTHLY_LIMIT_REACHED
    4101: LATER,  # VALIDITY_EXPIRED
    4103: LATER,  # DESTINATION_FLOODING
    4104: LATER,  # DESTINATION_TXT_FLOODING
    4202: QUOTA,  # 10DLC_LIMIT_REACHED
    # Operator errors.
    568: INVALID_RECIPIENT,  # DESTINATION_NOT_SMS_PROVISIONED
    592: ACCOUNT,  # ACCOUNT_NOT_PROVISIONED_FOR_CHANNEL
    630: LATER,  # DEST_OVERLOADED
    631: LATER,  # MOBILE_OPERATOR_NETWORK_ERROR
    2048: LATER,  # TIME_OUT
    2050: OPTED_OUT,  # DEST_ADDRESS_BLACKLISTED
    4098: LATER,  # VP_EXPIRED
    5492: TAKEN_BEFORE,  # DUPLICATE_MESSAGE
}
"""Those that tell more than the status beside them; their names begin with EC_. None of the others
can be mended by trying again, unless it says so itself."""

_WEIGHTIEST_FIRST: Final = (
    *(TAKEN, TAKEN_BEFORE, OPTED_OUT, ACCOUNT, TOO_LONG, INVALID_RECIPIENT),
    *(QUOTA, THROTTLED, OPEN, LATER, UNAVAILABLE, REJECTED),
)
"""Which of two meanings counts, the status's or the error's: the one that says more. What may have
gone out is not tried again because of what its error says."""

_BY_FLAG: Final[Mapping[bool | None, Mapping[Meaning, Meaning]]] = {
    True: dict.fromkeys((LATER, UNAVAILABLE, THROTTLED, QUOTA), REJECTED),
    False: {REJECTED: LATER},
    None: {},
}
"""What an error's word on whether it is permanent makes of a meaning. One that is not helps only a
refusal of which no row knows more: no opt-out, no invalid number, no fault of the account."""


PROBLEMS: Final[Mapping[str, Meaning]] = {
    "E400": REJECTED,
    "E401": CREDENTIALS,
    "E403": CREDENTIALS,
    "E429": THROTTLED,
    "E500": OPEN,
    "BAD_REQUEST": REJECTED,
    "UNAUTHORIZED": CREDENTIALS,
    "FORBIDDEN": CREDENTIALS,
    "TOO_MANY_REQUESTS": THROTTLED,
}
"""Codes of an answer as a whole: `errorCode`, and `messageId` of the older envelope."""


def _error_code(error: int) -> str:
    return f"EC{error}"


REFUSED_BY_RECIPIENT: Final = OptedOut(
    frozenset(
        {
            *(str(status) for status, row in STATUSES.items() if row.meaning is OPTED_OUT),
            *(_error_code(error) for error, meaning in ERRORS.items() if meaning is OPTED_OUT),
        }
    )
)


@dataclass(frozen=True, slots=True)
class Said:
    """What the objects `status` and `error` say. `error` is 0 where there is none; `permanent` is
    its own word on whether trying again is no use."""

    status: int | None
    error: int
    row: Status
    name: str | None
    text: str
    permanent: bool | None = None

    @classmethod
    def of(cls, status: Mapping[str, object], error: object) -> Self:
        """Read both; numbers may be written as texts, and everything may be missing."""
        told = error if isinstance(error, dict) else {}
        number, fault = _number(status.get("id")), _number(told.get("id")) or 0
        row = STATUSES.get(number) if number is not None else None
        name, flag = status.get("name"), told.get("permanent")
        words = (_words(status), _words(told) if fault else "")
        return cls(
            status=number,
            error=fault,
            row=row or GROUPS.get(_group(status), _UNKNOWN),
            name=name if isinstance(name, str) and _NAME.fullmatch(name) else None,
            text=brief("; ".join(filter(None, words))),
            permanent=flag if fault and isinstance(flag, bool) else None,
        )

    @property
    def meaning(self) -> Meaning:
        """What it means in the answer to a send; on trying again, the error's own word decides."""
        said = (self.row.meaning, ERRORS.get(self.error))
        meant = next(meaning for meaning in _WEIGHTIEST_FIRST if meaning in said)
        return _BY_FLAG[self.permanent].get(meant, meant)

    @property
    def state(self) -> ReportStatus | None:
        """What it says in a report; None where it says nothing new of the text."""
        return None if self.meaning is TAKEN_BEFORE else self.row.state

    @property
    def code(self) -> str | None:
        """The error where there is one (`EC27`), else the status (`9`). Where the status alone says
        that the recipient has opted out, the status."""
        status = str(self.status) if self.status is not None else None
        if not self.error:
            return status
        error = _error_code(self.error)
        says = REFUSED_BY_RECIPIENT.says
        return status if says(status) and not says(error) else error


def _group(status: Mapping[str, object]) -> int:
    number = _number(status.get("groupId"))
    if number is not None:
        return number
    name = str(status.get("groupName")).upper()
    return _GROUP_NAMES.index(name) if name in _GROUP_NAMES else -1


def _words(told: Mapping[str, object]) -> str:
    words = (told.get("name"), told.get("description"))
    return ": ".join(word for word in words if isinstance(word, str) and word)


def _number(value: object) -> int | None:
    """A small number, also written as a text."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def problem_of(fields: Mapping[str, object]) -> tuple[str, str]:
    """Code and words of an answer that speaks of no text, in either envelope."""
    if isinstance(error := fields.get("requestError"), dict):
        told = error.get("serviceException")
        told = told if isinstance(told, dict) else {}
        return str(told.get("messageId") or ""), str(told.get("text") or "")
    violations = fields.get("violations")
    listed = violations if isinstance(violations, list) else []
    words = [fields.get("description"), *(_violation(it) for it in listed if isinstance(it, dict))]
    return str(fields.get("errorCode") or ""), "; ".join(str(it) for it in words if it)


def _violation(told: Mapping[str, object]) -> str:
    return f"{told.get('property')}: {told.get('violation')}"
