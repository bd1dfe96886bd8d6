"""What becomes of deliveries when a session is lost, and of calls that the broker cuts off."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import aiormq
import pytest
from aiormq.base import FutureStore

from heliograph import Turn, TurnMessage
from heliograph.inbox import Inbox
from heliograph.outcomes import Expectations
from heliograph.session import Disconnected, NotPermitted, within


class Delivered:
    """A delivery of a turn that notes its acknowledgement."""

    type = Turn.type
    traceparent = None

    def __init__(self, turn_id: str, remote: str = "+1"):
        message = TurnMessage(id="m", body="", at=datetime(2025, 3, 1, tzinfo=UTC))
        self.body = Turn(
            turn_id=turn_id,
            seq=1,
            tenant_id="acme",
            agent_id="desk",
            connection_id="c",
            number="+2",
            remote=remote,
            message=message,
        ).encode()
        self.acked = asyncio.Event()

    async def ack(self) -> None:
        self.acked.set()


class Desk:
    """An inbox whose handler waits for `go`."""

    def __init__(self, **options: Any):
        self.begun: list[str] = []
        self.go = asyncio.Event()
        settings: dict[str, Any] = {"concurrency": 4, "max_attempts": 3, "retry_delays": (0.0,)}
        self.inbox = Inbox(Expectations(), {Turn: self._handle}, **(settings | options))

    async def _handle(self, turn: Turn, _: str | None) -> None:
        self.begun.append(turn.turn_id)
        await self.go.wait()


async def test_a_turn_that_was_not_begun_when_the_session_was_lost_waits_for_its_redelivery() -> (
    None
):
    """Another process of the agent may get it instead."""
    desk = Desk()
    for turn_id in ("t1", "t2"):
        await desk.inbox.take(Delivered(turn_id))  # type: ignore[arg-type]  # stands for one
    await asyncio.sleep(0)
    desk.inbox.lost()
    again = Delivered("t1")
    await desk.inbox.take(again)  # type: ignore[arg-type]  # stands for one
    desk.go.set()
    async with asyncio.timeout(10):
        await again.acked.wait()
    last = Delivered("t3")
    await desk.inbox.take(last)  # type: ignore[arg-type]  # stands for one
    async with asyncio.timeout(10):
        await last.acked.wait()
    assert desk.begun == ["t1", "t3"]


async def test_a_handler_that_awaits_something_cancelled_has_failed_and_is_tried_again() -> None:
    attempts: list[str] = []

    async def handle(turn: Turn, _: str | None) -> None:
        attempts.append(turn.turn_id)
        if len(attempts) == 1:
            raise asyncio.CancelledError

    inbox = Inbox(
        Expectations(), {Turn: handle}, concurrency=1, max_attempts=3, retry_delays=(0.0,)
    )
    delivery = Delivered("t1")
    await inbox.take(delivery)  # type: ignore[arg-type]  # stands for one
    async with asyncio.timeout(10):
        await delivery.acked.wait()
    assert attempts == ["t1", "t1"]


async def test_a_call_that_the_lost_connection_cancels_is_a_fault_not_a_cancellation() -> None:
    async def cut_off() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Disconnected):
        await within(10, cut_off())


async def test_a_call_under_way_while_the_agent_itself_closes_is_a_lost_connection() -> None:
    calls = FutureStore(asyncio.get_running_loop())

    begun = asyncio.Event()

    async def waiting() -> None:
        call = calls.create_task(asyncio.Event().wait())
        begun.set()
        await call

    asked = asyncio.create_task(within(10, waiting()))
    await begun.wait()
    await calls.reject_all(None)
    with pytest.raises(Disconnected, match="closed"):
        await asked


async def test_a_mistake_in_our_own_code_is_not_taken_for_a_lost_connection() -> None:
    async def mistaken() -> None:
        raise LookupError("what is that")

    with pytest.raises(LookupError):
        await within(10, mistaken())


async def test_a_call_without_an_answer_ends_at_its_deadline() -> None:
    with pytest.raises(Disconnected, match="did not answer"):
        await within(0.01, asyncio.Event().wait())


async def test_a_caller_that_is_cancelled_is_cancelled() -> None:
    call = asyncio.create_task(within(10, asyncio.Event().wait()))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_refused_call_is_told_from_a_lost_one() -> None:
    async def refused() -> None:
        raise aiormq.ChannelAccessRefused("no")

    async def lost() -> None:
        raise aiormq.ChannelInvalidStateError("closed")

    with pytest.raises(NotPermitted):
        await within(10, refused())
    with pytest.raises(Disconnected):
        await within(10, lost())
