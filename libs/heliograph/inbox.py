"""What arrives on an agent's queue, and what becomes of each message.

A message is acknowledged when its handler has finished. Until then its work may be run again (the
handler raised), or its delivery may come again (the session was lost, or somebody published it
twice): such a delivery joins the work in hand instead of starting another.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from heliograph.connection import Connection
from heliograph.dedupe import Recent
from heliograph.lanes import Lanes
from heliograph.models import Outcome, Report, Turn, UnreadableMessage, Wire
from heliograph.outcomes import Expectations, outcome_identity
from heliograph.parking import Reason, blame, park, where
from heliograph.session import Delivery
from heliograph.turns import TurnReleased

log = logging.getLogger("heliograph")

Handle = Callable[[Any, str | None], Awaitable[None]]
"""Handles a message; the second argument is its traceparent."""

READS: Final[dict[str, type[Wire]]] = {model.type: model for model in (Turn, Outcome, Report)}

PARK_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as read, what makes it the same as another, and what must stay in order with it."""

    model: Wire
    identity: Hashable
    lane: Hashable


def letter_of(model: Wire) -> Letter:
    """Address a message."""
    match model:
        case Turn():
            return Letter(model, (Turn, model.turn_id), (Turn, model.number, model.remote))
        case Outcome():
            return Letter(model, (Outcome, *outcome_identity(model)), (Wire, model.command_id))
        case Report():
            identity = (Report, model.message_id, model.status, model.code)
            return Letter(model, identity, (Wire, model.command_id))
    raise TypeError(type(model).__name__)


@dataclass(eq=False, slots=True)
class Task:
    """The work that a message makes, with every delivery of it that is not settled."""

    inbox: Inbox
    deliveries: list[Delivery]
    letter: Letter | None = None
    reason: Reason | None = None
    attempts: int = field(default=0, init=False)

    async def run(self) -> float | None:
        """Handle the message once. See `lanes.Work`."""
        return await self.inbox.work_on(self)


class Inbox:
    """Reads an agent's queue.

    Args:
        handlers: by kind of message; what has none is acknowledged and dropped.
        retry_delays: seconds before each further attempt, the last repeated.
    """

    def __init__(
        self,
        expectations: Expectations,
        handlers: dict[type[Wire], Handle],
        *,
        concurrency: int,
        max_attempts: int,
        retry_delays: Sequence[float],
    ):
        self.connection: Connection | None = None
        self._expectations = expectations
        self._handlers = handlers
        self._max_attempts = max_attempts
        self._retry_delays = retry_delays
        self._handled = Recent()
        self._in_hand: dict[Hashable, Task] = {}
        # News must not wait behind turns: an iterating agent may hold all of their places.
        self._turns: Lanes[Task] = Lanes(concurrency)
        self._news: Lanes[Task] = Lanes(concurrency)
        self._closed = False

    async def take_reply(self, delivery: Delivery) -> None:
        """Take an outcome from the reply queue, which needs no settling."""
        try:
            self._expectations.settle(Outcome.decode(delivery.body))
        except UnreadableMessage as error:
            log.warning("heliograph: a reply is unreadable (%s)", error.code)

    async def take(self, delivery: Delivery) -> None:
        """Take a message from the agent's queue. Nothing is awaited before its place in the order
        is fixed."""
        if self._closed:
            return
        try:
            letter = letter_of(_read(delivery))
        except UnreadableMessage as error:
            reason = Reason(error.code, str(error))
            log.warning("heliograph: a message is unreadable and is parked (%s)", error.code)
            self._news.put(object(), Task(self, [delivery], reason=reason))
            return
        if self._needs_nothing(letter):
            await delivery.ack()
        elif (task := self._in_hand.get(letter.identity)) is not None:
            task.deliveries.append(delivery)
        else:
            task = self._in_hand[letter.identity] = Task(self, [delivery], letter)
            lanes = self._turns if isinstance(letter.model, Turn) else self._news
            lanes.put(letter.lane, task)

    def lost(self) -> None:
        """All unsettled deliveries will come again, in order: let go of what was not begun."""
        for lanes in (self._turns, self._news):
            for task in lanes.forget_waiting():
                self._forget(task)

    def close(self) -> None:
        """Take and begin nothing more."""
        self._closed = True
        self._turns.close()
        self._news.close()

    async def drain(self, grace: float) -> bool:
        """Finish what is in hand, after `close`; tells whether it finished in time."""
        return all(await asyncio.gather(self._turns.drain(grace), self._news.drain(grace)))

    async def work_on(self, task: Task) -> float | None:
        """One run of a task, and what follows from how it ends."""
        if task.letter is not None and task.reason is None:
            again = await self._attempt(task, task.letter)
            if task.reason is None:
                return again
        return await self._park(task)

    def _needs_nothing(self, letter: Letter) -> bool:
        if isinstance(letter.model, Outcome) and self._expectations.settle(letter.model):
            return True
        return type(letter.model) not in self._handlers or letter.identity in self._handled

    async def _attempt(self, task: Task, letter: Letter) -> float | None:
        """Run the handler. Seconds: again after them. Otherwise it is over, one way or another."""
        task.attempts += 1
        try:
            error = await self._handle(letter.model, task.deliveries[-1].traceparent)
        except TurnReleased:
            self._forget(task)
            return None
        if error is None:
            self._handled.add(letter.identity)
            await self._finish(task)
            return None
        log.warning(
            "heliograph: the handler of %s failed, attempt %d of %d: %s",
            letter.model.type,
            task.attempts,
            self._max_attempts,
            where(error),
        )
        if task.attempts < self._max_attempts:
            return self._retry_delays[min(task.attempts, len(self._retry_delays)) - 1]
        task.reason = blame(error, task.attempts)
        return None

    async def _park(self, task: Task) -> float | None:
        if task.reason is None or self.connection is None:
            return None
        settling, task.deliveries = task.deliveries, []
        if await park(self.connection, settling, task.reason):
            await self._finish(task)
            return None
        task.deliveries = settling + task.deliveries
        return PARK_AGAIN_SECONDS

    async def _handle(self, model: Wire, traceparent: str | None) -> BaseException | None:
        try:
            await self._handlers[type(model)](model, traceparent)
        except TurnReleased:
            raise
        except asyncio.CancelledError as error:
            # A handler that awaited something cancelled has failed; a stop that cancels it has not.
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return error
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the handler's fault
            return error
        return None

    async def _finish(self, task: Task) -> None:
        """Let go of a task, then acknowledge every delivery of it that has come so far."""
        self._forget(task)
        for delivery in task.deliveries:
            await delivery.ack()

    def _forget(self, task: Task) -> None:
        if task.letter is not None:
            self._in_hand.pop(task.letter.identity, None)


def _read(delivery: Delivery) -> Wire:
    model = READS.get(delivery.type)
    if model is None:
        raise UnreadableMessage("wrong_shape", "The message is of a type that agents do not get.")
    return model.decode(delivery.body)
