"""What Telesign's messaging API answers, and what each answer means: pure, as tables.

Source: Telesign docs, "Send an SMS message", "Get transaction status" and "All status and error
codes", which say to go by the codes in the body rather than by the HTTP status. Older products have
`errors` with negative codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from common.providers.http_session import HttpAnswer, detail_of
from common.providers.meanings import (
    ACCOUNT,
    CREDENTIALS,
    INVALID_RECIPIENT,
    OPTED_OUT,
    REJECTED,
    SENDER,
    THROTTLED,
    UNAVAILABLE,
    Meaning,
    by_status,
)
from common.providers.port import (
    Accepted,
    FetchedReport,
    Health,
    Healthy,
    Refused,
    SendResult,
    Unhealthy,
    Unknown,
)
from common.providers.telesign_callbacks import STATES, told_in
from common.redact import unquote
from heliograph.codes import OutcomeCode

FULL_SERVICE: Final = "https://rest-ww.telesign.com"
SELF_SERVICE: Final = "https://rest-api.telesign.com"

TAKEN: Final = frozenset({"200", "203", "290", "291", "292"})
"""Statuses of a text that Telesign has accepted."""

_NOT_ATTEMPTED: Final = "500"
"""A status that says that nothing was sent, also beside errors for which trying again is no use."""


def _by_code(*rows: tuple[Meaning, str]) -> Mapping[str, Meaning]:
    return {code: meaning for meaning, codes in rows for code in codes.split()}


MEANINGS: Final = _by_code(
    # Errors of this API, then those of older ones, then statuses that a text has at once.
    (REJECTED, "10032 10033 11003 11004 11009 11010 11011 11016 11017 11027 11034 11035"),
    (REJECTED, "12000 12009 12017"),
    (INVALID_RECIPIENT, "11000 11001"),
    (SENDER, "11013"),
    # A send names no transaction, so with 10017 ("customer or reference ID not found") it is the
    # customer that is not found.
    (CREDENTIALS, "10002 10003 10004 10005 10006 10007 10008 10009 10013 10015 10017 10022"),
    (CREDENTIALS, "10028"),
    # 10020 is a cap on the contract's transactions: only Telesign lifts it, so waiting is no use.
    (ACCOUNT, "10010 10011 10012 10014 10020 10030 10031 10035"),
    (THROTTLED, "10019"),
    (UNAVAILABLE, "10000"),
    # -10001 and -40008 mean several things; their HTTP status tells which.
    (REJECTED, "-10033 -20004 -40024 -40025"),
    (INVALID_RECIPIENT, "-40009"),
    (CREDENTIALS, "-30000 -30004 -30005 -30006 -30007 -30008 -30009 -30010 -30011 -30012"),
    (CREDENTIALS, "-30015 -40002"),
    (ACCOUNT, "-10009 -10030 -20002 -20003 -30001 -30002 -30003"),
    (THROTTLED, "-40007"),
    (UNAVAILABLE, "-90001"),
    (REJECTED, "210 211 220 221 222 229 230 231 233 237 238 286 504 506 509 511 512 513 514"),
    (REJECTED, "515 516 517 518 519 520"),
    (INVALID_RECIPIENT, "507"),
    (SENDER, "508 521"),
    (CREDENTIALS, "501"),
    (ACCOUNT, "502"),
    (OPTED_OUT, "510"),
    (UNAVAILABLE, "503 505"),  # rejected by carrier or gateway, for now
)
"""What a code means for a text. 201, 207, 250, 251, 295 and 599 leave it open what became of it."""


def answered(answer: HttpAnswer, words: str) -> SendResult:
    """What an answer means for the text of these words: its code before its HTTP status."""
    told = told_in(answer.fields)
    detail = detail_of(answer, next(iter(told.codes), ""), unquote(told.text, words))
    if answer.status // 100 == 2 and told.code in TAKEN and told.reference_id:
        return Accepted(told.reference_id)
    meaning = next((MEANINGS[code] for code in told.codes if code in MEANINGS), None)
    if meaning is None and told.code == _NOT_ATTEMPTED and answer.status // 100 != 4:
        meaning = UNAVAILABLE
    if meaning is None:
        return by_status(answer, detail)
    return meaning(detail, answer.retry_after)


HEALTHY: Final = frozenset(
    {
        (404, "10017"),  # customer or reference ID not found
        (404, "10036"),  # reference ID expired
        (404, "-10001"),
        (404, "-10004"),
        (400, "11011"),  # invalid reference ID
    }
)
"""HTTP statuses and codes with which Telesign says that there is no such text: to a caller that it
knows."""

_OTHER_HOST: Final = (
    "The account is not served at this API host: full-service accounts have "
    f"{FULL_SERVICE}, self-service ones {SELF_SERVICE}."
)
_REASONS: Final[Mapping[str, str]] = {
    code: reason
    for codes, reason in (
        ("10010 -30001", "Telesign has suspended the account."),
        ("-30002", "The account is not activated."),
        ("10011 10012 -20002 -20003", "SMS is not enabled for the account: ask Telesign for it."),
        ("10013 10015 -30000", "Telesign does not know the customer ID."),
        (
            "10014 -10009",
            "Telesign refuses calls from our IP address: have it added to the account's allowlist.",
        ),
        ("10022 -30015", "Telesign does not accept the API key: it may have been replaced."),
        ("10020 -30003", "The account has used up its transactions: ask Telesign for more."),
        ("10030 -10030", "The account's prepaid wallet is empty."),
        ("10031 10035", _OTHER_HOST),
    )
    for code in codes.split()
}


def health_of(answer: HttpAnswer) -> Health:
    """What the answer to a question for a text that does not exist says of the credentials."""
    told = told_in(answer.fields)
    known = any((answer.status, code) in HEALTHY for code in told.codes)
    if known or (answer.status // 100 == 2 and told.code in STATES.keys() | TAKEN):
        return Healthy()
    meant = answered(answer, "")
    reason = next((_REASONS[code] for code in told.codes if code in _REASONS), None)
    if reason is None and isinstance(meant, Refused):
        denied = meant.code is OutcomeCode.CREDENTIALS_REJECTED
        reason = "Telesign does not accept the customer ID with this API key." if denied else None
    if reason is not None:
        return Unhealthy(reason)
    return Unknown(f"Telesign did not give a usable answer ({detail_of(answer, told.code)}).")


def fetched(answer: HttpAnswer, now: datetime) -> FetchedReport | None:
    """What a text's status, asked for, says; `now` stands for an instant that is not told. 599 says
    that Telesign cannot tell at the moment, which is no state when asked for."""
    told = told_in(answer.fields)
    status = STATES.get(told.code)
    if answer.status // 100 != 2 or status is None or told.code == "599":
        return None
    return FetchedReport(status=status, code=told.code, details=told.details, at=told.at or now)
