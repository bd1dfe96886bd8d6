"""A turn as an agent gets it, and the ways to hand it over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from pydantic import PrivateAttr

from heliograph.dedupe import Ordinals, reply_id
from heliograph.models import Outcome, Turn

Send = Callable[..., Awaitable[Any]]
"""`Agent.send`, with the traceparent of the turn."""


def _new_future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


class OpenTurn(Turn):
    """A turn that waits for its answer: the fields of `Turn`, and `reply`."""

    _send: Send = PrivateAttr()
    _ordinals: Ordinals = PrivateAttr(default_factory=Ordinals)

    def through(self, send: Send) -> Self:
        """Reply through `send`."""
        self._send = send
        return self

    def held(self) -> HeldTurn:
        """The same turn, for somebody who says when it is done."""
        return HeldTurn.model_construct(**dict(self)).through(self._send)

    async def reply(
        self,
        body: str,
        *,
        tag: str | None = None,
        expires_at: datetime | None = None,
        command_id: str | None = None,
        attempt: int | None = None,
    ) -> Outcome:
        """Send a text to the person who wrote this turn, and return what became of it.

        The command ID is `<turn_id>:<n>`, n counting the replies of this turn from 1, so that an
        agent that crashed and reads its turn again does not text twice. A reply that ended without
        an outcome does not count: the next one repeats its ID.

        Args:
            tag: comes back in the outcome's records; at most 200 characters.
            expires_at: not to be sent after this instant.
            command_id: instead of the derived one.
            attempt: the n of the derived one, instead of counting.

        Raises:
            OutcomeTimeout, CommandRefused, AgentNotAllowed, AgentStopped: see each.
        """
        ordinal = self._ordinals.take(attempt) if command_id is None else 0
        try:
            outcome: Outcome = await self._send(
                number=self.number,
                to=self.remote,
                body=body,
                command_id=command_id or reply_id(self.turn_id, ordinal),
                in_reply_to=self.turn_id,
                tag=tag,
                expires_at=expires_at,
            )
        except BaseException:
            self._ordinals.give_back(ordinal)
            raise
        return outcome


class TurnReleased(Exception):
    """The turn was not handled and goes back to the queue."""


class HeldTurn(OpenTurn):
    """A turn from `Agent.turns()`. It is acknowledged when the next one is asked for, by `done`, or
    at the end of an `async with turn:`, in which an exception ends the turn, not the loop: the turn
    is tried again later, and parked when its attempts are used up."""

    _settled: asyncio.Future[None] = PrivateAttr(default_factory=_new_future)

    async def done(self) -> None:
        """The turn is handled: acknowledge it. Doing it again changes nothing."""
        self.settle(None)

    async def settled(self) -> None:
        """Wait until the turn is settled; raises the error that it ended with."""
        await self._settled

    def settle(self, error: Exception | None) -> None:
        """End the turn, well or with an error; only the first word counts."""
        if self._settled.done():
            return
        if error is None:
            self._settled.set_result(None)
        else:
            self._settled.set_exception(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> bool:
        if error is None or isinstance(error, Exception):
            self.settle(error)
            return True
        self.settle(TurnReleased())
        return False


class HandOver:
    """A turn handler that hands turns to whoever iterates over them."""

    def __init__(self) -> None:
        self._offered: asyncio.Queue[HeldTurn | None] = asyncio.Queue()

    async def __call__(self, turn: OpenTurn) -> None:
        """Offer a turn and wait until it is settled."""
        held = turn.held()
        self._offered.put_nowait(held)
        await held.settled()

    async def take(self) -> HeldTurn | None:
        """The next turn, or None where there will be none."""
        turn = await self._offered.get()
        if turn is None:
            self._offered.put_nowait(None)
        return turn

    def close(self) -> None:
        """Hand over nothing more: what is offered and was not taken goes back to the queue."""
        while not self._offered.empty():
            turn = self._offered.get_nowait()
            if turn is not None:
                turn.settle(TurnReleased())
        self._offered.put_nowait(None)


class Turns(AsyncIterator[HeldTurn]):
    """One reader of an agent's turns. Ends when the agent stops.

    Args:
        begin: sees to it that turns come; raises what makes that impossible.
    """

    def __init__(self, begin: Callable[[], Awaitable[None]], hand_over: HandOver):
        self._begin = begin
        self._hand_over = hand_over
        self._held: HeldTurn | None = None

    async def __anext__(self) -> HeldTurn:
        self.leave(None)
        await self._begin()
        self._held = await self._hand_over.take()
        if self._held is None:
            await self._begin()
            raise StopAsyncIteration
        return self._held

    def leave(self, error: Exception | None) -> None:
        """Settle the turn in hand, if there is one."""
        if self._held is not None:
            self._held.settle(error)
            self._held = None
