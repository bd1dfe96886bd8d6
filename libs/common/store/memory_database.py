"""The database of the store in memory: collections as plain dicts of documents by ID."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeAlias

from common.errors import StoreUnavailable
from common.store.clock import Clock, milliseconds, utc_now

Document: TypeAlias = dict[str, Any]
Documents: TypeAlias = dict[str, Document]


class Memory:
    """What the classes in memory share. While `away` is set, each of their methods raises
    `StoreUnavailable`, as without a primary."""

    def __init__(self, *, clock: Clock = utc_now):
        self.away = False
        self._clock = clock
        self._seq = 0
        self._collections: dict[str, Documents] = {}

    def require(self) -> None:
        """Raise `StoreUnavailable` while away."""
        if self.away:
            raise StoreUnavailable("The store in memory was told to be away.")

    def now(self) -> datetime:
        """The instant, to the millisecond."""
        self.require()
        return milliseconds(self._clock())

    def next_seq(self) -> int:
        """The next number in the order of texts."""
        self._seq += 1
        return self._seq

    @property
    def messages(self) -> Documents:
        return self._collection("messages")

    @property
    def consents(self) -> Documents:
        return self._collection("consents")

    @property
    def tenants(self) -> Documents:
        return self._collection("tenants")

    @property
    def agents(self) -> Documents:
        return self._collection("agents")

    @property
    def connections(self) -> Documents:
        return self._collection("connections")

    @property
    def numbers(self) -> Documents:
        return self._collection("numbers")

    @property
    def leases(self) -> Documents:
        return self._collection("leases")

    @property
    def consent_ledger(self) -> Documents:
        return self._collection("consent_ledger")

    @property
    def conversation_holds(self) -> Documents:
        return self._collection("conversation_holds")

    @property
    def limits(self) -> Documents:
        return self._collection("limits")

    @property
    def switches(self) -> Documents:
        return self._collection("switches")

    def _collection(self, name: str) -> Documents:
        self.require()
        return self._collections.setdefault(name, {})
