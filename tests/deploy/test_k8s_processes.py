"""What no manifest can show: a service whose broker and database are away lives, is not ready,
starts in the time that its startup probe allows, and stops on SIGTERM."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest

from common.settings import PREFIX
from deploy.checks.k8s.objects import dig
from deploy.checks.k8s.pods import ours
from deploy.checks.k8s.probes import LIVE, READY
from deploy.checks.k8s.project import SERVICES, SLOWEST_START
from tests.deploy.k8s_world import rendered

PATIENCE = 60

NOWHERE = {
    "RABBITMQ_URL": "amqp://guest:guest@127.0.0.1:1/",
    "MONGODB_URI": "mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=500",
    "MONGODB_TIMEOUT": "0.5",
    "MASTER_KEY": f"k1:{'A' * 43}=",
    "MANAGEMENT_HOST": "127.0.0.1",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def started(service: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The service as its image starts it, with the servers away, and its management port."""
    ports = {setting.upper(): free_port() for setting in SERVICES[service].listens.values()}
    environment = {name: value for name, value in os.environ.items() if PREFIX not in name}
    given = NOWHERE | {name: str(port) for name, port in ports.items()}
    environment |= {f"{PREFIX}{name}": value for name, value in given.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", service),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process, ports["MANAGEMENT_PORT"]
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def event(process: asyncio.subprocess.Process, name: str) -> None:
    """Wait for a log line."""
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if line.startswith(b"{") and orjson.loads(line)["event"] == name:
            return
    raise AssertionError(f"the process ended without saying {name}")


@pytest.mark.parametrize("service", SERVICES)
async def test_without_servers_a_service_lives_and_stops_at_once(service: str) -> None:
    (pods,) = ours(rendered("production").objects, [service])
    probe = dig(pods.spec, "containers", 0, "startupProbe")
    began = time.monotonic()
    async with started(service) as (process, port), aiohttp.ClientSession() as http:
        await event(process, "service.started")
        async with http.get(f"http://127.0.0.1:{port}{LIVE}") as answer:
            assert answer.status == 200
        took = time.monotonic() - began
        async with http.get(f"http://127.0.0.1:{port}{READY}") as answer:
            assert answer.status == 503
            assert (await answer.json())["problems"]
        process.terminate()
        reading = asyncio.create_task(event(process, "service.stopped"))
        await asyncio.gather(process.wait(), reading)
    assert process.returncode == 0
    assert took <= SLOWEST_START
    assert 2 * took <= probe["periodSeconds"] * probe["failureThreshold"]
