"""What the rules and dashboards take from RabbitMQ is what RabbitMQ exports."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Mapping

import pytest
from prometheus_client.parser import text_string_to_metric_families

from common.bus.client import Bus
from common.bus.topology import SERVICES
from deploy.checks.alerts.outside import FAMILIES, RABBITMQ, RABBITMQ_QUEUES
from local.nodes import RabbitNode, ports

_TICK = 20.0
"""Seconds for which a queue's first figures are waited for; its leader tells them every 5."""


@pytest.fixture
def address(own_rabbit: RabbitNode) -> str:
    """Where the broker's metrics are; the plugin is switched on while the broker runs."""
    port = ports.choose()
    plugins = own_rabbit.base_dir / "enabled_plugins"
    plugins.write_text("[rabbitmq_prometheus].\n")
    listener = f'[{{port, {port}}}, {{ip, "127.0.0.1"}}]'
    own_rabbit.evaluate("rabbit:await_startup()")  # It speaks AMQP before it has its plugins.
    own_rabbit.evaluate(f"application:set_env(rabbitmq_prometheus, tcp_config, {listener})")
    answer = own_rabbit.evaluate(f'rabbit_plugins:ensure("{plugins}")')
    assert "rabbitmq_prometheus" in answer
    return f"http://127.0.0.1:{port}/metrics"


def exported(address: str) -> Mapping[str, frozenset[str]]:
    """The series at an address, and the labels of each."""
    with urllib.request.urlopen(address) as answer:  # noqa: S310 - the broker's own address
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        sample.name: frozenset(sample.labels) for family in families for sample in family.samples
    }


async def test_rabbitmq_exports_what_the_list_of_others_metrics_says(
    own_rabbit: RabbitNode, address: str
) -> None:
    detailed = address + "/detailed?" + "&".join(f"family={family}" for family in FAMILIES)
    bus = Bus(own_rabbit.url, app="test", topology=SERVICES)
    bus.start()
    try:
        await bus.ready()
        nodes = exported(address)
        assert {name: nodes.get(name) for name in RABBITMQ.metrics} == RABBITMQ.metrics
        queues = exported(detailed)
        async with asyncio.timeout(_TICK):
            while not RABBITMQ_QUEUES.metrics.keys() <= queues.keys():
                await asyncio.sleep(0.2)  # The broker announces nothing when it has counted.
                queues = exported(detailed)
    finally:
        await bus.close()
    found = {name: queues.get(name) for name in RABBITMQ_QUEUES.metrics}
    assert found == RABBITMQ_QUEUES.metrics
