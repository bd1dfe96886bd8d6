"""What a provider's codes mean for a text, in words that an adapter's table is written with.

Each maps the provider's own explanation, and its wish to be left alone for so many seconds, to one
of the closed set of results. What is in no table is judged by its HTTP status (`by_status`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from common.providers.http_session import HttpAnswer
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from heliograph.codes import OutcomeCode

Meaning = Callable[[str, float | None], SendResult]
"""Takes a detail that is fit for logs, and the provider's wish in seconds."""

_WINDOW: Final = 600.0
"""Seconds after which a text is tried again that ran into a limit of its recipient, or of a day,
where the provider does not say when the limit ends."""


def _refusing(code: OutcomeCode, *, account: bool = False) -> Meaning:
    return lambda detail, _: Refused(code, detail, account)


REJECTED: Final = _refusing(OutcomeCode.PROVIDER_REJECTED)
"""Permanent: this text will never go out as it is."""
INVALID_RECIPIENT: Final = _refusing(OutcomeCode.PROVIDER_INVALID_RECIPIENT)
TOO_LONG: Final = _refusing(OutcomeCode.TEXT_TOO_LONG)
OPTED_OUT: Final = _refusing(OutcomeCode.RECIPIENT_OPTED_OUT)
"""Permanent, and noted in the opt-out ledger."""
LOOP: Final = _refusing(OutcomeCode.LOOP_SUSPECTED)
"""The provider takes the conversation for two machines; it waits for a person."""

CREDENTIALS: Final = _refusing(OutcomeCode.CREDENTIALS_REJECTED, account=True)
"""Account class: nothing goes out through this connection until somebody mends it."""
ACCOUNT: Final = _refusing(OutcomeCode.PROVIDER_ACCOUNT, account=True)
"""As above: no credit, suspended, or not set up for what was asked."""
SENDER: Final = _refusing(OutcomeCode.SENDER_NOT_OWNED, account=True)
"""As above: the sender is not the account's."""


def THROTTLED(detail: str, wish: float | None) -> SendResult:  # noqa: N802 - a row's word, as above
    """Not processed: too much at once, so the number is slowed for every replica."""
    return NotProcessed(OutcomeCode.PROVIDER_THROTTLED, detail, wish)


def UNAVAILABLE(detail: str, wish: float | None) -> SendResult:  # noqa: N802 - as above
    """Not processed: the provider says that it did not try."""
    return NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, detail, wish)


def LATER(detail: str, wish: float | None) -> SendResult:  # noqa: N802 - as above
    """Not processed, for a reason of this text or its recipient alone, such as a flood filter."""
    return NotProcessed(OutcomeCode.PROVIDER_THROTTLED, detail, wish or _WINDOW, text_only=True)


def OPEN(detail: str, _: float | None) -> SendResult:  # noqa: N802 - as above
    """Ambiguous: it may or may not have been sent."""
    return Ambiguous(detail)


def TAKEN_BEFORE(_: str, __: float | None) -> SendResult:  # noqa: N802 - as above
    """The provider recognised an earlier try, which it had accepted."""
    return Accepted(None, repeated=True)


_BY_CLASS: Final[Mapping[int, Meaning]] = {1: OPEN, 2: OPEN, 3: REJECTED, 4: REJECTED, 5: OPEN}
"""A 2xx that is not the documented success promises nothing; a 5xx may come from a gateway after
the provider took the text."""

_BY_STATUS: Final[Mapping[int, Meaning]] = {
    401: CREDENTIALS,
    402: ACCOUNT,
    403: CREDENTIALS,
    408: OPEN,  # a proxy's, and it does not say what the provider had got by then
    429: THROTTLED,
}


def by_status(
    answer: HttpAnswer, detail: str, known: Mapping[int, Meaning] | None = None
) -> SendResult:
    """What an answer means by its HTTP status, where no code of the provider's says more. `known`
    are the statuses that this provider means something else by."""
    status = answer.status
    usual = _BY_STATUS.get(status) or _BY_CLASS.get(status // 100, OPEN)
    return (known or {}).get(status, usual)(detail, answer.retry_after)
