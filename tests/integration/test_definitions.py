"""A broker's definitions bring users, permissions and queues back on another broker."""

from __future__ import annotations

import asyncio
from pathlib import Path

from common.bus.client import Bus
from common.bus.declaring import declare_each, together
from common.bus.topology import SERVICES, agent_topology
from local.nodes import RabbitNode

USER = "acme-helper"
ALL = together([SERVICES, agent_topology("acme", "helper")])


async def test_exported_definitions_are_all_that_another_broker_needs(
    rabbit: RabbitNode, vhost: str, vhost_url: str, own_rabbit: RabbitNode, tmp_path: Path
) -> None:
    file = str(tmp_path / "definitions.json")
    rabbit.ctl("add_user", USER, "its-password")
    try:
        rabbit.ctl("set_permissions", "-p", vhost, USER, "", "heliograph.commands", "agent.acme")
        declared = [one async for one in declare_each(vhost_url, ALL, app="test")]
        assert not [one for one in declared if one.refused]
        await asyncio.to_thread(rabbit.ctl, "export_definitions", file)
    finally:
        rabbit.ctl("delete_user", USER)
    await asyncio.to_thread(own_rabbit.ctl, "import_definitions", file)

    listed = own_rabbit.ctl("list_queues", "-p", vhost, "name", "--silent").split()
    assert {*listed} == {queue.name for queue in ALL.queues}
    assert USER in own_rabbit.ctl("list_permissions", "-p", vhost)
    assert "Success" in own_rabbit.ctl("authenticate_user", USER, "its-password")
    # Declaring a queue with other arguments than it has would be refused.
    again = [one async for one in declare_each(f"{own_rabbit.url}{vhost}", ALL, app="test")]
    assert [(one.kind, one.name, one.refused) for one in again] == [
        (one.kind, one.name, None) for one in declared
    ]
    bus = Bus(f"{own_rabbit.url}{vhost}", app="test", topology=SERVICES)
    bus.start()
    async with asyncio.timeout(30):
        await bus.ready()
    await bus.close()
