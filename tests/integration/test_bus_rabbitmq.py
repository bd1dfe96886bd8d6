"""The bus on RabbitMQ keeps the promises that its stand-in makes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from yarl import URL

from common.bus.client import Bus
from common.bus.topology import Topology
from local.nodes import RabbitNode
from tests.conformance.bus_suite import BusSuite
from tests.conformance.bus_world import World, closing, eventually
from tests.conformance.settle_suite import SettleSuite
from tests.conformance.work_suite import WorkSuite


@pytest.fixture
async def world(rabbit: RabbitNode, vhost: str, vhost_url: str) -> AsyncIterator[World]:
    users: set[str] = set()
    buses: list[Bus] = []

    def make(topology: Topology, user: str) -> Bus:
        name = f"{vhost}-{user}"
        if name not in users:
            users.add(name)
            rabbit.add_user(name, "secret")
            rabbit.set_permissions(name, vhost=vhost)
        url = URL(vhost_url).with_user(name).with_password("secret")
        buses.append(Bus(str(url), app="test", topology=topology, publish_deadline=10))
        return buses[-1]

    async def cut() -> None:
        before = {bus: bus._link for bus in buses if bus._link is not None}
        await asyncio.to_thread(rabbit.evaluate, _close_connections(vhost))
        await eventually(lambda: all(bus._link not in (None, old) for bus, old in before.items()))

    async def delete(queue: str) -> None:
        await asyncio.to_thread(rabbit.evaluate, _delete_queue(vhost, queue))

    async with closing(World(make, cut, delete, moment=0.15)) as made:
        yield made


def _close_connections(vhost: str) -> str:
    return (
        f'[rabbit_networking:close_connection(P, "cut by a test") || P <- '
        f"rabbit_networking:connections_local(), "
        f'[{{vhost, <<"{vhost}">>}}] =:= rabbit_reader:info(P, [vhost])]'
    )


def _delete_queue(vhost: str, queue: str) -> str:
    return (
        f'{{ok, Q}} = rabbit_amqqueue:lookup(rabbit_misc:r(<<"{vhost}">>, queue, <<"{queue}">>)), '
        f'rabbit_amqqueue:delete(Q, false, false, <<"test">>)'
    )


class TestBus(BusSuite):
    pass


class TestSettling(SettleSuite):
    pass


class TestWork(WorkSuite):
    pass
