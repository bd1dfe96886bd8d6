"""What the bus does when RabbitMQ is stopped, killed, frozen, blocked or cut, each twice in a row.

One broker serves all tests of this file; each test puts it back as it was.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from common.bus.client import Bus
from common.bus.messages import BusUnavailable, Delivery
from common.bus.publisher import Publisher
from common.bus.topology import Binding, Queue
from common.bus.verdicts import Done, Verdict
from common.bus.work import Batches
from local.nodes import RabbitMQMissing, RabbitNode
from tests.conformance.bus_world import FANOUT, HOUSE, WORK, bodies, eventually, soon, text, texts
from tests.conftest import RABBITMQ_URL, skip_or_fail

PRIVATE = Queue("suite.late", {}, (Binding(FANOUT, ""),))
DEADLINE = 1.5
SLACK = 0.5
"""Seconds for a busy machine, on top of a deadline."""
RECOVERY = 45.0


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    node = RabbitNode(tmp_path_factory.mktemp("bus") / "rabbitmq")
    try:
        node.start()
    except RabbitMQMissing as error:
        skip_or_fail(RABBITMQ_URL, error)
    yield node
    node.kill()
    shutil.rmtree(node.base_dir)


@pytest.fixture
def node(shared_node: RabbitNode) -> Iterator[RabbitNode]:
    """The broker, running; put back for the next test whatever this one did."""
    yield shared_node
    shared_node.start()
    shared_node.thaw()


@pytest.fixture
async def bus(node: RabbitNode) -> AsyncIterator[Bus]:
    """A bus with the services' deadlines, on a virtual host of its own."""
    others = bus_tasks()
    name = f"faults_{secrets.token_hex(4)}"
    bus = Bus(node.add_vhost(name), app="faults", topology=HOUSE, publish_deadline=DEADLINE)
    bus.start()
    await soon(bus.ready())
    yield bus
    await soon(bus.close())
    assert bus_tasks() <= others


def bus_tasks() -> set[asyncio.Task[Any]]:
    """The supervisors of all buses of this session."""
    return {task for task in asyncio.all_tasks() if task.get_name() == "bus"}


async def recovered(bus: Bus, source: Any, message_id: str) -> None:
    """The bus publishes and consumes again, by itself and soon."""
    async with asyncio.timeout(RECOVERY):
        while await bus.publish_all([text(message_id)]) != [None]:  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.05)
        while True:
            delivery = await source.deliveries.get()
            await delivery.ack()
            if bodies([delivery]) == [message_id] and not delivery.stale:
                return


async def quick_failure(bus: Bus, seconds: float) -> None:
    began = time.monotonic()
    with pytest.raises(BusUnavailable):
        await bus.publish(text("lost"))
    assert time.monotonic() - began < seconds + SLACK


async def test_a_stopped_broker_is_told_at_once_and_its_return_is_noticed(
    node: RabbitNode, bus: Bus
) -> None:
    source = await bus.subscribe(WORK, prefetch=10)
    for turn in range(2):
        await asyncio.to_thread(node.stop)
        await eventually(lambda: bus.problem is not None)
        await quick_failure(bus, 0)
        with pytest.raises(BusUnavailable):
            await bus.declare(HOUSE)
        assert (bus.problem or "").startswith("RabbitMQ is away")
        late = Bus(str(bus._url), app="late", topology=HOUSE)
        late.start()
        unattended = await late.subscribe("suite.late", prefetch=10, private=PRIVATE)
        await eventually(lambda late=late: "Connect call failed" in (late.problem or ""))
        await asyncio.to_thread(node.start)
        await recovered(bus, source, f"m{turn}")
        assert bus.problem is None
        async with asyncio.timeout(RECOVERY):
            await late.ready()
        await bus.publish(text("late", exchange=FANOUT))
        assert bodies([await soon(unattended.deliveries.get())]) == ["late"]
        await late.close()


