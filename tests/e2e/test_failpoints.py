"""A pulled plug between any two durable writes loses nothing and doubles nothing.

Each fail point is armed in turn. The process kills itself there (SIGKILL) while texts come in, and
either it is started again, or its other replica goes on alone.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from nonsense import nothing, unreadable_command, unreadable_event
from promises import check_promises
from scene import World
from witnesses import Fate

from common.failpoints import Failpoint
from local.house import CODE_OF_KILLED, Service

DIES_WITHIN: Final = 30.0
MORE_TEXTS: Final = 15
OTHER: Final = {"processor": "sender", "sender": "processor"}

FAULTS: Final[dict[Failpoint, dict[str, Any]]] = {
    # Longer than the sender waits in place, so that the command goes to a wait queue.
    Failpoint.SENDER_WAITING: {"throttle": {"retry_after": 3}},
    Failpoint.SENDER_MOVED: {"throttle": {"retry_after": 3}},
}
"""What the provider does meanwhile, where a point is on no ordinary text's way."""

NONSENSE: Final[dict[Failpoint, Callable[[World], Awaitable[None]]]] = {
    Failpoint.PROCESSOR_MOVED: unreadable_event,
    Failpoint.SENDER_REFUSED: unreadable_command,
}
"""What comes among the texts, where a point is on the way of bad messages only."""


ELSEWHERE: Final = {point for point in Failpoint if point.startswith("health.")}
"""On no text's way; the tests of the rotation and of the dead-letter desk kill there."""

POINTS: Final = [point for point in Failpoint if point not in ELSEWHERE]


def service_of(point: Failpoint) -> str:
    """The service that passes a fail point."""
    return point.value.partition(".")[0]


def test_every_fail_point_is_of_a_service_that_these_tests_kill() -> None:
    assert {service_of(point) for point in POINTS} == OTHER.keys()


@pytest.mark.parametrize("point", POINTS)
async def test_a_process_killed_at_this_point_goes_on_where_it_stopped(
    world: World, point: Failpoint
) -> None:
    armed = world.service(service_of(point))
    await armed.stop()
    armed.start(failpoint=point)
    await asyncio.gather(world.ensure("webhook", *OTHER), armed.ready())
    await send_texts_until_it_dies(world, armed, point)
    armed.start()
    await armed.ready()
    await check_promises(world)


@pytest.mark.parametrize("point", POINTS)
async def test_another_replica_takes_over_from_one_killed_at_this_point(
    world: World, point: Failpoint
) -> None:
    armed = world.house.replica(service_of(point))
    armed.start(failpoint=point)
    await asyncio.gather(world.ensure("webhook", *OTHER), armed.ready())
    await send_texts_until_it_dies(world, armed, point)
    await check_promises(world)


async def send_texts_until_it_dies(world: World, armed: Service, point: Failpoint) -> None:
    """A few texts at once, some in two or three copies, two of one conversation, an opt-in and an
    opt-out among them; then single ones, should the other replica have taken all of those."""
    fate = Fate.HELD if point is Failpoint.SENDER_HELD else Fate.ANSWERED
    await world.gate(on=fate is Fate.ANSWERED)
    for name, parameters in FAULTS.get(point, {}).items():
        world.simulator.fault(name, **parameters)
    say_nonsense = NONSENSE.get(point, nothing)
    phone = world.new_phone()
    await asyncio.gather(
        world.text(phone=phone, fate=fate),
        world.text(phone=phone, fate=fate),
        world.text(copies=3, fate=fate),
        world.text("START", copies=2, fate=fate),
        world.text("STOP", copies=2, fate=Fate.SILENT),
        say_nonsense(world),
    )
    for _ in range(MORE_TEXTS):
        with contextlib.suppress(TimeoutError):
            await armed.gone(DIES_WITHIN / MORE_TEXTS)
            break
        await asyncio.gather(world.text(fate=fate), say_nonsense(world))
    assert armed.exit_code == CODE_OF_KILLED
    world.simulator.clear_faults()
