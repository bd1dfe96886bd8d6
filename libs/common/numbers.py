"""Which numbers are ours, answered from memory, and how caches hear of changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from common.addresses import AddressKind, bare, kind_of, mask
from common.bus.messages import Delivery
from common.bus.topology import CHANGES_EXCHANGE, Binding, Queue
from common.errors import StoreUnavailable
from common.snapshot import Snapshot
from common.store.ports import Directory
from common.store.records import RegisteredNumber


class NumberCache(Snapshot[RegisteredNumber]):
    """The connected numbers, by address in normal form. `more` are the arguments of a snapshot."""

    def __init__(self, directory: Directory, **more: Any):
        super().__init__(_Numbers(directory), what="numbers", shown=mask, **more)
        self._short: Mapping[tuple[str, str], RegisteredNumber] = {}

    def _index(self, known: Mapping[str, RegisteredNumber]) -> None:
        self._short = {
            (number.tenant_id, bare(address)): number
            for address, number in known.items()
            if kind_of(address) is AddressKind.SHORT_CODE
        }

    async def find_for(self, tenant_id: str, address: str) -> RegisteredNumber | None:
        """A tenant's number as any of its providers writes it: one and the same short number has
        its country in front at LINK Mobility, and not at others.

        Raises:
            StoreUnavailable: as `find`.
        """
        number = await self.find(address)
        if number is not None and number.tenant_id == tenant_id:
            return number
        if bare(address).isdecimal() and (problem := self.problem) is not None:
            raise StoreUnavailable(problem)
        return self._short.get((tenant_id, bare(address)))


class _Numbers:
    """The directory as a source."""

    def __init__(self, directory: Directory):
        self._directory = directory

    async def all(self) -> Mapping[str, RegisteredNumber]:
        return {number.address: number for number in await self._directory.all_numbers()}

    async def find(self, key: str) -> RegisteredNumber | None:
        return await self._directory.find_number(key)


class Inbox(Protocol):
    """Where a subscription's messages arrive."""

    async def get(self) -> Delivery: ...


class Changes(Protocol):
    """A subscription to `changes_queue`."""

    @property
    def deliveries(self) -> Inbox: ...


def changes_queue(owner: str) -> Queue:
    """The private queue of one process that hears of every change. `owner` names the process."""
    return Queue(f"{owner}.changes", {}, (Binding(CHANGES_EXCHANGE, ""),))


async def follow(changes: Changes, *caches: Snapshot[Any]) -> None:
    """Tell caches of every change, for ever. What a change says does not matter: a snapshot is
    loaded whole, and a change missed while the broker was away is made up for by `refresh`."""
    while True:
        delivery = await changes.deliveries.get()
        for cache in caches:
            cache.changed()
        await delivery.ack()
