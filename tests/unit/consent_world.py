"""The opt-out ledger in memory, for the desk that people use: the store's own rule decides what
stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Final

from common.store.clock import milliseconds
from common.store.consent_documents import read_consent, superseded
from common.store.consents import ConsentSource, LedgerEntry, NewConsent
from common.store.control import Actor, NumberRecord, Page
from common.store.records import ConnectionRecord, ConnectionStatus, Consent
from health.access.roles import Principal, Role
from health.desk.consents import ConsentDesk
from health.desk.nudging import Nudger
from health.desk.opt_out_lists import CannotAsk
from tests.unit.console_setup_stage import number

TENANT: Final = "acme"
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
"""That of each text."""
NUMBER: Final = "+18005550100"
REMOTE: Final = "+12125550147"
NOW: Final = datetime(2026, 3, 1, 15, 42, tzinfo=UTC)
JANE: Final = Principal(kind="key", id="k1", name="Jane", role=Role.ADMIN, tenant_id=TENANT)


def said(opted_out: bool, source: ConsentSource, **given: Any) -> NewConsent:
    """A word of the remote."""
    known: dict[str, Any] = {
        "tenant_id": TENANT,
        "number": NUMBER,
        "remote": REMOTE,
        "opted_out": opted_out,
        "at": NOW - timedelta(minutes=5),
        "source": source,
        "rule": "stop-texting",
        "who": "remote",
        "message_id": "m1",
    }
    return NewConsent(**known | given)


def doubtful(**given: Any) -> NewConsent:
    """Free wording that was taken for an opt-out."""
    return said(True, ConsentSource.WORDING, in_doubt=True, **given)


class KeptConsents:
    """Standings and entries in dictionaries."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.entries: list[LedgerEntry] = []
        self.actions: list[tuple[str, str]] = []

    def note(self, entry: NewConsent) -> Consent:
        """Put an entry into the ledger."""
        new = superseded(self.documents.get(entry.conversation_id), entry, milliseconds(NOW))
        if new is not None:
            self.documents[entry.conversation_id] = new
        if entry.id not in {item.entry.id for item in self.entries}:
            self.entries.insert(0, LedgerEntry(entry=entry, recorded_at=NOW))
        return read_consent(self.documents[entry.conversation_id])

    async def list(self, tenant_id: str, **filters: Any) -> Page[Consent]:
        wanted = {
            name: value
            for name, value in filters.items()
            if name not in {"limit", "cursor"} and value is not None
        }
        standing = map(read_consent, self.documents.values())
        found = (it for it in standing if it.tenant_id == tenant_id)
        return Page(
            tuple(it for it in found if all(getattr(it, k) == v for k, v in wanted.items()))
        )

    async def get(self, tenant_id: str, number: str, remote: str) -> Consent | None:
        page = await self.list(tenant_id, number=number, remote=remote)
        return page.items[0] if page.items else None

    async def history(
        self, tenant_id: str, number: str, remote: str, *, limit: int, cursor: str | None = None
    ) -> Page[LedgerEntry]:
        about = (tenant_id, number, remote)
        entries = (
            item
            for item in self.entries
            if (item.entry.tenant_id, item.entry.number, item.entry.remote) == about
        )
        return Page(tuple(entries)[:limit])

    async def enter(self, entry: NewConsent, *, action: str, by: Actor) -> Consent:
        self.actions.append((action, by.name))
        return self.note(entry)


class KeptLedger:
    """Cancels what the test has put in."""

    def __init__(self) -> None:
        self.waiting: list[str] = []
        self.cancelled: list[NewConsent] = []

    async def cancel(self, entries: Sequence[NewConsent]) -> Sequence[Any]:
        self.cancelled += entries
        return [
            SimpleNamespace(id=text_id, text=SimpleNamespace(tenant_id=TENANT, traceparent=TRACE))
            for text_id in self.waiting
        ]


class KeptNumbers:
    """Numbers in a dictionary."""

    def __init__(self, *numbers: NumberRecord):
        self.by_address = {item.address: item for item in numbers}

    async def get(self, tenant_id: str, address: str) -> NumberRecord | None:
        found = self.by_address.get(address)
        return found if found is not None and found.tenant_id == tenant_id else None


class ScriptedLists:
    """A provider's own list, as a script."""

    def __init__(self) -> None:
        self.live = True
        self.has_it: bool | None = None
        self.away = False
        self.answers: list[bool | Exception | None] = []
        self.told: list[tuple[str, str, bool]] = []

    async def connection_of(self, number: NumberRecord) -> ConnectionRecord | None:
        if not self.live:
            return None
        return ConnectionRecord(
            id=number.connection_id,
            tenant_id=number.tenant_id,
            name="Main",
            provider=number.provider,
            status=ConnectionStatus.ACTIVE,
            error=None,
            sealed=None,
            wrapped_key=None,
        )

    async def tell(
        self, record: ConnectionRecord, sender: str, remote: str, *, opted_out: bool
    ) -> bool | None:
        self.told.append((sender, remote, opted_out))
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def has(self, record: ConnectionRecord, sender: str, remote: str) -> bool | None:
        if self.away:
            raise CannotAsk("It is away.")
        return self.has_it


class CountingNudger(Nudger):
    """Remembers whom it told of what."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def tell(self, tenant_id: str, message_id: str, *, traceparent: str | None) -> None:
        assert traceparent == TRACE
        self.told.append(message_id)


@dataclass
class ConsentWorld:
    """What a test holds."""

    consents: KeptConsents = field(default_factory=KeptConsents)
    ledger: KeptLedger = field(default_factory=KeptLedger)
    numbers: KeptNumbers = field(default_factory=lambda: KeptNumbers(number(NUMBER)))
    lists: ScriptedLists = field(default_factory=ScriptedLists)
    nudger: CountingNudger = field(default_factory=CountingNudger)

    @property
    def desk(self) -> ConsentDesk:
        parts: dict[str, Any] = {
            "consents": self.consents,
            "ledger": self.ledger,
            "numbers": self.numbers,
            "lists": self.lists,
            "nudger": self.nudger,
        }
        return ConsentDesk(**parts, clock=lambda: NOW)
