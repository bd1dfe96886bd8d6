"""Which of a provider's codes say that the recipient has opted out of texts from this sender.

Only the recipient's own word counts, for the opt-out ledger keeps it until they take it back. A
list that the sender, the provider or a regulator keeps says something else, and does not belong
into an adapter's table: Telesign 229 ("blocked at the request of the customer") and 230 ("blocked
by Telesign"), Infobip's status 10 (a national do-not-disturb register, which keeps advertisements
away and no others) and errors 566 (blocked by the operator) and 3041 (a number out of service),
Twilio 30640 (a list of litigators) and 63033 (a block on channels other than SMS). The table for
people is in docs/opt-outs.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class OptedOut:
    """A provider's codes, and texts in lower case where it has no code for it."""

    codes: frozenset[str] = frozenset()
    texts: tuple[str, ...] = ()

    def says(self, code: str | None, details: str | None = None) -> bool:
        """Whether a report, or the refusal of a send, says that the recipient has opted out."""
        if code is not None and code.strip() in self.codes:
            return True
        said = (details or "").lower()
        return any(text in said for text in self.texts)


NONE: Final = OptedOut()
