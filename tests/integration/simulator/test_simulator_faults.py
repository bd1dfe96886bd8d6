"""Each fault does what its name says, as often as asked."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from azure.communication.sms.aio import SmsClient
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.core.pipeline.transport import AioHttpTransport
from msrest.exceptions import DeserializationError
from pydantic import ValidationError
from simulator_world import NUMBER, PHONE, Endpoint, Request

from local.simulator import Simulator

pytestmark = pytest.mark.unit

OTHER = "+15551230002"


async def send(client: SmsClient, body: str = "hello", to: str = PHONE) -> Any:
    [result] = await client.send(NUMBER, to, body, enable_delivery_report=True)
    return result


@pytest.mark.parametrize(
    ("name", "raised", "accepted"),
    [
        ("key_revoked", ClientAuthenticationError, False),
        ("not_owned", ClientAuthenticationError, False),
        ("throttle", HttpResponseError, False),
        ("cut_before_accept", ServiceRequestError, False),
        ("error_before_accept", HttpResponseError, False),
        ("cut_after_accept", ServiceRequestError, True),
        ("error_after_accept", HttpResponseError, True),
        ("garbage", AttributeError, True),
    ],
)
async def test_a_send_fails_once_and_the_next_one_works(
    sim: Simulator, client: SmsClient, name: str, raised: type[Exception], accepted: bool
) -> None:
    sim.fault(name, count=1)
    with pytest.raises(raised):
        await send(client)
    assert sim.phone(PHONE).received_total == int(accepted)
    assert (sim.sends[0]["fault"], sim.sends[0]["accepted"]) == (name, accepted)
    assert (await send(client)).successful
    assert sim.faults.facts() == {}


@pytest.mark.parametrize(
    ("name", "parameters", "status", "code"),
    [
        ("key_revoked", {}, 401, "Denied"),
        ("not_owned", {}, 401, "Unauthorized"),
        ("throttle", {}, 429, "TooManyRequests"),
        ("error_before_accept", {"status": 502}, 502, "ServiceUnavailable"),
        ("error_after_accept", {}, 500, "InternalError"),
    ],
)
async def test_an_error_has_its_status_and_code(
    sim: Simulator, client: SmsClient, *, name: str, parameters: Any, status: int, code: str
) -> None:
    sim.fault(name, **parameters)
    for _ in range(2):  # No count: until cleared.
        with pytest.raises(HttpResponseError) as caught:
            await send(client)
        assert (caught.value.status_code, caught.value.error.code) == (status, code)
        assert "Retry-After" not in caught.value.response.headers
    sim.clear_faults(name)
    assert (await send(client)).successful


async def test_throttling_may_say_when_to_come_back(sim: Simulator, client: SmsClient) -> None:
    sim.fault("throttle", retry_after=7)
    with pytest.raises(HttpResponseError) as caught:
        await send(client)
    assert caught.value.response.headers["Retry-After"] == "7"


async def test_the_credential_check_meets_faults_too(sim: Simulator, client: SmsClient) -> None:
    sim.fault("key_revoked", count=1)
    with pytest.raises(ClientAuthenticationError):
        await client.send(NUMBER, [], "check")


@pytest.mark.parametrize(
    ("content_type", "raised"),
    [("application/json", DecodeError), ("text/plain", DeserializationError)],
)
async def test_garbage_may_have_a_body(
    sim: Simulator, client: SmsClient, content_type: str, raised: type[Exception]
) -> None:
    sim.fault("garbage", body="<html>", content_type=content_type)
    with pytest.raises(raised):
        await send(client)
    assert sim.phone(PHONE).received_total == 1


async def test_a_slow_send_is_accepted_before_the_caller_gives_up(
    sim: Simulator, clients: Any
) -> None:
    sim.fault("slow", seconds=30, count=1)
    client = clients(transport=AioHttpTransport(read_timeout=0.05, use_env_settings=False))
    with pytest.raises(ServiceResponseError):
        await send(client)
    assert sim.phone(PHONE).received_total == 1


async def test_a_slow_send_takes_its_time(sim: Simulator, client: SmsClient) -> None:
    sim.fault("slow", seconds=0.1, after_accept=False)
    started = time.monotonic()
    assert (await send(client)).successful
    assert time.monotonic() - started >= 0.1


async def test_a_recipient_fails_inside_a_202(sim: Simulator, client: SmsClient) -> None:
    sim.fault("recipient_error", http_status_code=429, error_message="Busy", phone=OTHER)
    results = await client.send(NUMBER, [PHONE, OTHER], "hello")
    assert [(r.http_status_code, r.error_message) for r in results] == [(202, None), (429, "Busy")]
    assert sim.phone(OTHER).received_total == 0


async def test_a_fault_may_concern_one_phone_only(sim: Simulator, client: SmsClient) -> None:
    sim.fault("throttle", phone=OTHER)
    assert (await send(client)).successful
    with pytest.raises(HttpResponseError):
        await send(client, to=OTHER)


async def test_an_early_report_arrives_before_the_answer(
    sim: Simulator, client: SmsClient, endpoint: Endpoint
) -> None:
    await sim.subscribe(endpoint.url)
    sim.fault("early_reports", count=1)
    let_go = asyncio.Event()

    async def hold(_: Request) -> None:
        await let_go.wait()

    endpoint.on_delivery = hold
    sending = asyncio.create_task(send(client))
    [report] = await endpoint.wait_for(1)
    assert not sending.done()
    let_go.set()
    assert (await sending).message_id == report["data"]["messageId"]


async def test_without_a_fault_the_report_follows_the_answer(
    sim: Simulator, client: SmsClient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sim.subscribe(endpoint.url)
    answered = asyncio.Event()
    publish = sim.grid.publish

    async def publish_once_answered(*args: Any, **options: Any) -> Any:
        await answered.wait()
        return await publish(*args, **options)

    monkeypatch.setattr(sim.grid, "publish", publish_once_answered)
    async with asyncio.timeout(5):
        result = await send(client)
    answered.set()
    [report] = await endpoint.wait_for(1)
    assert report["id"] == result.message_id


async def test_duplicate_reports(sim: Simulator, client: SmsClient, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    sim.fault("duplicate_reports", copies=3)
    result = await send(client)
    reports = await endpoint.wait_for(3)
    assert {report["id"] for report in reports} == {result.message_id}


async def test_missing_reports(sim: Simulator, client: SmsClient, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    sim.fault("missing_reports", count=1)
    await send(client, "silent")
    loud = await send(client, "loud")
    await endpoint.wait_for(1)
    await sim.settled()
    assert [report["id"] for report in endpoint.events] == [loud.message_id]
    assert sim.phone(PHONE).received_total == 2


async def test_failed_reports(sim: Simulator, client: SmsClient, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    sim.fault("failed_reports", details="4006: Destination not reachable.")
    assert (await send(client)).successful
    [report] = await endpoint.wait_for(1)
    assert report["data"]["deliveryStatus"] == "Failed"
    assert report["data"]["deliveryStatusDetails"] == "4006: Destination not reachable."
    assert report["data"]["deliveryAttempts"][0]["segmentsFailed"] == 1
    assert not sim.phone(PHONE).received


async def test_late_reports(sim: Simulator, client: SmsClient, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    sim.fault("late_reports", seconds=0.1, count=1)
    late, prompt = await send(client), await send(client)
    started = time.monotonic()
    reports = await endpoint.wait_for(2)
    assert [report["id"] for report in reports] == [prompt.message_id, late.message_id]
    assert time.monotonic() - started < 5


async def test_reordered_reports(sim: Simulator, client: SmsClient, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    sim.fault("reorder_reports", window=3, hold_seconds=60)
    ids = [(await send(client)).message_id for _ in range(3)]
    assert [report["id"] for report in await endpoint.wait_for(3)] == ids[::-1]


async def test_an_incomplete_window_of_reports_is_not_lost(
    sim: Simulator, client: SmsClient, endpoint: Endpoint
) -> None:
    await sim.subscribe(endpoint.url)
    sim.fault("reorder_reports", window=10, hold_seconds=0.05)
    result = await send(client)
    [report] = await endpoint.wait_for(1)
    assert report["id"] == result.message_id


async def test_duplicate_texts_arrive_at_the_same_time(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    sim.fault("duplicate_texts", copies=5, count=1)
    together = asyncio.Barrier(5)
    endpoint.on_delivery = lambda _: together.wait()
    message_id = await sim.text(PHONE, NUMBER, "hello")
    texts = await endpoint.wait_for(5)
    await sim.settled()
    assert [text["data"]["messageId"] for text in texts] == [message_id] * 5


async def test_a_stranger_is_denied_before_any_fault_strikes(sim: Simulator) -> None:
    sim.fault("cut_before_accept", count=1)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{sim.url}/sms?api-version=2021-03-07", json={}) as response,
    ):
        assert response.status == 401
    assert sim.faults.facts()["cut_before_accept"]["count"] == 1


async def test_unknown_faults_and_parameters_are_refused(sim: Simulator) -> None:
    with pytest.raises(KeyError):
        sim.fault("gremlins")
    with pytest.raises(ValidationError):
        sim.fault("throttle", patience=3)
