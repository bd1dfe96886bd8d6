"""The control API over HTTP, and the simulator as a process of its own."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from azure.communication.sms.aio import SmsClient
from simulator_world import KEY, NUMBER, PHONE, Endpoint

from local.simulator import Simulator

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PHONE_PATH = f"/simulator/phones/{PHONE}"

Api = Callable[..., Any]


@pytest.fixture
async def api(sim: Simulator) -> AsyncIterator[Api]:
    """Call the control API; gives (status, JSON)."""
    async with aiohttp.ClientSession(sim.url) as session:

        async def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
            data = None if body is None else orjson.dumps(body)
            async with session.request(method, path, data=data) as response:
                return response.status, await response.json()

        yield call


async def test_a_text_is_injected_and_answered(
    api: Api, client: SmsClient, endpoint: Endpoint
) -> None:
    status, _ = await api("POST", "/simulator/subscriptions", {"url": endpoint.url})
    assert status == 201
    text = {"from": PHONE, "to": NUMBER, "body": "hello", "message_id": "m-1", "copies": 2}
    assert await api("POST", "/simulator/texts", text) == (201, {"message_id": "m-1"})
    await endpoint.wait_for(2)
    waiting = asyncio.create_task(api("GET", f"{PHONE_PATH}?wait_for=1&timeout=5"))
    await client.send(NUMBER, PHONE, "answer")
    _, phone = await waiting
    assert [text["body"] for text in phone["received"]] == ["answer"]
    assert [text["message_id"] for text in phone["sent"]] == ["m-1"]
    assert (await api("GET", "/simulator/phones"))[1] == {"phones": [PHONE]}


async def test_texts_are_injected_in_one_go(api: Api, sim: Simulator) -> None:
    texts = [{"from": PHONE, "to": NUMBER, "body": str(n)} for n in range(3)]
    status, answer = await api("POST", "/simulator/texts", texts)
    assert (status, len(answer["message_ids"])) == (201, 3)
    assert len(sim.phone(PHONE).sent) == 3


async def test_a_long_poll_that_runs_out_shows_what_there_is(api: Api) -> None:
    status, phone = await api("GET", f"{PHONE_PATH}?wait_for=1&timeout=0.01")
    assert (status, phone["received"], phone["received_total"]) == (200, [], 0)


async def test_logs_are_read_from_where_one_left_off(api: Api, client: SmsClient) -> None:
    waiting = asyncio.create_task(api("GET", "/simulator/sends?wait_for=2&timeout=5"))
    await client.send(NUMBER, PHONE, "one")
    await client.send(NUMBER, PHONE, "two")
    _, sends = await waiting
    assert [send["message"] for send in sends["items"]] == ["one", "two"]
    since = sends["items"][0]["seq"]
    _, later = await api("GET", f"/simulator/sends?since={since}")
    assert (later["total"], [send["message"] for send in later["items"]]) == (2, ["two"])


async def test_deliveries_and_dead_letters_are_shown(api: Api, endpoint: Endpoint) -> None:
    await api("POST", "/simulator/subscriptions", {"url": endpoint.url})
    endpoint.statuses.append(400)
    assert (await api("POST", "/simulator/events", [{"id": "odd"}]))[0] == 202
    _, dead = await api("GET", "/simulator/dead-letters?wait_for=1&timeout=5")
    assert dead["items"][0]["blob"]["id"] == "odd"
    _, deliveries = await api("GET", "/simulator/deliveries")
    [attempt] = deliveries["items"]
    assert (attempt["event_ids"], attempt["attempt"], attempt["status"]) == (["odd"], 1, 400)
    assert attempt["latency_ms"] > 0


async def test_faults_are_set_shown_and_lifted(api: Api) -> None:
    _, faults = await api("PUT", "/simulator/faults", {"throttle": {"count": 2}, "garbage": {}})
    assert set(faults) == {"throttle", "garbage"}
    _, faults = await api("PUT", "/simulator/faults", {"garbage": None})
    assert faults == {"throttle": {"count": 2, "phone": None, "retry_after": None}}
    assert await api("DELETE", "/simulator/faults?name=throttle") == (200, {})


async def test_subscriptions_are_listed_without_secrets_and_ended(
    api: Api, endpoint: Endpoint
) -> None:
    wanted = {"name": "mine", "url": f"{endpoint.url}?code=s3cret", "headers": {"X-Key": "s3cret"}}
    await api("POST", "/simulator/subscriptions", wanted)
    _, listed = await api("GET", "/simulator/subscriptions")
    assert "s3cret" not in str(listed)
    assert listed["subscriptions"][0]["schema"] == "eventgrid"
    assert (await api("DELETE", "/simulator/subscriptions/mine"))[0] == 200
    assert (await api("DELETE", "/simulator/subscriptions/mine"))[0] == 404
    await api("POST", "/simulator/subscriptions", wanted)
    await api("DELETE", "/simulator/subscriptions")
    assert (await api("GET", "/simulator/subscriptions"))[1] == {"subscriptions": []}


async def test_a_failed_handshake_is_explained(api: Api, endpoint: Endpoint) -> None:
    endpoint.consent = {}
    wanted = {"url": endpoint.url, "schema": "cloudevents"}
    status, answer = await api("POST", "/simulator/subscriptions", wanted)
    assert (status, answer["error"]["code"]) == (400, "HandshakeFailed")


async def test_a_number_is_owned(api: Api, client: SmsClient) -> None:
    await api("POST", "/simulator/numbers", {"number": "72345", "carrier_opt_out": False})
    [result] = await client.send("72345", PHONE, "from a short code")
    assert result.successful
    assert "72345" in (await api("GET", "/simulator/health"))[1]["numbers"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/simulator/texts", {"from": PHONE, "to": "+19998887777", "body": "x"}, 400),
        ("POST", "/simulator/texts", {"from": PHONE}, 400),
        ("PUT", "/simulator/faults", {"gremlins": {}}, 404),
        ("PUT", "/simulator/faults", {"throttle": {"patience": 1}}, 400),
        ("GET", "/simulator/sends?since=yesterday", None, 400),
        ("POST", "/simulator/subscriptions", {"url": "ftp://x"}, 400),
    ],
)
async def test_what_the_caller_got_wrong_is_explained(
    api: Api, method: str, path: str, body: Any, status: int
) -> None:
    answered, answer = await api(method, path, body)
    assert answered == status
    assert answer["error"]["message"]


async def test_the_timeline_is_told_and_streamed(api: Api, sim: Simulator) -> None:
    waiting = asyncio.create_task(api("GET", "/simulator/timeline?timeout=5"))
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{sim.url}/simulator/stream") as stream,
    ):
        await sim.text(PHONE, NUMBER, "hello")
        lines = [(await stream.content.readline()).decode() for _ in range(3)]
    assert lines[1] == "event: text\n"
    assert orjson.loads(lines[2].removeprefix("data: "))["body"] == "hello"
    _, timeline = await waiting
    assert timeline["items"][0]["kind"] == "text"
    assert timeline["next"] == timeline["items"][-1]["seq"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_process_runs_and_ends_cleanly(number: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "local.simulator", "--port", "0", "--access-key", KEY, "--number", NUMBER),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert process.stdout
    line = (await process.stdout.readline()).decode()
    url = line.rpartition(" ")[2].strip()
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/simulator/health") as response,
    ):
        assert await response.json() == {"status": "ok", "pending": 0, "numbers": [NUMBER]}
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), 10)
    assert (process.returncode, errors) == (0, b"")