async def test_a_killed_broker_loses_nothing_that_it_confirmed(node: RabbitNode, bus: Bus) -> None:
    # Room for all that is published: nothing is acked, so no more than the prefetch is ever seen.
    source = await bus.subscribe(WORK, prefetch=2500)
    confirmed: set[str] = set()

    async def publish(number: int) -> None:
        batch = texts(20, f"{number}-")
        errors = await bus.publish_all(batch)
        pairs = zip(batch, errors, strict=True)
        confirmed.update(message.message_id for message, error in pairs if error is None)

    for turn in range(2):
        load = asyncio.gather(*(publish(turn * 50 + number) for number in range(50)))
        await asyncio.sleep(0)
        await asyncio.to_thread(node.kill)
        await soon(load)
        await asyncio.to_thread(node.start)
        await soon(bus.ready())
    seen: set[str] = set()
    async with asyncio.timeout(RECOVERY):
        while not confirmed <= seen:
            seen.update(bodies([await source.deliveries.get()]))


async def test_a_frozen_broker_ends_every_publish_within_the_deadline(
    node: RabbitNode, bus: Bus
) -> None:
    source = await bus.subscribe(WORK, prefetch=500)
    for turn in range(2):
        node.freeze()
        began = time.monotonic()
        large = b"x" * 50_000  # 10 MB in all: more than the sockets' buffers take.
        singles = [bus.publish(text(f"{turn}-{n}")) for n in range(200)]
        batches = [
            bus.publish_all([replace(message, body=large) for message in texts(20, f"{turn}-{n}-")])
            for n in range(10)
        ]
        results = await asyncio.gather(*singles, *batches, return_exceptions=True)
        assert time.monotonic() - began < DEADLINE + 1
        assert {type(result) for result in results[:200]} == {BusUnavailable}
        for errors in results[200:]:
            assert isinstance(errors, list)
            assert {type(error) for error in errors} == {BusUnavailable}
        node.thaw()
        await recovered(bus, source, f"after-{turn}")


async def test_a_broker_frozen_for_good_is_given_up_by_heartbeat(node: RabbitNode) -> None:
    bus = Bus(node.url, app="faults", topology=HOUSE, publish_deadline=DEADLINE, heartbeat=1)
    bus.start()
    await soon(bus.ready())
    source = await bus.subscribe(WORK, prefetch=10)
    node.freeze()
    waiting = asyncio.gather(*(bus.publish_all([m]) for m in texts(5)))
    await asyncio.wait_for(_lost(bus), RECOVERY)
    assert {type(error) for [error] in await waiting} == {BusUnavailable}
    await quick_failure(bus, 0)
    node.thaw()
    await recovered(bus, source, "after")
    await soon(bus.close())


async def test_a_memory_alarm_refuses_within_the_deadline_and_passes(
    node: RabbitNode, bus: Bus
) -> None:
    source = await bus.subscribe(WORK, prefetch=10)
    for turn in range(2):
        node.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.00001)")
        try:
            await eventually(lambda: node.evaluate("rabbit_alarm:get_alarms()") != "[]")
            await quick_failure(bus, DEADLINE)
            await quick_failure(bus, DEADLINE)
            assert bus.problem == "RabbitMQ takes no messages: it is short of memory or disk."
        finally:
            node.evaluate("vm_memory_monitor:set_vm_memory_high_watermark(0.4)")
        await recovered(bus, source, f"m{turn}")
        assert bus.problem is None


async def test_a_channel_closed_by_an_error_is_replaced(bus: Bus) -> None:
    source = await bus.subscribe(WORK, prefetch=10)
    for turn in range(2):
        with pytest.raises(BusUnavailable):
            await bus.publish(text("m", exchange="no.such.exchange"))
        await recovered(bus, source, f"m{turn}")
        await (await _held(bus, source))._channel.basic_ack(9999)  # PRECONDITION_FAILED.
        await recovered(bus, source, f"again-{turn}")


async def test_what_a_closed_channel_was_publishing_fails_at_once(
    node: RabbitNode, bus: Bus
) -> None:
    for _ in range(2):
        await soon(bus.ready())
        node.freeze()
        waiting = asyncio.gather(*(bus.publish_all([message]) for message in texts(5)))
        await asyncio.sleep(0.1)
        link: Any = bus._link
        began = time.monotonic()
        link._transport.connection._reader_task.cancel()
        assert {type(error) for [error] in await waiting} == {BusUnavailable}
        assert time.monotonic() - began < DEADLINE / 2
        node.thaw()
        await eventually(lambda link=link: bus._link not in (None, link))


