"""Which numbers are ours, answered from memory, and how caches hear of changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from common.addresses import mask
from common.bus.messages import Delivery
from common.bus.topology import CHANGES_EXCHANGE, Binding, Queue
from common.snapshot import Snapshot
from common.store.ports import Directory
from common.store.records import RegisteredNumber


class NumberCache(Snapshot[RegisteredNumber]):
    """The connected numbers, by address in normal form. `more` are the arguments of a snapshot."""

    def __init__(self, directory: Directory, **more: Any):
        super().__init__(_Numbers(directory), what="numbers", shown=mask, **more)


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
