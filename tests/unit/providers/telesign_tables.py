"""Every code that Telesign has, and what it means, written from its documentation and not from the
adapter's tables."""

from __future__ import annotations

from common.providers.meanings import (
    ACCOUNT,
    CREDENTIALS,
    INVALID_RECIPIENT,
    OPEN,
    OPTED_OUT,
    REJECTED,
    SENDER,
    THROTTLED,
    UNAVAILABLE,
    Meaning,
)
from heliograph.models import ReportStatus

# Source: Telesign docs, "All status and error codes", SMS.
OUTCOMES: dict[str, ReportStatus | None] = {
    "200 delivered to handset": ReportStatus.DELIVERED,
    "201 completed, suspicious activity": ReportStatus.SENT,
    "203 delivered to gateway": ReportStatus.SENT,
    "207 error delivering, reason unknown": ReportStatus.FAILED,
    "210 temporary phone error": ReportStatus.UNDELIVERABLE,
    "211 permanent phone error": ReportStatus.UNDELIVERABLE,
    "220 gateway or network cannot route": ReportStatus.UNDELIVERABLE,
    "221 expired before delivery": ReportStatus.EXPIRED,
    "222 SMS not supported": ReportStatus.UNDELIVERABLE,
    "229 blocked by your request": ReportStatus.REJECTED,
    "230 blocked by Telesign": ReportStatus.REJECTED,
    "231 invalid or unsupported content": ReportStatus.REJECTED,
    "233 high risk score": ReportStatus.REJECTED,
    "237 blocked in requested country": ReportStatus.REJECTED,
    "238 blocked by prefix": ReportStatus.REJECTED,
    "250 final status unknown": ReportStatus.FAILED,
    "251 sent, no confirmation of the handset": ReportStatus.SENT,
    "286 phone type not allowed": ReportStatus.REJECTED,
    "290 in progress": None,
    "291 queued by Telesign": None,
    "292 queued by gateway": None,
    "295 status delayed": ReportStatus.SENT,
    "500 transaction not attempted": ReportStatus.FAILED,
    "501 not authorised": ReportStatus.FAILED,
    "502 campaign error": ReportStatus.FAILED,
    "503 carrier rejected, temporary": ReportStatus.FAILED,
    "504 carrier rejected, permanent": ReportStatus.UNDELIVERABLE,
    "505 gateway error, temporary": ReportStatus.FAILED,
    "506 gateway error, permanent": ReportStatus.FAILED,
    "507 invalid destination": ReportStatus.REJECTED,
    "508 invalid source": ReportStatus.REJECTED,
    "509 parameters problem": ReportStatus.REJECTED,
    "510 blocked by subscriber": ReportStatus.REJECTED,
    "511 subscriber low on credit": ReportStatus.UNDELIVERABLE,
    "512 roaming error": ReportStatus.UNDELIVERABLE,
    "513 portability error": ReportStatus.UNDELIVERABLE,
    "514 subscriber absent": ReportStatus.UNDELIVERABLE,
    "515 suspected spam": ReportStatus.REJECTED,
    "516 channel not supported by the device": ReportStatus.UNDELIVERABLE,
    "517 DLT details not supported": ReportStatus.REJECTED,
    "518 SIM swap risk": ReportStatus.REJECTED,
    "519 SIM swap check impossible": ReportStatus.REJECTED,
    "520 content not allowed": ReportStatus.REJECTED,
    "521 sender ID not allowed for destination": ReportStatus.REJECTED,
    "599 status not available": ReportStatus.FAILED,
    "10031 blocked by customer request, reports only": ReportStatus.REJECTED,
    "10032 blocked by Telesign": ReportStatus.REJECTED,
    "1234 nothing that is known": None,
}

# Source: as above, and "Send an SMS message": the errors of each HTTP status.
ERRORS: dict[tuple[int, int], Meaning] = {
    **dict.fromkeys([(400, code) for code in (11000, 11001)], INVALID_RECIPIENT),
    (400, 11013): SENDER,
    **dict.fromkeys(
        [
            (400, code)
            for code in (11003, 11004, 11009, 11010, 11011, 11016, 11017, 11027, 11034, 11035)
        ],
        REJECTED,
    ),
    **dict.fromkeys([(400, code) for code in (12000, 12009, 12017)], REJECTED),
    **dict.fromkeys([(400, 10032), (400, 10033), (401, 10033)], REJECTED),
    **dict.fromkeys([(400, 10031), (400, 10035), (401, 10031), (401, 10035)], ACCOUNT),
    **dict.fromkeys([(401, code) for code in range(10002, 10010)], CREDENTIALS),
    **dict.fromkeys([(401, code) for code in (10013, 10015, 10022, 10028)], CREDENTIALS),
    **dict.fromkeys([(401, code) for code in (10010, 10011, 10012, 10014)], ACCOUNT),
    (402, 10030): ACCOUNT,
    (404, 10017): CREDENTIALS,
    (429, 10019): THROTTLED,
    (429, 10020): ACCOUNT,
    (500, 10000): UNAVAILABLE,
    (503, 10000): UNAVAILABLE,
}

# Source: as above, the errors of the older products, which stand beside a status.
OLDER: dict[tuple[int, int, int], Meaning] = {
    (400, 500, -10001): REJECTED,
    (400, 500, -10009): ACCOUNT,
    (400, 500, -10033): REJECTED,
    (400, 500, -20001): REJECTED,
    (401, 501, -20002): ACCOUNT,
    (401, 501, -20003): ACCOUNT,
    (401, 501, -20004): REJECTED,
    (402, 500, -10030): ACCOUNT,
    **dict.fromkeys([(401, 501, code) for code in (-30000, *range(-30012, -30003))], CREDENTIALS),
    (401, 501, -30015): CREDENTIALS,
    (401, 501, -40002): CREDENTIALS,
    **dict.fromkeys([(401, 501, code) for code in (-30001, -30002, -30003)], ACCOUNT),
    (400, 500, -40009): INVALID_RECIPIENT,
    (400, 500, -40024): REJECTED,
    (400, 500, -40025): REJECTED,
    (429, 500, -40007): THROTTLED,
    (503, 500, -90001): UNAVAILABLE,
    # A cap on transactions in one list, a malformed number in examples.
    (400, -40008, -40008): REJECTED,
    (429, 500, -40008): THROTTLED,
}

# A text's status, told at once in the place of 290.
AT_ONCE: dict[Meaning, tuple[int, ...]] = {
    REJECTED: (
        *(210, 211, 220, 221, 222, 229, 230, 231, 233, 237, 238, 286, 504, 506, 509, 511, 512),
        *(513, 514, 515, 516, 517, 518, 519, 520),
    ),
    INVALID_RECIPIENT: (507,),
    SENDER: (508, 521),
    CREDENTIALS: (501,),
    ACCOUNT: (502,),
    OPTED_OUT: (510,),
    UNAVAILABLE: (500, 503, 505),
    OPEN: (201, 207, 250, 251, 295, 599, 1234),
}
