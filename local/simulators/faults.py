"""Misbehaviour on demand that all simulated providers share; those of ACS are in local.simulator.

Every fault takes `count` (how often it strikes; null: until lifted) and `phone` (it strikes only
calls, reports or texts of this phone). Seconds are real, whatever the time scale. The wire names
are the keys of `FAULTS`; a provider may add its own.
"""

from collections.abc import Mapping

from pydantic import Field

from local.simulator.faults import (
    DuplicateReports,
    DuplicateTexts,
    EarlyReports,
    Fault,
    LateReports,
    MissingReports,
    ReorderReports,
    Slow,
)


class Refuse(Fault):
    """A send is refused with this HTTP status and this code of the provider."""

    status: int = Field(default=400, ge=200, le=599)
    code: str = ""
    retry_after: float | None = Field(default=None, ge=0)


class Denied(Fault):
    """The credentials are no longer good, on every route."""


class NoCredit(Fault):
    """The account has no money left."""


class Suspended(Fault):
    """The account is suspended."""


class Throttle(Fault):
    """Too many requests, on every route; no `Retry-After` unless asked to."""

    retry_after: float | None = Field(default=None, ge=0)


class CutBeforeAccept(Fault):
    """The connection closes and nothing was accepted."""


class ErrorBeforeAccept(Fault):
    """A server error, and nothing was accepted: a gateway's, or with a `code` the provider's."""

    status: int = Field(default=503, ge=400, le=599)
    code: str = ""


class CutAfterAccept(Fault):
    """The connection closes although the text goes out."""


class ErrorAfterAccept(Fault):
    """A server error although the text goes out: a gateway's, or with a `code` the provider's."""

    status: int = Field(default=500, ge=400, le=599)
    code: str = ""


class Garbage(Fault):
    """The success status with this body, although the text goes out."""

    body: str = ""
    content_type: str = "text/html"


class FailedReports(Fault):
    """The text does not arrive, and its last report says so with this code of the provider (empty:
    a usual one); `part` (from 0): only this part of a text in parts."""

    code: str = ""
    part: int | None = Field(default=None, ge=0)


class UnknownReports(Fault):
    """The last report has a status that no page of the provider tells of."""

    code: str = ""


class Parts(Fault):
    """The text counts as so many parts, however short it is."""

    parts: int = Field(default=2, ge=1, le=300)


class MissingTexts(Fault):
    """An inbound text is never delivered to the portal's URL."""


FAULTS: Mapping[str, type[Fault]] = {
    "denied": Denied,
    "throttle": Throttle,
    "cut_before_accept": CutBeforeAccept,
    "error_before_accept": ErrorBeforeAccept,
    "no_credit": NoCredit,
    "suspended": Suspended,
    "refuse": Refuse,
    "cut_after_accept": CutAfterAccept,
    "error_after_accept": ErrorAfterAccept,
    "garbage": Garbage,
    "slow": Slow,
    "parts": Parts,
    "duplicate_reports": DuplicateReports,
    "reorder_reports": ReorderReports,
    "late_reports": LateReports,
    "early_reports": EarlyReports,
    "missing_reports": MissingReports,
    "failed_reports": FailedReports,
    "unknown_reports": UnknownReports,
    "duplicate_texts": DuplicateTexts,
    "missing_texts": MissingTexts,
}

# The order in which faults compete for one call: the first in force decides its answer. Those of
# `ON_EVERY_ROUTE` strike credential probes and status queries too, where they name no phone.
ON_EVERY_ROUTE = (Denied, Throttle, CutBeforeAccept, ErrorBeforeAccept)
OF_A_SEND = (NoCredit, Suspended, Refuse)
AFTER_ACCEPT = (CutAfterAccept, ErrorAfterAccept, Garbage)
