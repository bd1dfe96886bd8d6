"""`make run` and `make demo`, as their user meets them: what is printed, the exit code, Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import psutil
import pytest

from local.nodes import ports

PATIENCE = 90
README = Path(__file__).parents[2] / "README.md"

TOLD = (
    "“Hi! What time do you open tomorrow?”",
    "held it: autonomous sending is off for this number",
    "turns on autonomous sending",
    "with 1 earlier text",
    "sent it to",
    "delivery report: delivered",
    "handed_over",
)


def free_ports() -> list[str]:
    management = ports.choose()
    while not all(ports.is_free(management + place) for place in range(4)):
        management = ports.choose()
    return [
        "--webhook-port",
        str(ports.choose()),
        "--console-port",
        str(ports.choose()),
        "--simulator-port",
        str(ports.choose()),
        "--management-port",
        str(management),
    ]


@asynccontextmanager
async def stage(
    mode: str, directory: Path, *options: str, **variables: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "local",
        mode,
        "--dir",
        str(directory),
        *(options or free_ports()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | variables,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def transcript() -> str:
    """What the README shows."""
    return README.read_text(encoding="utf-8").split("```text\n")[1].split("```")[0]


def without_chance(text: str) -> list[str]:
    """The lines of a timeline without what differs from run to run: instants, the person's number,
    and the order of the recorded steps, of which some may share a millisecond."""
    text = re.sub(r"\+1 212 555 \d{4}", "+1 212 555 ****", text)
    text = re.sub(r"\d+\.\d\d s  |\d\d:\d\d:\d\d\.\d{3} +\d+ ms| after \d+ ms", "", text)
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    life = lines.index("The life of the last text, as it is recorded:")
    return lines[:life] + sorted(lines[life:])


def left_behind(directory: Path) -> list[str]:
    """Processes that name the directory, or work in it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "environ"]):
        known = [*(process.info["cmdline"] or ()), process.info["cwd"] or ""]
        known += (process.info["environ"] or {}).values()
        if any(str(directory) in text for text in known) and process.pid != os.getpid():
            found.append(" ".join(process.info["cmdline"] or ()))
    return found


async def read_until(process: asyncio.subprocess.Process, wanted: str) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    text = ""
    async with asyncio.timeout(PATIENCE):
        while wanted not in text:
            line = await process.stdout.readline()
            if not line:
                said = (await process.stderr.read()).decode()
                pytest.fail(f"ended before {wanted!r}: {text}{said}")
            text += line.decode()
    return text


async def test_the_demo_plays_the_whole_conversation_and_exits_with_0(tmp_path: Path) -> None:
    async with stage("demo", tmp_path) as process, asyncio.timeout(PATIENCE):
        out, err = await process.communicate()
    text = out.decode()
    assert process.returncode == 0, err.decode()
    places = [text.find(told) for told in TOLD]
    assert -1 not in places, text
    assert places == sorted(places)
    assert without_chance(text) == without_chance(transcript())
    assert left_behind(tmp_path) == []


def assert_in_order(text: str, *told: str) -> None:
    place = 0
    for line in told:
        found = text.find(line, place)
        assert found >= 0, f"{line!r} is not (or not in its place) in {text}"
        place = found + len(line)


async def _a_second_stage_in_the_same_directory_is_refused(directory: Path) -> None:
    async with stage("demo", directory) as second, asyncio.timeout(PATIENCE):
        _, err = await second.communicate()
    assert second.returncode == 2
    assert "Another local stage is running" in err.decode()


