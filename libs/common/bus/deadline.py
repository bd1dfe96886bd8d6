"""Calls into the AMQP library that always end, and end in one kind of error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from aio_pika.exceptions import CONNECTION_EXCEPTIONS, DeliveryError

from common.bus.messages import BusUnavailable

T = TypeVar("T")


async def bounded(work: Awaitable[T], seconds: float) -> T:
    """The result of a call, or `BusUnavailable` for whatever means that the broker is away.

    aiormq ends what waits on a lost connection with `CancelledError`. A cancellation that nobody
    asked of this task is such a loss; one that was asked for goes through. Where the connection was
    closed from this side, without a reason, it raises a bare `Exception`.

    Raises:
        BusUnavailable: the connection is lost, or `seconds` have passed.
        aio_pika.exceptions.DeliveryError: the broker returned or refused a message.
    """
    task = asyncio.current_task()
    asked_before = task.cancelling() if task else 0
    try:
        async with asyncio.timeout(seconds):
            return await work
    except DeliveryError:
        raise
    except TimeoutError:
        raise BusUnavailable(f"the broker did not answer within {seconds:g} s") from None
    except asyncio.CancelledError:
        if task is not None and task.cancelling() > asked_before:
            raise
        raise BusUnavailable("the connection was lost while waiting for the broker") from None
    except CONNECTION_EXCEPTIONS as error:
        raise BusUnavailable(say(error)) from None
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise BusUnavailable("the connection was closed while waiting for the broker") from None


def say(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
