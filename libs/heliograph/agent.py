"""The agent client: turns in, texts out, outcomes back.

See `docs/agents.md` for how to write an agent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import signal
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Final, Self, TypeVar, overload

from heliograph import wire
from heliograph.commands import Commands, command_of
from heliograph.connection import Connection
from heliograph.errors import AgentNotAllowed, AgentStopped, WrongUse
from heliograph.inbox import Handle, Inbox
from heliograph.models import Outcome, Report, Turn, Wire
from heliograph.outcomes import Expectations
from heliograph.turns import HandOver, OpenTurn, Turns

log = logging.getLogger("heliograph")

RETRY_DELAYS: Final = (1.0, 5.0, 30.0)
"""Seconds before the second, third and each further attempt to handle a message."""

TurnHandler = TypeVar("TurnHandler", bound=Callable[[OpenTurn], Awaitable[None]])
OutcomeHandler = TypeVar("OutcomeHandler", bound=Callable[[Outcome], Awaitable[None]])
ReportHandler = TypeVar("ReportHandler", bound=Callable[[Report], Awaitable[None]])


class Agent:
    """An agent's connection to Heliograph. It has one life: build another one to start again.

    Args:
        url: `amqp://` or `amqps://` URL with the agent's own broker user.
        tenant_id, agent_id: which agent this is; its queue follows from them.
        concurrency: conversations worked on at the same time; one conversation is one at a time.
        prefetch: messages held in memory at most.
        max_attempts: how often a handler may fail on one message before the message is parked.
        retry_delays: seconds before the second, third, … attempt; the last is repeated.
        outcome_timeout: seconds that a send waits for its outcome.
        grace: seconds that a stop waits for handlers at work.

    Raises:
        WrongUse: tenant_id or agent_id cannot be one.
    """

    def __init__(
        self,
        url: str,
        *,
        tenant_id: str,
        agent_id: str,
        concurrency: int = 16,
        prefetch: int = 64,
        max_attempts: int = 3,
        retry_delays: Sequence[float] = RETRY_DELAYS,
        outcome_timeout: float = 30.0,
        grace: float = 25.0,
    ):
        for name, value in (("tenant_id", tenant_id), ("agent_id", agent_id)):
            if not re.fullmatch(wire.SLUG_PATTERN, value):
                raise WrongUse(f"{name} must be lower-case letters, digits, '_' and '-', up to 64.")
        self._url = url
        self._names = (tenant_id, agent_id)
        self._prefetch = prefetch
        self._outcome_timeout = outcome_timeout
        self._grace = grace
        self._handlers: dict[type[Wire], Handle] = {}
        self._expectations = Expectations()
        self._inbox = Inbox(
            self._expectations,
            self._handlers,
            concurrency=concurrency,
            max_attempts=max_attempts,
            retry_delays=retry_delays,
        )
        self._hand_over: HandOver | None = None
        self._readers: list[Turns] = []
        self._stopping = asyncio.Event()
        self._connection: Connection | None = None
        self._commands: Commands | None = None
        self._supervisor: asyncio.Task[None] | None = None

    def on_turn(self, handler: TurnHandler) -> TurnHandler:
        """Handle turns. A turn is acknowledged when the handler returns; when it raises, the turn
        is tried again later, and parked when its attempts are used up."""

        async def handle(turn: Turn, traceparent: str | None) -> None:
            await handler(self._opened(turn, traceparent))

        self._handlers[Turn] = handle
        return handler

    def on_outcome(self, handler: OutcomeHandler) -> OutcomeHandler:
        """Handle outcomes that no `reply` or `send` was waiting for: late ones, and those that
        follow an approval."""
        self._handlers[Outcome] = lambda outcome, _: handler(outcome)
        return handler

    def on_report(self, handler: ReportHandler) -> ReportHandler:
        """Handle delivery reports."""
        self._handlers[Report] = lambda report, _: handler(report)
        return handler

    def turns(self) -> Turns:
        """Iterate over turns instead of handling them with `on_turn`. Each iterator has one turn in
        hand at a time; several may run side by side."""
        if self._hand_over is None:
            if Turn in self._handlers:
                raise WrongUse("Use either @agent.on_turn or agent.turns(), not both.")
            self._hand_over = HandOver()
            self.on_turn(self._hand_over)
        reader = Turns(self._begin_reading, self._hand_over)
        self._readers.append(reader)
        return reader

    @overload
    async def send(
        self,
        *,
        number: str,
        to: str,
        body: str,
        command_id: str,
        in_reply_to: str | None = None,
        tag: str | None = None,
        expires_at: datetime | None = None,
        traceparent: str | None = None,
    ) -> Outcome: ...

    @overload
    async def send(
        self,
        *,
        number: str,
        to: list[str] | tuple[str, ...],
        body: str,
        command_id: str,
        in_reply_to: str | None = None,
        tag: str | None = None,
        expires_at: datetime | None = None,
        traceparent: str | None = None,
    ) -> list[Outcome]: ...

    async def send(
        self,
        *,
        number: str,
        to: str | list[str] | tuple[str, ...],
        body: str,
        command_id: str,
        in_reply_to: str | None = None,
        tag: str | None = None,
        expires_at: datetime | None = None,
        traceparent: str | None = None,
    ) -> Outcome | list[Outcome]:
        """Send a text that answers no turn, and return what became of it: one outcome, or for a
        list of recipients a list of them in the same order.

        Args:
            command_id: names this text for ever: sending it again with the same ID does nothing
                but return its outcome. Derive it from what the text is about.
            traceparent: W3C trace context that the text belongs to.

        Raises:
            OutcomeTimeout, CommandRefused, AgentNotAllowed, AgentStopped: see each.
        """
        if self._commands is None:
            raise AgentStopped
        tenant_id, agent_id = self._names
        command = command_of(
            tenant_id=tenant_id,
            agent_id=agent_id,
            number=number,
            to=to,
            body=body,
            command_id=command_id,
            in_reply_to=in_reply_to,
            tag=tag,
            expires_at=expires_at,
        )
        outcomes = await self._commands.carry(command, traceparent)
        return outcomes[0] if isinstance(to, str) else list(outcomes)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT; a missing queue is waited for. Ends the process with one
        sentence where the broker refuses the agent."""
        try:
            asyncio.run(self._run())
        except AgentNotAllowed as error:
            raise SystemExit(f"heliograph: {error}") from None

    async def serve(self, *, wait_for_queue: bool = False) -> None:
        """Handle turns with `on_turn` until `stop`, then finish what is in hand.

        Raises:
            AgentNotAllowed: the broker refuses the agent.
            AgentQueueMissing: the queue does not exist at the start, and is not waited for.
            WrongUse: there is no handler for turns.
        """
        if Turn not in self._handlers:
            raise WrongUse("Nobody handles turns: write a function with @agent.on_turn.")
        supervisor = self._start(wait_for_queue=wait_for_queue)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await self._begin_reading()
            await asyncio.wait({supervisor, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            await self._shut_down()
        if supervisor.done() and not supervisor.cancelled():
            supervisor.result()

    async def stop(self) -> None:
        """Take no more turns. Returns at once; `serve` (or the end of `async with`) finishes what
        is in hand and closes."""
        self._stopping.set()
        self._take_no_more()
        if self._connection is not None:
            await self._connection.stop_reading()

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            AgentNotAllowed, AgentQueueMissing: see `serve`.
        """
        self._start(wait_for_queue=False)
        try:
            if self._connection is not None:
                await self._connection.session()
            if Turn in self._handlers:
                await self._begin_reading()
        except BaseException:
            await self._shut_down()
            raise
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Acknowledge the turn in hand (unless there was an exception), finish, and close."""
        if error is None:
            for reader in self._readers:
                reader.leave(None)
        await self._shut_down(self._grace if error is None else 0.0)

    def _opened(self, turn: Turn, traceparent: str | None) -> OpenTurn:
        send = partial(self.send, traceparent=traceparent)
        return OpenTurn.model_construct(**dict(turn)).through(send)

    def _start(self, *, wait_for_queue: bool) -> asyncio.Task[None]:
        if self._connection is not None:
            raise WrongUse("This agent was started before: build another one.")
        self._connection = self._inbox.connection = Connection(
            self._url,
            *self._names,
            prefetch=self._prefetch,
            on_message=self._inbox.take,
            on_reply=self._inbox.take_reply,
            on_lost=self._inbox.lost,
            wait_for_queue=wait_for_queue,
        )
        self._commands = Commands(
            self._connection, self._expectations, outcome_timeout=self._outcome_timeout
        )
        self._supervisor = asyncio.create_task(self._connection.run(), name="heliograph")
        self._supervisor.add_done_callback(self._ended)
        return self._supervisor

    def _ended(self, supervisor: asyncio.Task[None]) -> None:
        if not supervisor.cancelled():
            supervisor.exception()
        self._take_no_more()

    def _take_no_more(self) -> None:
        self._inbox.close()
        if self._hand_over is not None:
            self._hand_over.close()

    async def _begin_reading(self) -> None:
        """Read the agent's queue from now on. Raises what ended the connection, if it has ended."""
        if self._connection is None:
            raise AgentStopped
        if self._stopping.is_set():
            return
        if self._connection.fault is not None:
            raise self._connection.fault
        await self._connection.read()

    async def _shut_down(self, grace: float | None = None) -> None:
        await self.stop()
        if not await self._inbox.drain(self._grace if grace is None else grace):
            log.warning("heliograph: stopped before every turn in hand was handled")
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with contextlib.suppress(NotImplementedError):
                loop.add_signal_handler(number, self._stopping.set)
        await self.serve(wait_for_queue=True)
