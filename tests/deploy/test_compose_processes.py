"""Compose's command lines and variables, run as processes, for no engine is at hand: everything but
the two servers' images, the networks and the limits is as the file says."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from common.store.client import open_database
from common.store.control import SYSTEM
from common.store.mongo_control_numbers import MongoNumbers
from deploy.checks.compose import rendering, rules
from deploy.checks.images.rules import PROBE
from deploy.compose import make_secrets
from local.configuration import SERVICES
from local.nodes import MongoNode, RabbitNode, ports
from local.nodes.process import KeptProcess
from local.seed import Seed

PERSON = "+12125550147"


class Composed:
    """The project's containers as processes on one loopback, where each has ports of its own."""

    def __init__(self, folder: Path, rabbit: RabbitNode, mongo: MongoNode) -> None:
        self.services: Mapping[str, Any] = rendering.rendered(rendering.FILE)["services"]
        self.folder = folder
        self.simulator, self.relay, self.webhook = (ports.choose() for _ in range(3))
        self.environments: dict[str, dict[str, str]] = {}
        self._running: dict[str, KeptProcess] = {}
        (folder / "secrets").mkdir()
        there = {
            "rabbitmq_url": rabbit.url,
            "rabbitmq_management_url": rabbit.management_url,
            "mongodb_uri": mongo.uri,
        }
        for name, content in (make_secrets.missing(folder / "secrets") | there).items():
            (folder / "secrets" / name).write_text(content, encoding="utf-8")

    def start(self, name: str) -> KeptProcess:
        """Its entry point and command, with its variables and no others."""
        container = self.services[name]
        image = container["image"].partition(":")[0].removeprefix("heliograph/")
        words = [*([] if image == "local" else [image]), *(container.get("command") or ())]
        self.environments[name] = self._environment(container)
        process = KeptProcess.started(
            [sys.executable, "-m", *(self._here(word, name) for word in words)],
            log=self.folder / f"{name}.log",
            env=self.environments[name],
        )
        self._running[name] = process
        return process

    async def healthy(self, name: str) -> None:
        """Wait as an engine does, by the container's own health check."""
        _, _, program, *words = self.services[name]["healthcheck"]["test"]
        assert program == PROBE
        own = str(self.relay if name.startswith("simulator-at") else self.simulator)
        asked = [own if word == "8500" else word for word in words]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._running[name].alive:
            probe = await asyncio.create_subprocess_exec(
                *(sys.executable, str(rendering.ROOT / "deploy/image/probe.py"), *asked),
                env=self.environments[name],
            )
            if await probe.wait() == 0:
                return
        pytest.fail(f"{name} was never healthy: {self.said(name)}")

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(encoding="utf-8")

    async def stop(self) -> None:
        running = self._running.values()
        await asyncio.gather(*(asyncio.to_thread(each.stop, timeout=30) for each in running))

    def _here(self, word: str, name: str) -> str:
        """The same address where every name is this loopback."""
        own = self.relay if name.startswith("simulator-at") else self.simulator
        for there, here in (
            ("--host=0.0.0.0", "--host=127.0.0.1"),
            ("--port=8500", f"--port={own}"),
            ("127.0.0.1:8500", f"127.0.0.1:{self.relay}"),
            ("simulator:8500", f"127.0.0.1:{self.simulator}"),
            ("webhook:8080", f"127.0.0.1:{self.webhook}"),
        ):
            word = word.replace(there, here)
        return word

    def _environment(self, container: Mapping[str, Any]) -> dict[str, str]:
        secrets = f"{self.folder / 'secrets'}/"
        given = container.get("environment") or {}
        environment = {name: value.replace(rules.MOUNTED, secrets) for name, value in given.items()}
        for field in ("management_port", "health_port"):
            environment[f"HELIOGRAPH_{field.upper()}"] = str(ports.choose())
        environment["HELIOGRAPH_WEBHOOK_PORT"] = str(self.webhook)
        return environment | {"PATH": os.environ["PATH"]}


@pytest.fixture(scope="module")
async def composed(
    mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Composed]:
    folder = tmp_path_factory.mktemp("composed")
    with RabbitNode(folder / "rabbitmq", management=True) as rabbit:
        project = Composed(folder, rabbit, mongo)
        try:
            yield project
        finally:
            await project.stop()


async def until(what: str, holds: Any, patience: float = 60.0) -> None:
    """Logs and answers of processes have no event to wait for."""
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        await asyncio.sleep(0.05)


@pytest.mark.timeout(300)
async def test_the_files_commands_play_a_conversation(composed: Composed, mongo: MongoNode) -> None:
    """Prepare ends with 0; the services, the simulator, its relays and the demo agent carry a text
    to the agent and its answer to the phone."""
    prepare = composed.start("prepare")
    await until("prepare has ended", lambda: not prepare.alive)
    assert prepare.exit_code == 0, composed.said("prepare")
    for name in (*SERVICES, "simulator", "simulator-at-sender"):
        composed.start(name)
    for name in (*SERVICES, "simulator", "simulator-at-sender"):
        await composed.healthy(name)
    agent = composed.start("demo-agent")
    await until(
        "the agent answers", lambda: "answers texts" in composed.said("demo-agent") or
        not agent.alive,
    )  # fmt: skip
    assert agent.alive, composed.said("demo-agent")

    seed = Seed()
    database = open_database(mongo.uri, "heliograph", timeout=5)
    with contextlib.closing(database):
        numbers = MongoNumbers(database)
        await numbers.set_gate(seed.tenant_id, seed.number, on=True, by=SYSTEM)
    phone = await _texts(composed.simulator, seed.number, "What time do you open?")
    assert [text["body"] for text in phone["received"]] == [
        "We open at 8:30 tomorrow. See you then!"
    ]
    await until("the report is told", lambda: "delivered" in composed.said("demo-agent"))
    assert "is sent" in composed.said("demo-agent")


async def _texts(port: int, number: str, body: str) -> Mapping[str, Any]:
    control = f"http://127.0.0.1:{port}/simulator"
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        text = {"from": PERSON, "to": number, "body": body}
        await session.post(f"{control}/texts", json=text)
        url = f"{control}/phones/{PERSON}?wait_for=1&timeout=30"
        async with session.get(url) as answer:
            found: Mapping[str, Any] = await answer.json()
            return found
