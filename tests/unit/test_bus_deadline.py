"""Calls into the AMQP library end in one kind of error, whichever way the library ends them."""

from __future__ import annotations

import asyncio

import pytest
from aio_pika.exceptions import AMQPConnectionError
from aiormq.base import FutureStore

from common.bus.deadline import bounded
from common.bus.messages import BusUnavailable


async def closed_with(reason: type[BaseException] | None) -> None:
    """One call in aiormq's own store, ended as the library ends it when a connection closes."""
    calls = FutureStore(asyncio.get_running_loop())

    begun = asyncio.Event()

    async def waiting() -> None:
        call = calls.create_task(asyncio.Event().wait())
        begun.set()
        await call

    asked = asyncio.create_task(bounded(waiting(), 10))
    await begun.wait()
    await calls.reject_all(reason)
    await asked


@pytest.mark.parametrize("reason", [None, asyncio.CancelledError, AMQPConnectionError])
async def test_a_call_under_way_while_the_connection_closes_says_that_the_broker_is_away(
    reason: type[BaseException] | None,
) -> None:
    with pytest.raises(BusUnavailable):
        await closed_with(reason)


async def test_a_call_without_an_answer_ends_at_its_deadline() -> None:
    with pytest.raises(BusUnavailable, match=r"within 0\.01 s"):
        await bounded(asyncio.Event().wait(), 0.01)


async def test_a_mistake_in_our_own_code_stays_what_it_is() -> None:
    async def mistaken() -> None:
        raise LookupError("what is that")

    with pytest.raises(LookupError):
        await bounded(mistaken(), 10)


async def test_a_caller_that_is_cancelled_is_cancelled() -> None:
    call = asyncio.create_task(bounded(asyncio.Event().wait(), 10))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
