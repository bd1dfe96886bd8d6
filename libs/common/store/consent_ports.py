"""What can be done with the opt-out ledger. MongoDB and memory keep it alike; people's part (lists,
reviews) is MongoDB's only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from common.sending_rules import OptOutScope
from common.store.consents import LedgerEntry, NewConsent
from common.store.control import Actor, Page
from common.store.records import Consent, ConversationFacts, NewOutbound, Outbound


class ConsentLedger(Protocol):
    """The services' side."""

    async def note(self, entries: Sequence[NewConsent]) -> Sequence[Consent]:
        """Note entries, and what stands then for each one's (number, remote), in order.

        Noting an entry again, or out of order, changes nothing: the newest `at` counts, of two at
        one instant the opt-out. `Consent.cause` is the ID of the entry that made the standing, so
        an entry of another ID has changed nothing.
        """
        ...

    async def of_remote(self, tenant_id: str, remote: str) -> Sequence[Consent]:
        """What stands between a remote and every number of a tenant (majority read)."""
        ...

    async def of_remotes(self, pairs: Sequence[tuple[str, str]]) -> Sequence[Consent]:
        """The same for many pairs of tenant and remote, in one query."""
        ...

    async def scopes(self, tenant_ids: frozenset[str]) -> Mapping[str, OptOutScope]:
        """Each tenant's setting (majority read)."""
        ...

    async def cancel(self, entries: Sequence[NewConsent]) -> Sequence[Outbound]:
        """For entries that opt out: every text to the remote that is held, waits for a limit or a
        retry, or was claimed or approved and not begun, is decided on as `CANCELLED`, in the scope
        of the tenant's setting, where it was ordered before the opt-out was noted. A sender that
        has it in hand loses its lease. Returns those that a sender has to be nudged for; doing it
        again returns those that are not carried out yet.
        A text of ours (`notice`) is not cancelled by the entry that it answers."""
        ...

    async def answer(self, text: NewOutbound, *, by: Actor) -> bool:
        """Put a text of ours (`notice`) beside the agents' texts, approved and ready to be taken by
        a nudge. True where it was not there before."""
        ...


class Conversations(Protocol):
    """What the policy asks of a conversation, and the hold that a suspected loop puts on it."""

    async def facts(
        self,
        tenant_id: str,
        number: str,
        remote: str,
        *,
        limit: int,
        replies_since: datetime | None = None,
        replies_limit: int = 0,
    ) -> ConversationFacts:
        """The hold, the newest `limit` texts of the history, and how many of ours, up to
        `replies_limit`, are later than `replies_since` (all by the history index)."""
        ...

    async def hold(
        self, tenant_id: str, number: str, remote: str, *, reason: str, at: datetime
    ) -> None:
        """Hold a conversation for a person. One that is held stays as it is."""
        ...

    async def carried_by(
        self, tenant_id: str, number: str, remote: str, *, since: datetime
    ) -> str | None:
        """The ID of the connection through which a provider has last accepted a text of a
        conversation, where it was called, and took it, later than an instant."""
        ...

    async def held(self, conversation_ids: Sequence[str]) -> frozenset[str]:
        """Which of the conversations are held."""
        ...


class Consents(Protocol):
    """People's side: the ledger as they read it, and their own entries, with an audit entry in the
    same transaction. Every method may raise `BadCursor` where it takes a cursor."""

    async def list(
        self,
        tenant_id: str,
        *,
        opted_out: bool | None = None,
        in_doubt: bool | None = None,
        number: str | None = None,
        remote: str | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Consent]:
        """What stands, newest word first."""
        ...

    async def get(self, tenant_id: str, number: str, remote: str) -> Consent | None: ...

    async def history(
        self, tenant_id: str, number: str, remote: str, *, limit: int, cursor: str | None = None
    ) -> Page[LedgerEntry]:
        """Every entry about a remote and a number, newest first."""
        ...

    async def enter(self, entry: NewConsent, *, action: str, by: Actor) -> Consent:
        """A person's entry (opt-out, opt-in, a review's `confirm` or `undo`) with its audit entry.
        `action` is the audit's: `consent.opted_out`, `consent.opted_in`, `consent.confirmed`,
        `consent.undone`."""
        ...
