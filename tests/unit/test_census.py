"""The census: gauges that say what was counted, or that nothing is known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import pytest

from common.bus.messages import BusUnavailable
from common.errors import StoreUnavailable
from common.metrics import Metrics
from common.store.mongo_census import Counted
from health.census import Census

pytestmark = pytest.mark.unit


class Store:
    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.known = [("acme", "desk"), ("acme", "night"), ("zen", "desk")]

    async def count(self) -> Counted:
        if self.fault:
            raise self.fault
        return Counted(
            3, 2, 1, {("acs", "active"): 5, ("twilio", "error"): 1, ("gone", "error"): 4}
        )

    async def agents(self) -> Sequence[tuple[str, str]]:
        if self.fault:
            raise self.fault
        return self.known


class Broker:
    def __init__(self) -> None:
        self.fault: Exception | None = None

    async def of(self, queues: Iterable[str]) -> Mapping[str, int]:
        if self.fault:
            raise self.fault
        depths = {"dead.processor.inbound": 7, "dead.agent.acme.desk": 2, "dead.agent.zen.desk": 3}
        return {queue: depths[queue] for queue in queues if queue in depths}


class World:
    def __init__(self) -> None:
        self.store, self.broker, self.metrics = Store(), Broker(), Metrics()
        self.now = 1000.0
        self.census = Census(
            self.store,
            self.broker,
            self.metrics,
            providers=("acs", "twilio"),
            interval=1,
            clock=lambda: self.now,
        )

    def sample(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(f"heliograph_{name}", labels)
        assert value is not None
        return value

    def texts(self) -> list[float]:
        return [
            self.sample("held_texts"),
            self.sample("uncertain_texts"),
            self.sample("missing_reports"),
            self.sample("connections", provider="acs", status="active"),
            self.sample("connections", provider="twilio", status="error"),
            self.sample("connections", provider="other", status="error"),
            self.sample("connections", provider="acs", status="error"),
        ]

    def dead(self) -> list[float]:
        queues = ("processor.inbound", "sender.commands", "agents")
        return [self.sample("dead_letter_messages", queue=queue) for queue in queues]

    def ages(self) -> list[float]:
        return [
            self.sample("census_age_seconds", source=source) for source in ("mongodb", "rabbitmq")
        ]


@pytest.fixture
def world() -> World:
    return World()


async def test_the_gauges_say_what_was_counted(world: World) -> None:
    await world.census.look()
    assert world.texts() == [3, 2, 1, 5, 1, 4, 0]
    assert world.dead() == [7, 0, 5], "the agents' queues stand together"


def test_before_the_first_look_nothing_is_known(world: World) -> None:
    assert all(map(math.isnan, world.texts() + world.dead()))
    world.now += 5
    assert world.ages() == [5, 5]


async def test_a_broker_that_is_away_hides_its_own_gauges_only(world: World) -> None:
    await world.census.look()
    world.broker.fault = BusUnavailable("away")
    world.now += 30
    await world.census.look()
    assert world.texts() == [3, 2, 1, 5, 1, 4, 0]
    assert all(map(math.isnan, world.dead()))
    assert world.ages() == [0, 30]


@pytest.mark.parametrize("fault", [StoreUnavailable("away"), ValueError("a fault of ours")])
async def test_without_the_store_nothing_is_known_until_it_is_back(
    world: World, fault: Exception
) -> None:
    await world.census.look()
    world.store.fault = fault
    world.now += 30
    await world.census.look()
    assert all(map(math.isnan, world.texts() + world.dead()))
    assert world.ages() == [30, 30]
    world.store.fault = None
    await world.census.look()
    assert world.dead() == [7, 0, 5]
    assert world.texts()[0] == 3
    assert world.ages() == [0, 0]