async def test_run_stays_up_takes_another_text_and_ctrl_c_leaves_no_process(
    tmp_path: Path,
) -> None:
    async with stage("run", tmp_path) as process:
        text = await read_until(process, "/simulator/texts\n")
        command = next(line for line in text.splitlines() if "curl -d" in line)
        _, payload, url = (
            command.split("'")[0],
            command.split("'")[1],
            command.split("'")[2].strip(),
        )
        async with aiohttp.ClientSession() as session, session.post(url, data=payload) as answer:
            assert answer.status == 201
        said = await read_until(process, "delivery report: delivered")
        # The agent may have read it before Event Grid has its answer.
        assert "answers 200" in said
        assert_in_order(
            said,
            "texts +1 800 555 0100:",
            "“Do you have parking?”",
            "reads “Do you have parking?”",
            "answers “Yes, parking is free behind the house.”",
            "sent it to",
            "receives:",
            "“Yes, parking is free behind the house.”",
        )
        stop = payload.replace("Do you have parking?", "STOP")
        async with aiohttp.ClientSession() as session, session.post(url, data=stop) as answer:
            assert answer.status == 201
        said = await read_until(process, "marked opt_out; may not answer (recipient_opted_out)")
        assert_in_order(said, "“STOP”", "answers 200", "reads “STOP”")
        assert process.returncode is None
        await _a_second_stage_in_the_same_directory_is_refused(tmp_path)
        os.killpg(process.pid, signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert left_behind(tmp_path) == []


async def test_another_provider_plays_the_same_conversation_without_a_word_of_event_grid(
    tmp_path: Path, vhost_url: str, mongo_uri: str, mongo_database: str
) -> None:
    """On the session's servers, which are those of the environment then. What each provider makes
    of it, test_provider_conversations.py shows in one house."""
    servers = {
        "HELIOGRAPH_RABBITMQ_URL": vhost_url,
        "HELIOGRAPH_MONGODB_URI": mongo_uri,
        "HELIOGRAPH_MONGODB_DATABASE": mongo_database,
    }
    options = ["--provider", "twilio", *free_ports()]
    async with stage("run", tmp_path, *options, **servers) as process:
        text = await read_until(process, "/simulator/secret\n")
        assert_in_order(text, *TOLD)
        assert "to Twilio's connection" in text
        assert "Event Grid" not in text
        command = next(line for line in text.splitlines() if "curl -d" in line)
        _, payload, url = command.split("'")
        async with (
            aiohttp.ClientSession() as session,
            session.post(url.strip(), data=payload) as answer,
        ):
            assert answer.status == 201
        await read_until(process, "delivery report: delivered")
        os.killpg(process.pid, signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            _, err = await process.communicate()
    assert process.returncode == 0, err.decode()


async def test_a_killed_stage_leaves_no_process_either(tmp_path: Path) -> None:
    async with stage("run", tmp_path) as process:
        await read_until(process, "/simulator/texts\n")
        process.kill()
        await process.wait()
        async with asyncio.timeout(10):
            while left_behind(tmp_path):  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "option", ["--webhook-port", "--console-port", "--simulator-port", "--management-port"]
)
async def test_a_port_in_use_is_one_clear_sentence(tmp_path: Path, option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        options = free_ports()
        options[options.index(option) + 1] = str(port)
        async with stage("demo", tmp_path, *options) as process, asyncio.timeout(PATIENCE):
            _, err = await process.communicate()
    (sentence,) = err.decode().strip().splitlines()
    assert process.returncode == 2
    assert f"port {port} is already in use" in sentence
    assert option.removeprefix("--").replace("-", "_").upper() in sentence


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("HELIOGRAPH_RABBITMQ_URL", "amqp://someone:geheim@127.0.0.1:9/"),
        ("HELIOGRAPH_MONGODB_URI", "mongodb://someone:geheim@127.0.0.1:9/"),
    ],
)
async def test_a_server_of_the_environment_that_is_away_is_one_clear_sentence(
    tmp_path: Path, variable: str, url: str
) -> None:
    async with stage("demo", tmp_path, **{variable: url}) as process, asyncio.timeout(PATIENCE):
        _, err = await process.communicate()
    (sentence,) = err.decode().strip().splitlines()
    assert process.returncode == 2
    assert variable in sentence
    assert "geheim" not in sentence
    assert left_behind(tmp_path) == []
