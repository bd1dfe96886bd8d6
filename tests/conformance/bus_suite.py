"""What a bus promises, whichever broker carries it: publishing, routing, holding, redelivering."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from common.bus.messages import PublishRefused, Unroutable, waited
from common.bus.topology import Binding, Queue, Topology
from heliograph import wire
from tests.conformance.bus_world import (
    EXCHANGES,
    FANOUT,
    TOPIC,
    WORK,
    World,
    bodies,
    next_of,
    published,
    soon,
    take,
    text,
    texts,
)

QUORUM = {"x-queue-type": "quorum", "x-overflow": "reject-publish"}
SMALL = Queue(WORK, QUORUM, (Binding(TOPIC, "work.*"),))
ONE = Topology(EXCHANGES, (SMALL,))


class BusSuite:
    """Inherited by the tests of each broker, which give the fixture `world`."""

    async def test_a_message_arrives_as_it_was_published(self, world: World) -> None:
        bus = await world.bus(ONE)
        source = await bus.subscribe(WORK, prefetch=10)
        headers = {"traceparent": "00-1-2-03", "number": 7, "flag": True, "nested": {"a": [1, "b"]}}
        sent = replace(
            text("m1"), body=b"\x00\xff{}", headers=headers, correlation_id="c", reply_to="r"
        )
        await bus.publish(sent)
        got = await next_of(source)
        assert (got.body, got.type, got.message_id) == (sent.body, "test", "m1")
        seconds = waited(got, time.time())
        assert seconds is not None
        assert 0 <= seconds < 30
        assert dict(got.headers) == headers | {
            wire.HEADER_PUBLISHED: got.headers[wire.HEADER_PUBLISHED]
        }
        assert (got.correlation_id, got.reply_to) == ("c", "r")
        assert (got.queue, got.routing_key) == (WORK, "work.now")
        assert got.user_id == bus.user
        assert not got.redelivered
        assert not got.stale

    async def test_a_body_larger_than_a_frame_arrives_whole(self, world: World) -> None:
        bus = await world.bus(ONE)
        source = await bus.subscribe(WORK, prefetch=10)
        large = bytes(range(256)) * 2000
        empty = replace(text("empty"), body=b"")
        assert await bus.publish_all([replace(text("large"), body=large), empty]) == [None, None]
        assert [d.body for d in await take(source, 2)] == [large, b""]

    async def test_a_message_without_an_id_is_published(self, world: World) -> None:
        bus = await world.bus(ONE)
        await bus.publish(replace(text("x"), message_id=""))

    @pytest.mark.parametrize(
        ("pattern", "key", "passes"),
        [
            ("a.b", "a.b", True),
            ("a.*", "a.b", True),
            ("a.*", "a", False),
            ("a.*", "a.b.c", False),
            ("*.*.send", "t.agent.send", True),
            ("*.*.send", "t.agent.turn", False),
            ("#", "a.b.c", True),
            ("a.#", "a", True),
            ("a.#.z", "a.b.c.z", True),
            ("a.#.z", "a.b.c", False),
        ],
    )
    async def test_a_topic_exchange_passes_what_a_binding_asks_for(
        self, world: World, pattern: str, key: str, *, passes: bool
    ) -> None:
        queue = Queue(WORK, QUORUM, (Binding(TOPIC, pattern),))
        bus = await world.bus(Topology(EXCHANGES, (queue,)))
        [error] = await bus.publish_all([text("m", key=key)])
        assert (error is None) is passes
        assert passes or isinstance(error, Unroutable)

    async def test_a_fanout_exchange_reaches_every_queue(self, world: World) -> None:
        queues = tuple(Queue(name, QUORUM, (Binding(FANOUT, ""),)) for name in ("f.1", "f.2"))
        bus = await world.bus(Topology(EXCHANGES, queues))
        await bus.publish(text("m", exchange=FANOUT, key="whatever"))
        for queue in queues:
            assert bodies([await next_of(await bus.subscribe(queue.name, prefetch=1))]) == ["m"]

    async def test_the_default_exchange_reaches_the_queue_of_that_name(self, world: World) -> None:
        bus = await world.bus(ONE)
        await bus.publish(text("m", exchange="", key=WORK))
        with pytest.raises(Unroutable):
            await bus.publish(text("m", exchange="", key="no.such.queue"))
        assert bodies([await next_of(await bus.subscribe(WORK, prefetch=1))]) == ["m"]

    async def test_an_unroutable_message_harms_none_of_its_batch(self, world: World) -> None:
        bus = await world.bus(ONE)
        batch = [text("m0"), text("lost", key="nobody"), text("m2")]
        errors = await bus.publish_all(batch)
        assert [type(error) for error in errors] == [type(None), Unroutable, type(None)]
        assert bodies(await take(await bus.subscribe(WORK, prefetch=9), 2)) == ["m0", "m2"]

    async def test_of_two_messages_with_one_id_each_gets_its_own_result(self, world: World) -> None:
        bus = await world.bus(ONE)
        batch = [text("m", key="nobody"), text("m"), text("m", key="nobody"), text("m")]
        first, *others = await asyncio.gather(*(bus.publish_all(batch) for _ in range(5)))
        assert [type(error) for error in first] == [Unroutable, type(None)] * 2
        assert [[type(e) for e in errors] for errors in others] == [[type(e) for e in first]] * 4

    async def test_a_full_queue_refuses_and_takes_again_when_it_is_read(self, world: World) -> None:
        full = Queue(WORK, {**QUORUM, "x-max-length": 3}, (Binding(TOPIC, "work.*"),))
        bus = await world.bus(Topology(EXCHANGES, (full,)))
        stored = 0
        while (error := (await bus.publish_all([text("m")]))[0]) is None and stored < 50:
            stored += 1
        assert isinstance(error, PublishRefused)
        source = await bus.subscribe(WORK, prefetch=100)
        held = await take(source, stored)
        await held[-1].ack(multiple=True)
        await published(bus, text("again"))
        assert bodies([await next_of(source)]) == ["again"]

    async def test_no_more_than_the_prefetch_is_in_hand(self, world: World) -> None:
        bus = await world.bus(ONE)
        await bus.publish_all(texts(5))
        source = await bus.subscribe(WORK, prefetch=3)
        held = await take(source, 3)
        assert await world.stays_empty(source)
        await held[0].ack()
        assert bodies([await next_of(source)]) == ["m3"]
        assert await world.stays_empty(source)

    async def test_a_multiple_ack_settles_all_before_it_and_none_after(self, world: World) -> None:
        bus = await world.bus(ONE)
        await bus.publish_all(texts(4))
        held = await take(await bus.subscribe(WORK, prefetch=10), 4)
        await held[2].ack(multiple=True)
        await bus.close()
        again = await (await world.bus(ONE)).subscribe(WORK, prefetch=10)
        assert bodies([await next_of(again)]) == ["m3"]
        assert await world.stays_empty(again)

    async def test_what_is_requeued_comes_again_at_once(self, world: World) -> None:
        bus = await world.bus(ONE)
        source = await bus.subscribe(WORK, prefetch=1)
        await bus.publish(text("m"))
        await (await next_of(source)).requeue()
        again = await next_of(source)
        assert (bodies([again]), again.redelivered) == (["m"], True)

    async def test_after_a_cut_the_unsettled_come_again_and_old_acks_do_nothing(
        self, world: World
    ) -> None:
        bus = await world.bus(ONE)
        await bus.publish_all(texts(4))
        source = await bus.subscribe(WORK, prefetch=10)
        held = await take(source, 3)  # m3 stays in the local queue.
        await held[0].ack()
        await world.cut()
        again = await take(source, 3)
        assert sorted(bodies(again)) == ["m1", "m2", "m3"]
        assert all(delivery.stale for delivery in held)
        assert not any(delivery.stale for delivery in again)
        await held[2].ack(multiple=True)
        await held[1].requeue()
        await world.cut()
        assert sorted(bodies(await take(source, 3))) == ["m1", "m2", "m3"]

    async def test_a_cancelled_subscription_takes_nothing_more_but_settles(
        self, world: World
    ) -> None:
        bus = await world.bus(ONE)
        await bus.publish(text("m0"))
        source = await bus.subscribe(WORK, prefetch=10)
        held = await next_of(source)
        await source.cancel()
        await bus.publish(text("m1"))
        assert await world.stays_empty(source)
        await held.ack()
        await world.cut()
        await soon(bus.ready())
        other = await bus.subscribe(WORK, prefetch=10)
        assert bodies([await next_of(other)]) == ["m1"]
        assert source.deliveries.empty()

    async def test_two_readers_share_a_queue(self, world: World) -> None:
        bus = await world.bus(ONE)
        left, right = [await bus.subscribe(WORK, prefetch=2) for _ in range(2)]
        await bus.publish_all(texts(4))
        assert len(await take(left, 2)) == len(await take(right, 2)) == 2

    async def test_a_private_queue_lives_and_comes_back_with_its_connection(
        self, world: World
    ) -> None:
        bus = await world.bus(Topology(EXCHANGES))
        own = Queue("suite.private", {}, (Binding(FANOUT, ""),))
        source = await bus.subscribe(own.name, prefetch=10, private=own)
        await bus.publish(text("m0", exchange=FANOUT))
        await (await next_of(source)).ack()
        await world.cut()
        await soon(bus.ready())
        await bus.publish(text("m1", exchange=FANOUT))
        assert bodies([await next_of(source)]) == ["m1"]
        await bus.close()
        other = await world.bus(Topology(EXCHANGES))
        with pytest.raises(Unroutable):
            await other.publish(text("m2", exchange=FANOUT))

    async def test_the_broker_parks_what_comes_back_too_often(self, world: World) -> None:
        limited = {**QUORUM, "x-delivery-limit": 2, "x-dead-letter-exchange": TOPIC}
        limited["x-dead-letter-routing-key"] = "dead"
        queues = (
            Queue(WORK, limited, (Binding(TOPIC, "work.*"),)),
            Queue("suite.dead", QUORUM, (Binding(TOPIC, "dead"),)),
        )
        bus = await world.bus(Topology(EXCHANGES, queues))
        source = await bus.subscribe(WORK, prefetch=1)
        dead = await bus.subscribe("suite.dead", prefetch=1)
        await bus.publish(text("m"))
        for _ in range(3):
            await (await next_of(source)).requeue()
        assert bodies([await next_of(dead)]) == ["m"]
        assert await world.stays_empty(source)

    async def test_a_deleted_queue_is_declared_and_read_again(self, world: World) -> None:
        bus = await world.bus(ONE)
        source = await bus.subscribe(WORK, prefetch=10)
        for message in texts(2):
            await world.delete(WORK)
            await published(bus, message)
            delivery = await next_of(source)
            assert bodies([delivery]) == [message.message_id]
            await delivery.ack()

    async def test_problem_is_a_sentence_until_ready_and_after_close(self, world: World) -> None:
        bus = world.make(ONE, "house")
        assert (bus.problem or "").endswith(".")
        bus.start()
        await soon(bus.ready())
        assert bus.problem is None
        await bus.close()
        assert (bus.problem or "").endswith(".")
        assert [type(e).__name__ for e in await bus.publish_all(texts(2))] == ["BusUnavailable"] * 2
