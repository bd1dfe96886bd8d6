"""What Twilio says: its error texts, its words for how far a text got, its answers to STOP.

Sources: Twilio docs, "Error and Warning Dictionary", "Messages resource" (status values), "Twilio
support for opt-out keywords (SMS STOP filtering)".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from local.simulator.keywords import Keyword
from local.simulators.messages import State

ERRORS: Final[Mapping[str, str]] = {
    "20003": "Authenticate",
    "20005": "Account not active",
    "20404": "The requested resource was not found",
    "20429": "Too Many Requests",
    "20500": "Internal Server Error",
    "20503": "Service Unavailable",
    "21211": "Invalid 'To' Phone Number",
    "21602": "Message body is required.",
    "21603": "A 'From' phone number is required.",
    "21604": "A 'To' phone number is required.",
    "21606": "The 'From' phone number provided is not a valid message-capable Twilio phone number "
    "for this destination.",
    "21609": "The 'StatusCallback' URL is not a valid URL.",
    "21610": "Attempt to send to unsubscribed recipient",
    "21611": "This 'From' number has exceeded the maximum number of queued messages",
    "21617": "The concatenated message body exceeds the 1600 character limit",
    "21624": "Invalid validity period",
    "21701": "The Messaging Service does not exist",
}
_CODES: Final[Mapping[int, str]] = {401: "20003", 404: "20404", 429: "20429", 503: "20503"}

WORDS: Final[Mapping[State, str]] = {
    State.QUEUED: "queued",
    State.SENT: "sent",
    State.DELIVERED: "delivered",
    State.FAILED: "undelivered",
    State.UNKNOWN: "pondering",
}
_NEVER_LEFT: Final = frozenset({"21610", "30001", "30002", "30010", "30036", "63038"})
USUAL_FAILURE: Final = "30003"

_STOP: Final = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
)
_START: Final = frozenset({"START", "UNSTOP"})
_HELP: Final = frozenset({"HELP", "INFO"})
_TOLL_FREE: Final = re.compile(r"\+18(00|33|44|55|66|77|88)\d{7}")
_SHORT_CODE: Final = re.compile(r"\d{3,8}")

_STOPPED: Final = (
    "You have successfully been unsubscribed. You will not receive any more messages from this "
    "number. Reply START to resubscribe."
)
_STARTED: Final = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELPED: Final = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."


def code_of(status: int) -> str:
    """The usual code of an HTTP status."""
    return _CODES.get(status, "20500")


def word_of(state: State, code: str | None) -> str:
    """`MessageStatus`: what never left has failed, what left and did not arrive is undelivered."""
    if state is State.FAILED and code in _NEVER_LEFT:
        return "failed"
    return code if state is State.UNKNOWN and code else WORDS[state]


def keyword(number: str, body: str, *, stopped: bool) -> Keyword | None:
    """Read a whole text as Twilio does: not on short codes, YES only on long codes, and an answer
    only where something changes."""
    word = body.strip().upper()
    if _SHORT_CODE.fullmatch(number):
        return None
    if word in _STOP:
        return Keyword(True, None if stopped else _STOPPED)
    yes = word == "YES" and _TOLL_FREE.fullmatch(number) is None
    if word in _START or yes:
        return Keyword(False, _STARTED if stopped else None)
    return None


def wants_help(number: str, body: str) -> bool:
    """Whether Twilio answers with its help."""
    return body.strip().upper() in _HELP and _SHORT_CODE.fullmatch(number) is None
