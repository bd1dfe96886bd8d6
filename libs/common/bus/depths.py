"""How many messages lie in queues, asked of the broker without touching one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiormq.exceptions import ChannelNotFoundEntity
from yarl import URL

from common.bus.deadline import bounded
from common.bus.link import Link


class Depths:
    """Asks for the depth of queues, over a connection of its own for each look.

    Args:
        url: `amqp://` or `amqps://` URL.
        timeout: seconds for one look; a queue takes about a millisecond.
    """

    def __init__(self, url: str, *, app: str, timeout: float = 30.0):
        self._url = URL(url)
        self._app = app
        self._timeout = timeout

    async def of(self, queues: Iterable[str]) -> Mapping[str, int]:
        """How many messages are ready in each queue; those that do not exist are left out.

        Raises:
            BusUnavailable: the broker is away.
        """
        return await bounded(self._ask(list(queues)), self._timeout)

    async def _ask(self, queues: Iterable[str]) -> dict[str, int]:
        link = await Link.open(self._url, app=self._app)
        try:
            return await depths(link, queues)
        finally:
            await link.close()


async def depths(link: Link, queues: Iterable[str]) -> dict[str, int]:
    """How many messages are ready in each queue that exists."""
    found: dict[str, int] = {}
    channel: Any = None
    for queue in queues:
        if channel is None:
            channel = await link.side_channel()
        try:
            answer = await channel.queue_declare(queue, passive=True)
        except ChannelNotFoundEntity:
            channel = None  # It is closed with the answer.
        else:
            found[queue] = int(answer.message_count)
    return found
