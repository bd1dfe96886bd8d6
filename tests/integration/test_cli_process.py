"""The command line as its user meets it: a process, a terminal, a server, and its page."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import re
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from cli_process import read_until

from tests.unit.cli_stand_in import KEY, NUMBER, Asked, StandIn, event, text

ROOT = Path(__file__).parents[2]


def examples(page: str) -> str:
    """The shell blocks of a page, one after the other."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 4
    return "\n".join(blocks)


@dataclass
class Served:
    """The stand-in behind a real port. `say` tells all who listen to its events."""

    url: str
    api: StandIn
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    streams: list[web.StreamResponse] = field(default_factory=list)

    async def say(self, words: str) -> None:
        for stream in self.streams:
            await stream.write(words.encode())


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    house = Served("", StandIn())

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        asked = Asked(
            request.method,
            request.rel_url.raw_path,
            dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            json.loads(body) if body else None,
        )
        given = house.api.answer(asked)
        return web.json_response(given.body, status=given.status, headers=given.headers)

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        house.streams.append(response)
        house.listening.set()
        await asyncio.Event().wait()
        return response

    app = web.Application()
    app.router.add_get("/api/v1/tenants/acme/events", stream)
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0]
    house.url = f"http://{host}:{port}"
    yield house
    await runner.cleanup()


def environment(served: Served, home: Path, **more: str) -> dict[str, str]:
    """What the process sees: nothing of the tester's own Heliograph, and no proxy."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HELIOGRAPH_") and "proxy" not in name.lower()
    }
    return own | {"XDG_CONFIG_HOME": str(home), "HELIOGRAPH_URL": served.url} | more


async def start(*arguments: str, **options: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "heliograph.cli",
        *arguments,
        **options,  # type: ignore[arg-type]
    )


async def ended(process: asyncio.subprocess.Process, seconds: float = 60) -> tuple[int, str, str]:
    out, err = await asyncio.wait_for(process.communicate(), seconds)
    assert process.returncode is not None
    return process.returncode, (out or b"").decode(), (err or b"").decode()


async def test_a_key_typed_at_a_terminal_is_not_echoed(served: Served, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = await start(
        "sign-in",
        env=environment(served, tmp_path),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = await asyncio.to_thread(read_until, ours, lambda shown: "API key" in shown)
    os.write(ours, KEY.encode() + b"\n")
    seen += await asyncio.to_thread(read_until, ours, lambda shown: False)
    code = await asyncio.wait_for(process.wait(), 60)
    os.close(ours)
    assert code == 0, seen
    assert "Signed in" in seen
    assert KEY not in seen
    assert (tmp_path / "heliograph" / "credentials.json").exists()


async def test_tail_tells_a_text_as_it_comes_and_ends_well_at_ctrl_c(
    served: Served, tmp_path: Path
) -> None:
    process = await start(
        "tail",
        "conv-1",
        "--json",
        env=environment(served, tmp_path, HELIOGRAPH_API_KEY=KEY),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    first = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    await asyncio.wait_for(served.listening.wait(), 60)
    served.api.texts.append(text("m5", "And on Sundays?"))
    await served.say(event("m5"))
    second = json.loads(await asyncio.wait_for(process.stdout.readline(), 60))
    assert [line["message"]["id"] for line in (first, second)] == ["m1", "m5"]
    process.send_signal(signal.SIGINT)
    code, out, err = await ended(process)
    assert (code, out, err) == (0, "", "")


async def test_a_reader_that_goes_away_is_no_crash(served: Served, tmp_path: Path) -> None:
    for place in range(2_000):
        served.api.keep("agents", f"a{place}", name="A" * 100, active=True)
    command = f"{sys.executable} -m heliograph.cli agents list --all --json | head -n 1"
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        command,
        env=environment(served, tmp_path, HELIOGRAPH_API_KEY=KEY),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert await ended(process) == (0, "{\n", "")


async def test_a_question_that_nobody_can_answer_ends_the_command(
    served: Served, tmp_path: Path
) -> None:
    process = await start(
        "gate",
        "on",
        NUMBER,
        env=environment(served, tmp_path, HELIOGRAPH_API_KEY=KEY),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    code, out, err = await ended(process)
    assert (code, out) == (2, "")
    assert "--yes" in err


async def shell(
    script: str, folder: Path, environment: dict[str, str]
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        script,
        cwd=folder,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.timeout(300)  # Some thirty processes, one after the other.
async def test_every_example_of_the_page_works(served: Served, tmp_path: Path) -> None:
    """In their order, in one folder, as somebody would try them."""
    shim = tmp_path / "bin" / "heliograph"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m heliograph.cli "$@"\n')
    shim.chmod(0o755)
    (tmp_path / "key.txt").write_text(f"{KEY}\n")
    secret = "endpoint=https://acme.communication.azure.com/;accesskey=bWFkZS11cA=="
    for name in ("connection-string.txt", "new-connection-string.txt"):
        (tmp_path / name).write_text(f"{secret}\n")
    path = f"{shim.parent}:{os.environ['PATH']}"
    process = await shell(examples("cli.md"), tmp_path, environment(served, tmp_path, PATH=path))
    code, out, err = await ended(process, 280)
    assert code == 0, err
    assert secret not in out + err
    assert json.loads((tmp_path / "key.json").read_text())["key"].startswith("hg_")
    assert served.api.kept["approvals", "m2"]["body"] == "We open at 8:30 on weekdays."
    assert served.api.kept["numbers", NUMBER]["gate_on"] is False


@pytest.mark.skipif(shutil.which("curl") is None, reason="the examples are for curl")
async def test_every_example_of_the_api_page_works(served: Served, tmp_path: Path) -> None:
    named = {"HELIOGRAPH_API_KEY": KEY, "TENANT": f"{served.url}/api/v1/tenants/acme"}
    process = await shell(examples("api.md"), tmp_path, environment(served, tmp_path, **named))
    code, _, err = await ended(process)
    assert code == 0, err
    assert served.api.kept["numbers", NUMBER]["name"] == "Main line"
    assert served.api.kept["approvals", "m2"]["body"] == "We open at 8:30 on weekdays."
