"""Misbehaviour on demand: one model per fault, and the book of those in force.

Every fault takes `count` (how often it strikes; null: until cleared) and `phone` (it strikes only
calls, reports or texts of this phone). The wire names are the keys of `FAULTS`.
"""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from local.simulator.answers import CUT, DENIED, NOT_OWNED, Answer, error


class Fault(BaseModel):
    """What all faults share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int | None = Field(default=None, ge=1)
    phone: str | None = None


class AnswerFault(Fault):
    """A fault that decides the HTTP answer of a send."""

    def answer(self) -> Answer:
        """Give the answer in place of the right one."""
        raise NotImplementedError


class KeyRevoked(AnswerFault):
    """Both access keys stop working: 401 `Denied`."""

    def answer(self) -> Answer:
        """Deny."""
        return DENIED


class NotOwned(AnswerFault):
    """The sender is no longer the resource's: 401 `Unauthorized` with an empty message."""

    def answer(self) -> Answer:
        """Refuse the sender."""
        return NOT_OWNED


class Throttle(AnswerFault):
    """429; whether SMS sends Retry-After is not known, so it does so only when asked to."""

    retry_after: float | None = Field(default=None, ge=0)

    def answer(self) -> Answer:
        """Ask to slow down."""
        wait = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        return error(429, "TooManyRequests", "Rate limit exceeded.", headers=wait)


class RateLimits(Throttle):
    """429 to whatever is over the limits of its sender's type within a (real) while."""

    seconds: float = Field(default=60.0, gt=0)
    toll_free: int = Field(default=200, ge=0)
    short_code: int = Field(default=6_000, ge=0)
    alphanumeric: int = Field(default=600, ge=0)


class CutBeforeAccept(AnswerFault):
    """The connection closes and nothing was accepted."""

    def answer(self) -> Answer:
        """Say nothing."""
        return CUT


class ErrorBeforeAccept(AnswerFault):
    """A server error, and nothing was accepted."""

    status: int = Field(default=503, ge=400, le=599)

    def answer(self) -> Answer:
        """Fail."""
        return error(self.status, "ServiceUnavailable", "The service is unavailable.")


class CutAfterAccept(CutBeforeAccept):
    """The connection closes although the texts go out."""


class ErrorAfterAccept(AnswerFault):
    """A server error although the texts go out."""

    status: int = Field(default=500, ge=400, le=599)

    def answer(self) -> Answer:
        """Fail."""
        return error(self.status, "InternalError", "The server encountered an internal error.")


class Garbage(AnswerFault):
    """202 with a body that is empty or no JSON, although the texts go out."""

    body: str = ""
    content_type: str = "application/json"

    def answer(self) -> Answer:
        """Mumble."""
        return Answer(202, self.body.encode(), {"Content-Type": self.content_type})


class Slow(Fault):
    """The answer takes so many (real) seconds, after or before the texts were accepted."""

    seconds: float = Field(gt=0)
    after_accept: bool = True


class RecipientError(Fault):
    """202 as a whole, but a recipient failed; `count` counts recipients."""

    http_status_code: int = Field(default=503, ge=400, le=599)
    error_message: str = "ServiceUnavailable"


class BlockedInAnswer(Fault):
    """A send to a phone that opted out is refused in the answer, and not only by its report."""


class DuplicateReports(Fault):
    """Each report is delivered several times, concurrently."""

    copies: int = Field(default=2, ge=2, le=100)


class ReorderReports(Fault):
    """Reports are held until `window` of them wait, then delivered one by one, newest first.

    An incomplete window is delivered, newest first, `hold_seconds` after its first report.
    """

    window: int = Field(default=2, ge=2, le=1000)
    hold_seconds: float = Field(default=1.0, gt=0)


class LateReports(Fault):
    """Reports come so many (real) seconds late."""

    seconds: float = Field(gt=0)


class EarlyReports(Fault):
    """The report is delivered before the first byte of the send's answer is written."""


class MissingReports(Fault):
    """No report comes, although the text arrived."""


class FailedReports(Fault):
    """The text does not arrive and the report is `Failed` with these details."""

    details: str = "4004: Destination phone number does not exist."


class DuplicateTexts(Fault):
    """The event of an inbound text is delivered several times, concurrently."""

    copies: int = Field(default=2, ge=2, le=100)


FAULTS: Mapping[str, type[Fault]] = {
    "key_revoked": KeyRevoked,
    "not_owned": NotOwned,
    "throttle": Throttle,
    "rate_limits": RateLimits,
    "cut_before_accept": CutBeforeAccept,
    "error_before_accept": ErrorBeforeAccept,
    "cut_after_accept": CutAfterAccept,
    "error_after_accept": ErrorAfterAccept,
    "garbage": Garbage,
    "slow": Slow,
    "recipient_error": RecipientError,
    "blocked_in_answer": BlockedInAnswer,
    "duplicate_reports": DuplicateReports,
    "reorder_reports": ReorderReports,
    "late_reports": LateReports,
    "early_reports": EarlyReports,
    "missing_reports": MissingReports,
    "failed_reports": FailedReports,
    "duplicate_texts": DuplicateTexts,
}
_NAMES = {model: name for name, model in FAULTS.items()}

# The order in which faults compete for one send: the first one in force decides its answer.
BEFORE_ACCEPT = (KeyRevoked, Throttle, CutBeforeAccept, ErrorBeforeAccept)
AFTER_ACCEPT = (CutAfterAccept, ErrorAfterAccept, Garbage)

F = TypeVar("F", bound=Fault)


def name_of(fault: Fault) -> str:
    """Give a fault's wire name."""
    return _NAMES[type(fault)]


class FaultBook:
    """The faults in force, at most one of each name; `table` says which names there are."""

    def __init__(self, table: Mapping[str, type[Fault]] = FAULTS) -> None:
        self._table = table
        self._names = {model: name for name, model in table.items()}
        self._faults: dict[type[Fault], Fault] = {}
        self._left: dict[type[Fault], int | None] = {}

    def set(self, name: str, parameters: Mapping[str, Any]) -> None:
        """Put a fault in force; raises KeyError (unknown name) or pydantic's ValidationError."""
        fault = self._table[name].model_validate(parameters)
        self._faults[type(fault)] = fault
        self._left[type(fault)] = fault.count

    def clear(self, *names: str) -> None:
        """Lift the named faults, or all; raises KeyError for an unknown name."""
        for model in [self._table[name] for name in names] or list(self._faults):
            self._faults.pop(model, None)
            self._left.pop(model, None)

    def find(self, model: type[F], phones: Collection[str]) -> F | None:
        """Give a fault that is in force and concerns one of the phones; it does not strike yet."""
        fault = self._faults.get(model)
        if not isinstance(fault, model) or (fault.phone and fault.phone not in phones):
            return None
        return fault

    def take(self, model: type[F], phones: Collection[str]) -> F | None:
        """Let a fault strike once, if it is in force and concerns one of the phones."""
        fault = self.find(model, phones)
        if fault is None:
            return None
        left = self._left[model]
        if left is not None:
            self._left[model] = left - 1
            if left == 1:
                self.clear(self._names[model])
        return fault

    def facts(self) -> dict[str, Any]:
        """Give the faults in force; `count` is how often each will still strike."""
        return {
            self._names[model]: {**fault.model_dump(), "count": self._left[model]}
            for model, fault in self._faults.items()
        }
