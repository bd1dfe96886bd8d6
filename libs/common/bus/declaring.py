"""Declaring what must be on the broker one by one, so that each refusal has its name.

A service declares its topology as a whole and does not connect where the broker has something else
of that name. Here, before the services start, a person is told which it is, and what to do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aiormq.exceptions import (
    ChannelAccessRefused,
    ChannelClosed,
    ChannelNotFoundEntity,
    ChannelPreconditionFailed,
)
from yarl import URL

from common.bus.deadline import bounded
from common.bus.link import Link
from common.bus.messages import BusUnavailable
from common.bus.topology import Exchange, Queue, Topology

_CONNECT_SECONDS: Final = 10.0
_DECLARE_SECONDS: Final = 30.0
"""A quorum queue is declared on several nodes, some of which may be starting."""


class Cause(StrEnum):
    """Why a broker refuses a declaration."""

    OTHER_ARGUMENTS = "other arguments"
    """There is one of that name, made otherwise."""
    NO_RIGHT = "no right"
    NOT_FOUND = "not found"
    """What it is to be bound to is not there."""
    UNKNOWN = "unknown"


_CAUSES: Final = {
    ChannelPreconditionFailed: Cause.OTHER_ARGUMENTS,
    ChannelAccessRefused: Cause.NO_RIGHT,
    ChannelNotFoundEntity: Cause.NOT_FOUND,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the broker has against a declaration, in its words."""

    cause: Cause
    words: str


@dataclass(frozen=True, slots=True)
class Declared:
    """An exchange or a queue, and whether it was refused."""

    kind: str
    name: str
    refused: Refusal | None = None


async def declare_each(url: str, topology: Topology, *, app: str) -> AsyncIterator[Declared]:
    """Declare everything, whatever is refused on the way; again changes nothing.

    Raises:
        BusUnavailable: the broker is away, or goes away meanwhile.
    """
    link = await bounded(Link.open(URL(url), app=app), _CONNECT_SECONDS)
    try:
        for exchange in topology.exchanges:
            refused = await _refusal(link, Topology(exchanges=(exchange,)))
            yield Declared("exchange", exchange.name, refused)
        for queue in topology.queues:
            yield Declared("queue", queue.name, await _refusal(link, Topology(queues=(queue,))))
    finally:
        await link.close()


async def _refusal(link: Link, one: Topology) -> Refusal | None:
    async def declare() -> Refusal | None:
        # A refusal closes the channel, which is one of its own; a lost connection is another error.
        try:
            await link.declare(one)
        except ChannelClosed as error:
            return Refusal(_CAUSES.get(type(error), Cause.UNKNOWN), str(error))
        return None

    if link.lost.is_set():
        raise BusUnavailable("the connection was lost")
    return await bounded(declare(), _DECLARE_SECONDS)


def together(topologies: list[Topology]) -> Topology:
    """Several topologies as one, each exchange and each queue once."""
    exchanges: dict[str, Exchange] = {}
    queues: dict[str, Queue] = {}
    for topology in topologies:
        exchanges |= {exchange.name: exchange for exchange in topology.exchanges}
        queues |= {queue.name: queue for queue in topology.queues}
    return Topology(tuple(exchanges.values()), tuple(queues.values()))
