"""The agent's way to RabbitMQ: a session that is built again, for ever, whenever it breaks."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote, urlsplit

from heliograph import wire
from heliograph.errors import AgentNotAllowed, AgentQueueMissing, AgentStopped, HeliographError
from heliograph.session import BrokerFault, NotPermitted, NotThere, Session, Take

log = logging.getLogger("heliograph")

PAUSES: Final = (0.1, 0.5, 1.0, 2.0)
"""Seconds between tries; the last one is repeated for ever."""

HEARTBEAT_SECONDS: Final = 10

REFUSALS: Final = 5
"""Refused log-ins in a row that end an agent which was connected before: a broker that restarts
may refuse everybody for a moment. At the first connection one is enough."""


CHECK_SECONDS = 10.0
"""How often the broker is asked whether it still knows the reader of the agent's queue."""


def pause_before(attempt: int) -> float:
    """Seconds to wait after the n-th failed try (from 1)."""
    return PAUSES[min(attempt, len(PAUSES)) - 1]


def user_of(url: str) -> str:
    """The broker user in an AMQP URL; `guest` where it names none (as RabbitMQ's URI spec)."""
    return unquote(urlsplit(url).username or "guest")


def _with_heartbeat(url: str) -> str:
    parts = urlsplit(url)
    if "heartbeat=" in parts.query:
        return url
    query = "&".join(filter(None, (parts.query, f"heartbeat={HEARTBEAT_SECONDS}")))
    return parts._replace(query=query).geturl()


class Connection:
    """Keeps a session alive.

    Args:
        on_message, on_reply: take what arrives on the agent's queue and on the reply queue.
        on_lost: told that all unsettled deliveries will come again.
        wait_for_queue: a missing queue is waited for, rather than an error at the first try.
    """

    def __init__(
        self,
        url: str,
        tenant_id: str,
        agent_id: str,
        *,
        prefetch: int,
        on_message: Take,
        on_reply: Take,
        on_lost: Callable[[], None],
        wait_for_queue: bool,
    ):
        self.user = user_of(url)
        self.queue = wire.agent_queue(tenant_id, agent_id)
        self._url = _with_heartbeat(url)
        self._names = (tenant_id, agent_id)
        self._prefetch = prefetch
        self._on_message = on_message
        self._on_reply = on_reply
        self._on_lost = on_lost
        self._patient = wait_for_queue
        self._session: Session | None = None
        self._changed = asyncio.Event()
        self._reading_wanted = False
        self._refusals = 0
        self.was_up = False
        self.fault: HeliographError | None = None

    async def session(self) -> Session:
        """The session, as soon as there is one.

        Raises:
            AgentNotAllowed, AgentQueueMissing: there will be none.
            AgentStopped: the connection is closed.
        """
        while self._session is None:
            if self.fault is not None:
                raise self.fault
            await self._changed.wait()
        return self._session

    async def read(self) -> None:
        """Read the agent's queue from now on, over all sessions."""
        self._reading_wanted = True
        session = self._session
        if session is not None:
            try:
                await session.read(self.queue, prefetch=self._prefetch, take=self._on_message)
            except BrokerFault:
                session.lose()

    async def stop_reading(self) -> None:
        """Take nothing more from the agent's queue."""
        self._reading_wanted = False
        if self._session is not None:
            await self._session.stop_reading()

    async def run(self) -> None:
        """Keep a session until cancelled.

        Raises:
            AgentNotAllowed, AgentQueueMissing: see there.
        """
        failures = 0
        try:
            while True:
                try:
                    await self._live()
                    failures = 0
                    log.warning("heliograph: the connection was lost, connecting again")
                except BrokerFault as error:
                    self._give_up_on(error)
                    failures += 1
                    log.warning("heliograph: not connected (%s), trying again", error)
                except AgentQueueMissing as error:
                    if not (self._patient or self.was_up):
                        raise
                    failures += 1
                    log.warning("heliograph: %s Waiting for it.", error)
                await asyncio.sleep(pause_before(max(failures, 1)))
        except HeliographError as error:
            self._end(error)
            raise
        finally:
            self._end(AgentStopped())

    def _end(self, fault: HeliographError) -> None:
        self.fault = self.fault or fault
        self._changed.set()

    def _give_up_on(self, error: BrokerFault) -> None:
        if not isinstance(error, NotPermitted):
            self._refusals = 0
            return
        self._refusals += 1
        if not self.was_up or self._refusals >= REFUSALS:
            raise AgentNotAllowed(f"user {self.user!r} on queue {self.queue}") from error

    async def _live(self) -> None:
        """One session from its beginning to its loss."""
        session = await Session.open(
            self._url,
            name=self.queue,
            reply_queue=wire.reply_queue(*self._names, secrets.token_hex(8)),
            on_reply=self._on_reply,
        )
        try:
            try:
                await session.check(self.queue)
            except NotThere as error:
                # RabbitMQ says NOT_FOUND also of a queue that has no leader at the moment.
                if "no queue" not in str(error):
                    raise
                raise AgentQueueMissing(self.queue) from None
            self._up(session)
            if self._reading_wanted:
                await session.read(self.queue, prefetch=self._prefetch, take=self._on_message)
            self._refusals = 0
            await self._watch(session)
        finally:
            session.lose()
            self._session = None
            if self.fault is None:
                self._changed.clear()
            self._on_lost()
            await session.close()

    async def _watch(self, session: Session) -> None:
        """Stay until the session is lost, and give it up where the broker has forgotten its reader
        without a word."""
        while not session.lost.done():
            await asyncio.wait({session.lost}, timeout=CHECK_SECONDS)
            reading = self._reading_wanted and not session.lost.done()
            if reading and not await session.is_heard(self.queue):
                log.warning("heliograph: %s is not being read, connecting again", self.queue)
                session.lose()

    def _up(self, session: Session) -> None:
        self._session = session
        self.was_up = True
        self._changed.set()
        log.info("heliograph: connected to %s", self.queue)
