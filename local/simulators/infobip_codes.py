"""Infobip's statuses and errors: groups, names, descriptions.

Source: Infobip docs, "Response status and error codes". Of the errors only those that go with a
status here; the others come with the name that the page gives for what is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from local.simulators.messages import News, State

_GROUPS: Final = ("ACCEPTED", "PENDING", "UNDELIVERABLE", "DELIVERED", "EXPIRED", "REJECTED")
_ERROR_GROUPS: Final = ("OK", "HANDSET_ERRORS", "USER_ERRORS", "OPERATOR_ERRORS")

DUPLICATE: Final = "23"
BAD_DESTINATION: Final = "52"
BAD_SENDER: Final = "11"
BLOCKED: Final = "14"
NO_CREDIT: Final = "12"
TOO_LONG: Final = "25"
ACCEPTED: Final = "26"

_STATUSES: Final[Mapping[str, tuple[int, str, str]]] = {
    "2": (3, "DELIVERED_TO_OPERATOR", "Message delivered to operator"),
    "3": (1, "PENDING_WAITING_DELIVERY", "Message sent, waiting for delivery report"),
    "4": (2, "UNDELIVERABLE_REJECTED_OPERATOR", "Message rejected by operator"),
    "5": (3, "DELIVERED_TO_HANDSET", "Message delivered to handset"),
    "6": (5, "REJECTED_NETWORK", "Network is forbidden"),
    "7": (1, "PENDING_ENROUTE", "Message sent to next instance"),
    "8": (5, "REJECTED_PREFIX_MISSING", "Number prefix missing"),
    "9": (2, "UNDELIVERABLE_NOT_DELIVERED", "Message sent not delivered"),
    "10": (5, "REJECTED_DND", "Do not disturb register"),
    "11": (5, "REJECTED_SOURCE", "Invalid source address"),
    "12": (5, "REJECTED_NOT_ENOUGH_CREDITS", "Not enough credits"),
    "13": (5, "REJECTED_SENDER", "By sender"),
    "14": (5, "REJECTED_DESTINATION_BLOCKLISTED", "Destination blocklisted"),
    "15": (4, "EXPIRED_EXPIRED", "Message expired"),
    "17": (5, "REJECTED_PREPAID_PACKAGE_EXPIRED", "Prepaid package expired"),
    "18": (5, "REJECTED_DESTINATION_NOT_REGISTERED", "Destination not registered"),
    "19": (5, "REJECTED_ROUTE_NOT_AVAILABLE", "Route not available"),
    "20": (5, "REJECTED_FLOODING_FILTER", "Rejected flooding"),
    "21": (5, "REJECTED_SYSTEM_ERROR", "System error"),
    "23": (5, "REJECTED_DUPLICATE_MESSAGE_ID", "Duplicate message ID"),
    "24": (5, "REJECTED_INVALID_UDH", "Invalid UDH"),
    "25": (5, "REJECTED_MESSAGE_TOO_LONG", "Message too long"),
    "26": (1, "PENDING_ACCEPTED", "Message sent to next instance"),
    "29": (4, "EXPIRED_DLR_UNKNOWN", "No delivery report in time"),
    "31": (2, "UNDELIVERABLE_NOT_SENT", "Message not sent"),
    "51": (5, "MISSING_TO", "Missing destination."),
    "52": (5, "REJECTED_DESTINATION", "Invalid destination address."),
    "87": (5, "SIGNALS_BLOCKED", "Blocked by Signals"),
    "100": (5, "UNDELIVERABLE_REJECTED_PLATFORM", "Rejected by platform"),
}

_ERRORS: Final[Mapping[str, tuple[int, str, bool]]] = {
    "0": (0, "NO_ERROR", False),
    "1": (1, "EC_UNKNOWN_SUBSCRIBER", True),
    "27": (1, "EC_ABSENT_SUBSCRIBER", False),
    "255": (1, "EC_UNKNOWN_ERROR", False),
    "433": (2, "EC_ACCOUNT_ACCESS_DENIED", True),
    "541": (2, "EC_LIMIT_REACHED", False),
    "573": (1, "EC_SC_BLOCKED_BY_END_USER", True),
    "603": (2, "EC_CONTENT_BLOCKED", True),
    "604": (2, "EC_BLOCKED_BY_CAMPAIGN_BLACKLIST", True),
    "2050": (3, "EC_DEST_ADDRESS_BLACKLISTED", True),
    "2052": (2, "EC_BLACKLISTED_DESTINATIONADDRESS", True),
    "4098": (3, "EC_VP_EXPIRED", False),
    "4103": (2, "EC_DESTINATION_FLOODING", False),
}
_ERROR_OF: Final[Mapping[str, str]] = {
    "2": "0",
    "3": "0",
    "5": "0",
    "7": "0",
    "26": "0",
    "9": "27",
    "10": "603",
    "14": "2052",
    "15": "4098",
    "20": "4103",
}
"""The error that goes with a status where a fault names none."""

_NEWS: Final[Mapping[State, str]] = {
    State.QUEUED: ACCEPTED,
    State.SENT: "7",
    State.DELIVERED: "5",
    State.FAILED: "9",
    State.UNKNOWN: "777",
}


@dataclass(frozen=True, slots=True)
class Code:
    """A status and the error beside it. Written `14` or `14/2052` where faults name it."""

    status: str
    error: str

    @property
    def is_final(self) -> bool:
        """Whether nothing more is to come."""
        return self.status not in {"2", "3", "7", "26"}


def code_of(news: News) -> Code:
    """The code of news: as the fault names it, or the usual one."""
    status, _, error = (news.code or _NEWS[news.state]).partition("/")
    return Code(status, error or _ERROR_OF.get(status, "255"))


def status(id_: str) -> dict[str, Any]:
    """A `status` object; an ID that no page tells of gets a group that no page tells of."""
    if id_ not in _STATUSES:
        group, name, description = 77, "PONDERING", "Nobody knows"
        return _object(group, "PONDERING", id_, name, description)
    group, name, description = _STATUSES[id_]
    return _object(group, _GROUPS[group], id_, name, description)


def error(id_: str, *, old: bool = False) -> dict[str, Any]:
    """An `error` object; version 2 writes `Ok` where version 3 has `OK`."""
    group, name, permanent = _ERRORS.get(id_, (1, f"EC_ERROR_{id_}", False))
    group_name = _ERROR_GROUPS[group]
    written = group_name.capitalize() if old else group_name
    description = name.removeprefix("EC_").replace("_", " ").capitalize()
    return _object(group, written, id_, name, description) | {"permanent": permanent}


def _object(group: int, group_name: str, id_: str, name: str, description: str) -> dict[str, Any]:
    return {
        "groupId": group,
        "groupName": group_name,
        "id": int(id_),
        "name": name,
        "description": description,
    }
