"""What becomes of a verdict, whichever broker carries it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from common.bus import topology
from common.bus.messages import Delivery, attempts_of, proven_user
from common.bus.topology import Topology, dead_queue, work_queue
from common.bus.verdicts import Defer, Done, Park, Retry, Verdict, settle
from heliograph import wire
from tests.conformance.bus_world import (
    EXCHANGES,
    HOUSE,
    SHORT,
    WORK,
    SuiteBus,
    World,
    bodies,
    next_of,
    take,
    text,
    texts,
)

DELAYS = (SHORT, SHORT)


async def apply(bus: SuiteBus, delivery: Delivery, verdict: Verdict) -> None:
    await settle(bus, [delivery], [verdict], retry_delays=DELAYS, in_order=False)


class SettleSuite:
    """Inherited by the tests of each broker, which give the fixture `world`."""

    async def test_done_in_order_settles_everything_at_once(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        await bus.publish_all(texts(3))
        held = await take(await bus.subscribe(WORK, prefetch=10), 3)
        await settle(bus, held, [Done()] * 3, retry_delays=DELAYS, in_order=True)
        await bus.close()
        again = await (await world.bus(HOUSE)).subscribe(WORK, prefetch=10)
        assert await world.stays_empty(again)

    async def test_in_order_each_verdict_goes_its_own_way(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        source = await bus.subscribe(WORK, prefetch=10)
        dead = await bus.subscribe(dead_queue(WORK), prefetch=10)
        await bus.publish_all(texts(3))
        verdicts = [Retry("try_again"), Done(), Park("bad")]
        await settle(bus, await take(source, 3), verdicts, retry_delays=DELAYS, in_order=True)
        assert bodies([await next_of(dead)]) == ["m2"]
        assert bodies([await next_of(source)]) == ["m0"]
        assert await world.stays_empty(source)

    async def test_a_retried_message_waits_comes_back_and_is_parked_at_last(
        self, world: World
    ) -> None:
        bus = await world.bus(HOUSE)
        source = await bus.subscribe(WORK, prefetch=10)
        dead = await bus.subscribe(dead_queue(WORK), prefetch=10)
        sent = replace(text("m"), body=b"\x00 as it was", correlation_id="c", reply_to="r")
        await bus.publish(replace(sent, headers={"mine": "kept"}))
        seen = []
        for attempts in range(len(DELAYS) + 1):
            delivery = await next_of(source)
            assert attempts_of(delivery) == attempts
            assert delivery.body == sent.body
            seen.append(delivery.headers.get(topology.HEADER_FIRST_SEEN))
            await apply(bus, delivery, Retry("try_again", "for +12025550123"))
        parked = await next_of(dead)
        assert seen[0] is None
        assert seen[1] == seen[2] == parked.headers[topology.HEADER_FIRST_SEEN]
        assert datetime.fromisoformat(seen[1]).tzinfo is not None
        assert parked.headers[topology.HEADER_REASON] == "try_again"
        assert "12025550123" not in parked.headers[topology.HEADER_DETAIL]
        assert parked.headers[topology.HEADER_PARKED_FROM] == WORK
        assert parked.headers["mine"] == "kept"
        assert not [name for name in parked.headers if name.startswith(("x-death", "x-first-d"))]
        assert (parked.body, parked.type, parked.message_id) == (sent.body, "test", "m")
        assert (parked.correlation_id, parked.reply_to) == ("c", "r")
        assert await world.stays_empty(source)

    async def test_parking_takes_one_step(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        source = await bus.subscribe(WORK, prefetch=10)
        dead = await bus.subscribe(dead_queue(WORK), prefetch=10)
        await bus.publish(text("m"))
        await apply(bus, await next_of(source), Park("unreadable", "no such version"))
        parked = await next_of(dead)
        assert parked.headers[topology.HEADER_REASON] == "unreadable"
        assert parked.headers[topology.HEADER_DETAIL] == "no such version"
        assert attempts_of(parked) == 0
        assert await world.stays_empty(source)

    async def test_a_deferred_message_comes_back_without_a_counted_attempt(
        self, world: World
    ) -> None:
        bus = await world.bus(HOUSE)
        source = await bus.subscribe(WORK, prefetch=10)
        await bus.publish(text("m"))
        await apply(bus, await next_of(source), Retry("once"))
        await apply(bus, await next_of(source), Defer(0.4))
        assert attempts_of(await next_of(source)) == 1

    async def test_what_cannot_be_put_elsewhere_goes_back_and_harms_no_neighbour(
        self, world: World
    ) -> None:
        bus = await world.bus(Topology(EXCHANGES, (work_queue(WORK, *HOUSE.queues[0].bindings),)))
        source = await bus.subscribe(WORK, prefetch=10)
        await bus.publish_all(texts(3))
        verdicts = [Done(), Retry("no wait queue there"), Done()]
        await settle(bus, await take(source, 3), verdicts, retry_delays=DELAYS, in_order=True)
        again = await next_of(source)
        assert (bodies([again]), again.redelivered) == (["m1"], True)
        assert await world.stays_empty(source)

    async def test_the_first_publisher_stays_proven_while_a_message_waits(
        self, world: World
    ) -> None:
        bus = await world.bus(HOUSE)
        agent = await world.bus(Topology(), user="agent")
        source = await bus.subscribe(WORK, prefetch=10)
        await agent.publish(text("m"))
        for verdict in (Retry("x"), Defer(1)):
            delivery = await next_of(source)
            assert proven_user(delivery, bus.user) == agent.user
            await apply(bus, delivery, verdict)
        again = await next_of(source)
        assert again.user_id == bus.user
        assert proven_user(again, bus.user) == agent.user

    async def test_a_header_proves_nothing(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        agent = await world.bus(Topology(), user="agent")
        source = await bus.subscribe(WORK, prefetch=10)
        await agent.publish(replace(text("m"), headers={topology.HEADER_USER: "somebody-else"}))
        for _ in range(2):
            delivery = await next_of(source)
            assert proven_user(delivery, bus.user) == agent.user
            await apply(bus, delivery, Retry("x"))

    async def test_a_parked_message_can_be_read_back_with_its_publisher(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        agent = await world.bus(Topology(), user="agent")
        source = await bus.subscribe(WORK, prefetch=10)
        dead = await bus.subscribe(dead_queue(WORK), prefetch=10)
        await agent.publish(text("m"))
        await apply(bus, await next_of(source), Park("bad"))
        assert proven_user(await next_of(dead), bus.user) == agent.user

    async def test_the_dead_exchange_is_where_the_wire_contract_says(self, world: World) -> None:
        bus = await world.bus(HOUSE)
        await bus.publish(text("m", exchange=wire.DEAD_EXCHANGE, key=WORK))
        dead = await bus.subscribe(dead_queue(WORK), prefetch=1)
        assert bodies([await next_of(dead)]) == ["m"]
