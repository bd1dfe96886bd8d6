"""How a service starts and stops, seen from outside: a tiny one, in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
import pytest

from common.settings import PREFIX, ServiceSettings, misspelt
from health.settings import HealthSettings
from processor.settings import ProcessorSettings
from sender.settings import SenderSettings
from webhook.settings import WebhookSettings

pytestmark = pytest.mark.unit

PATIENCE = 30
SERVICES = (WebhookSettings, ProcessorSettings, SenderSettings, HealthSettings)

PROGRAM = """
import asyncio
from common.lifecycle import run
from common.settings import ServiceSettings

async def serve(settings, runtime):
    print("serving", flush=True)
    await runtime.stopping.wait()
    {drain}
    print("drained", flush=True)

run("tiny", ServiceSettings, serve)
"""


@asynccontextmanager
async def tiny(
    drain: str = "await asyncio.sleep(0.05)", *, program: str = PROGRAM, **settings: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service; `drain` is what it does between the signal and its end."""
    chosen = {"management_host": "127.0.0.1", "management_port": "0"} | settings
    environment = {name: value for name, value in os.environ.items() if PREFIX not in name}
    environment |= {f"{PREFIX}{name.upper()}": value for name, value in chosen.items()}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program.format(drain=drain)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def serving(process: asyncio.subprocess.Process) -> None:
    assert process.stdout is not None
    assert await process.stdout.readline() == b"serving\n"


async def end_of(process: asyncio.subprocess.Process) -> tuple[str, list[str]]:
    """What it still printed, and the lines on standard error."""
    out, err = await process.communicate()
    return out.decode(), err.decode().splitlines()


def events(lines: list[str]) -> list[str]:
    return [orjson.loads(line)["event"] for line in lines]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_it_finish_what_is_in_hand(number: signal.Signals) -> None:
    async with tiny() as process:
        await serving(process)
        process.send_signal(number)
        out, lines = await end_of(process)
    assert process.returncode == 0
    assert out == "drained\n"
    assert events(lines) == ["service.started", "service.stopped"]


async def test_a_second_signal_does_not_cut_the_draining_short() -> None:
    async with tiny("print('draining', flush=True); await asyncio.sleep(0.3)") as process:
        await serving(process)
        process.terminate()
        assert process.stdout is not None
        assert await process.stdout.readline() == b"draining\n"
        process.terminate()
        out, _ = await end_of(process)
    assert (process.returncode, out) == (0, "drained\n")


async def test_a_stop_that_outlasts_the_grace_period_exits_with_1() -> None:
    async with tiny("await asyncio.sleep(3600)", grace_period="0.2") as process:
        await serving(process)
        process.terminate()
        out, lines = await end_of(process)
    assert process.returncode == 1
    assert out == ""
    assert "service.stop_timed_out" in events(lines)


async def test_a_service_that_breaks_is_logged_without_its_errors_words_and_exits_with_1() -> None:
    async with tiny("raise ValueError('canary of a text')") as process:
        await serving(process)
        process.terminate()
        out, lines = await end_of(process)
    assert process.returncode == 1
    broke = next(line for line in map(orjson.loads, lines) if line["event"] == "service.broke")
    assert broke["error"] == "ValueError"
    assert "canary" not in out + "".join(lines)
    assert "Traceback" not in "".join(lines)


async def test_a_port_of_the_service_in_use_is_one_line_and_exit_code_78() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listening = f"await asyncio.start_server(print, '127.0.0.1', {port})"
        program = PROGRAM.replace(
            '    print("serving", flush=True)',
            f"    async def start(): {listening}\n    await listen(start(), 'the port')",
        ).replace("import run", "import listen, run")
        async with tiny(program=program) as process:
            out, lines = await end_of(process)
    assert (process.returncode, out) == (78, "")
    said = [line for line in lines if not line.startswith("{")]
    assert len(said) == 1, lines
    assert said[0].startswith("heliograph: cannot listen on the port: ")
    assert events([line for line in lines if line.startswith("{")]) == ["service.started"]


async def test_a_management_port_in_use_is_one_line_and_exit_code_78() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with tiny(management_port=str(port)) as process:
            out, lines = await end_of(process)
    assert process.returncode == 78
    assert out == ""
    (line,) = lines
    assert f"cannot listen on management port {port}" in line


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"grace_period": "canary"}, "HELIOGRAPH_GRACE_PERIOD"),
        ({"rabbitmq_url": "canary://"}, "HELIOGRAPH_RABBITMQ_URL"),
        ({"log_level": "canary"}, "HELIOGRAPH_LOG_LEVEL"),
        ({"mongodb_uri_file": "/nowhere/at/all"}, "HELIOGRAPH_MONGODB_URI_FILE"),
        ({"failpoint": "canary.1-nowhere"}, "HELIOGRAPH_FAILPOINT"),
        ({"failpoint": "sender.1-taken:canary"}, "HELIOGRAPH_FAILPOINT"),
    ],
)
async def test_a_setting_that_cannot_be_used_is_one_line_and_exit_code_78(
    settings: dict[str, str], named: str
) -> None:
    async with tiny(**settings) as process:
        out, lines = await end_of(process)
    assert process.returncode == 78
    assert out == ""
    (line,) = lines
    assert line.startswith("heliograph: ")
    assert named in line
    assert "canary" not in line


async def test_a_misspelt_setting_is_named_once_at_the_start_and_its_value_never() -> None:
    async with tiny(graceperiod="canary", sender_lanes="3", reference="/x") as process:
        await serving(process)
        process.terminate()
        _, lines = await end_of(process)
    assert process.returncode == 0
    (told,) = [orjson.loads(line) for line in lines if "setting.unknown" in line]
    assert told["level"] == "warning"
    assert (told["variable"], told["meant"]) == (
        "HELIOGRAPH_GRACEPERIOD",
        "HELIOGRAPH_GRACE_PERIOD",
    )
    assert not [line for line in lines if "canary" in line]


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("HELIOGRAPH_MONGODB_URL", "HELIOGRAPH_MONGODB_URI"),
        ("HELIOGRAPH_MONGODB_URL_FILE", "HELIOGRAPH_MONGODB_URI"),
        ("HELIOGRAPH_RABITMQ_URL", "HELIOGRAPH_RABBITMQ_URL"),
        ("HELIOGRAPH_LOGLEVEL", "HELIOGRAPH_LOG_LEVEL"),
        ("HELIOGRAPH_MONGODB_URI", None),
        ("HELIOGRAPH_MONGODB_URI_FILE", None),
        ("heliograph_mongodb_uri", None),
        ("MONGODB_URL", None),
        ("HELIOGRAPH_SOMETHING", None),
    ],
)
def test_a_name_is_misspelt_where_it_resembles_a_setting(variable: str, meant: str | None) -> None:
    wanted = {} if meant is None else {variable: meant}
    assert misspelt([variable], ServiceSettings) == wanted


@pytest.mark.parametrize("service", SERVICES)
def test_no_setting_of_another_service_is_taken_for_a_misspelt_one(
    service: type[ServiceSettings],
) -> None:
    others = {f"{PREFIX}{field.upper()}" for other in SERVICES for field in other.model_fields}
    assert misspelt(others, service) == {}