async def test_a_message_with_unreadable_properties_arrives_and_ends_no_connection(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await bus.subscribe(WORK, prefetch=10)
    encode = Publisher._encode

    def spoil(self: Publisher, *args: Any) -> bytes:
        return encode(self, *args).replace(b"spoiled", b"sp\xff\xfe\xfded")

    monkeypatch.setattr(Publisher, "_encode", spoil)
    link = bus._link
    message = replace(text("m"), correlation_id="spoiled", reply_to="r", headers={"spoiled": 1})
    assert await bus.publish_all([message, text("next")]) == [None, None]
    odd, following = [await soon(source.deliveries.get()) for _ in range(2)]
    assert (odd.body, odd.message_id, odd.type, odd.reply_to) == (b"m", "m", "test", "r")
    assert (odd.correlation_id, dict(odd.headers)) == (None, {})
    assert odd.user_id == bus.user
    assert bodies([following]) == ["next"]
    assert bus._link is link


async def test_a_cancelled_publish_is_cancelled_and_leaves_nothing_behind(
    node: RabbitNode, bus: Bus
) -> None:
    node.freeze()
    task = asyncio.create_task(bus.publish(text("m")))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await bus.publish(text("m"))
    node.thaw()
    async with asyncio.timeout(RECOVERY):
        await bus.publish(text("m"))  # The same ID: it waits for what became of the first.
    publisher: Any = bus._link and bus._link._publisher
    await eventually(lambda: not publisher._in_flight)
    assert not publisher._channel.confirmations
    assert not publisher._channel.message_id_delivery_tag


async def test_a_wrong_password_is_a_problem_that_names_no_secret(node: RabbitNode) -> None:
    bus = Bus(f"amqp://nobody:s3cret@127.0.0.1:{node.port}/", app="faults")
    bus.start()
    await eventually(lambda: "not connected yet" not in (bus.problem or ""))
    assert "s3cret" not in (bus.problem or "")
    await soon(bus.close())


async def test_a_close_while_the_broker_is_frozen_ends_soon_and_leaves_no_task(
    node: RabbitNode,
) -> None:
    before = asyncio.all_tasks()
    bus = Bus(node.url, app="faults", topology=HOUSE)
    bus.start()
    await soon(bus.ready())
    node.freeze()
    began = time.monotonic()
    await bus.close()
    assert time.monotonic() - began < 5
    node.thaw()
    await eventually(lambda: asyncio.all_tasks() <= before)


async def test_what_was_acked_before_a_close_does_not_come_again(bus: Bus) -> None:
    number = 300
    source = await bus.subscribe(WORK, prefetch=number)
    await bus.publish_all(texts(number))
    held = [await soon(source.deliveries.get()) for _ in range(number)]
    for delivery in held:
        await delivery.ack()
    await source.cancel()
    url = str(bus._url)
    await bus.close()
    other = Bus(url, app="faults", topology=HOUSE)
    other.start()
    await soon(other.ready())
    again = await other.subscribe(WORK, prefetch=number)
    await other.publish(text("last"))
    assert bodies([await soon(again.deliveries.get())]) == ["last"]
    await other.close()


async def test_twenty_thousand_messages_leave_no_channel_and_no_memory_behind(
    node: RabbitNode, bus: Bus
) -> None:
    source = await bus.subscribe(WORK, prefetch=400)
    seen = 0

    async def handle(batch: Sequence[Delivery]) -> list[Verdict]:
        nonlocal seen
        seen += len(batch)
        return [Done()] * len(batch)

    worker = Batches(source, bus, handle)
    task = asyncio.create_task(worker.run())

    async def pass_through(number: int) -> tuple[str, int]:
        start = seen
        for place in range(number // 200):
            assert set(await bus.publish_all(texts(200, f"{place}-"))) == {None}
            if place % 10 == 0:
                await bus.declare(HOUSE)
        await eventually(lambda: seen == start + number)
        gc.collect()
        return _channels(node), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    channels, memory = await pass_through(4_000)
    assert await pass_through(20_000) == (channels, pytest.approx(memory, rel=0.1))
    await worker.drain()
    await soon(task)


def _channels(node: RabbitNode) -> str:
    return node.evaluate("length(rabbit_channel:list())")


async def _held(bus: Bus, source: Any) -> Any:
    await bus.publish(text("held"))
    return await soon(source.deliveries.get())


async def _lost(bus: Bus) -> None:
    while bus.problem is None:  # noqa: ASYNC110 - the bus announces no loss
        await asyncio.sleep(0.05)
