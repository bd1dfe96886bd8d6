"""What the answers to one call say of its connection. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from heliograph.codes import OutcomeCode


@dataclass(frozen=True, slots=True)
class Worked:
    """The provider took a text, or judged it: it works, for this account."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be reached, or nobody knows what it did."""

    code: OutcomeCode


@dataclass(frozen=True, slots=True)
class AccountRefused:
    """It refuses the account."""

    code: OutcomeCode


Said = Worked | Failed | AccountRefused
"""What the results of one call say of the connection; None stands for nothing."""


def said_by(results: Sequence[SendResult]) -> Said | None:
    """What one call's results say. A refusal of the account counts before all else, for it stays;
    that some other text was taken counts before failures."""
    words = [word for word in map(_said, results) if word is not None]
    for kind in (AccountRefused, Worked, Failed):
        found = next((word for word in words if isinstance(word, kind)), None)
        if found is not None:
            return found
    return None


def _said(result: SendResult) -> Said | None:
    """Throttling says nothing, and neither does what is a text's own fault for now."""
    match result:
        case Accepted():
            return Worked()
        case Refused(code, _, account):
            return AccountRefused(code) if account else Worked()
        case Ambiguous():
            return Failed(OutcomeCode.AMBIGUOUS)
        case NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, text_only=False):
            return Failed(OutcomeCode.PROVIDER_UNAVAILABLE)
        case NotProcessed():
            return None
