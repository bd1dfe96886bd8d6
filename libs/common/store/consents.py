"""The opt-out ledger's vocabulary: entries with their evidence, and what follows from them. Pure.

An entry is never changed and never deleted; a later one supersedes it. What stands for a (number,
remote) is kept beside the ledger as a `Consent`, so that a send costs one read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from common.ids import derive
from common.sending_rules import OptOutScope
from common.store.records import Consent, conversation_id


class ConsentSource(StrEnum):
    """Where the word of an entry comes from."""

    KEYWORD = "keyword"
    """A carrier keyword of the remote; `rule` is the keyword."""
    WORDING = "wording"
    """Free wording of the remote, taken for an opt-out; `rule` is the name of what matched."""
    REPORT = "report"
    """A delivery report that says so; `rule` is the provider's code."""
    REFUSAL = "refusal"
    """A provider's refusal of a send that says so; `rule` is the provider's code."""
    PERSON = "person"
    """Somebody in the console or through the API; `rule` is what they did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsent:
    """An entry to be noted."""

    tenant_id: str
    number: str
    remote: str
    opted_out: bool
    at: datetime
    """When it was said: the provider's receive instant, or a person's moment."""
    source: ConsentSource
    rule: str
    who: str
    """Whose word it is: `remote`, `provider:acs`, or the name of a person."""
    message_id: str | None = None
    """The inbound text, or the text that the report or refusal is about."""
    note: str | None = None
    in_doubt: bool = False
    """A person should confirm or undo it."""

    @property
    def id(self) -> str:
        """The same word noted again is the same entry."""
        about = self.message_id or self.at.isoformat()
        return derive(
            "consent", self.tenant_id, self.number, self.remote, self.source, about, self.rule
        )

    @property
    def conversation_id(self) -> str:
        return conversation_id(self.tenant_id, self.number, self.remote)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry:
    """An entry with the instant of its recording."""

    entry: NewConsent
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What counts at the moment of sending."""

    opted_out: bool = False
    fence: datetime | None = None
    """When the latest opt-out was noted, also where an opt-in followed: what was ordered before it
    is cancelled."""
    opted_in: bool = False
    """The remote's newest word is an opt-in."""


def standing(consents: Sequence[Consent], number: str, scope: OptOutScope) -> Standing:
    """What a remote's consents with a tenant's numbers mean for one of them.

    Over all numbers the newest word counts; of two at one instant the opt-out, because a text too
    few harms less than one too many.
    """
    ours = [it for it in consents if scope is OptOutScope.TENANT or it.number == number]
    if not ours:
        return Standing()
    newest = max(ours, key=lambda it: (it.at, it.opted_out))
    fences = [it.opted_out_at for it in ours if it.opted_out_at is not None]
    return Standing(
        opted_out=newest.opted_out,
        fence=max(fences, default=None),
        opted_in=not newest.opted_out,
    )
