"""Sends, as the official SDK makes and reads them."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from azure.communication.sms.aio import SmsClient
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from simulator_world import NUMBER, PHONE, Endpoint

from local.simulator import Simulator
from local.simulator.clock import rfc1123

pytestmark = pytest.mark.unit

FIRST_SENT = rfc1123(datetime(2026, 11, 21, 9, 0, tzinfo=UTC))


class Rewrite(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Changes the body before it is signed: in azure-core's pipeline a policy of each call comes
    before the one that signs."""

    def __init__(self, change: Callable[[dict[str, Any]], None]) -> None:
        self._change = change

    def on_request(self, request: Any) -> None:
        body = orjson.loads(request.http_request.data)
        self._change(body)
        request.http_request.set_json_body(body)


def repeatable(request_id: str | None, first_sent: str | None = FIRST_SENT) -> Rewrite:
    def change(body: dict[str, Any]) -> None:
        for recipient in body["smsRecipients"]:
            recipient["repeatabilityRequestId"] = request_id
            recipient["repeatabilityFirstSent"] = first_sent

    return Rewrite(change)


def problem_of(caught: pytest.ExceptionInfo[HttpResponseError]) -> dict[str, Any]:
    assert caught.value.status_code == 400
    assert caught.value.error is None  # The SDK reads only the other shape.
    problem: dict[str, Any] = orjson.loads(caught.value.response.text())
    assert set(problem) == {"type", "title", "status", "errors", "traceId"}
    return problem["errors"]


async def test_a_send_reaches_the_phone(sim: Simulator, client: SmsClient) -> None:
    [result] = await client.send(NUMBER, PHONE, "héllo 👋", tag="t")
    assert (result.to, result.http_status_code, result.successful) == (PHONE, 202, True)
    assert result.error_message is None
    assert result.message_id.startswith("Outgoing_")
    [text] = await sim.wait_for_texts(PHONE, 1)
    assert (text.from_, text.body, text.message_id) == (NUMBER, "héllo 👋", result.message_id)
    [send] = sim.sends
    assert send["http_status"] == 202
    assert send["recipients"][0]["message_id"] == result.message_id


async def test_bad_recipients_fail_inside_a_202(sim: Simulator, client: SmsClient) -> None:
    bad = ["+112345678901", "15551230001", "bob"]
    results = await client.send(NUMBER, [*bad, PHONE], "hello")
    assert [r.http_status_code for r in results] == [400, 400, 400, 202]
    assert results[0].error_message == "Invalid To phone number format."
    assert results[0].message_id is None
    results = await client.send(NUMBER, bad, "hello")
    assert not any(r.successful for r in results)
    assert len(sim.phone(PHONE).received) == 1


@pytest.mark.parametrize(
    ("recipients", "message", "field"),
    [
        ([], "hello", "SmsRecipients"),
        ([f"+1555{n:07}" for n in range(101)], "hello", "SmsRecipients"),
        ([PHONE], "x" * 2049, "Message"),
    ],
)
async def test_a_request_beyond_the_limits_is_refused_as_a_whole(
    sim: Simulator, client: SmsClient, recipients: list[str], message: str, field: str
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        await client.send(NUMBER, recipients, message)
    assert set(problem_of(caught)) == {field}
    assert sim.phones.numbers() == []


async def test_a_request_at_the_limits_is_accepted(sim: Simulator, client: SmsClient) -> None:
    recipients = [f"+1555{n:07}" for n in range(100)]
    results = await client.send(NUMBER, recipients, "x" * 2048)
    assert all(result.successful for result in results)
    assert len({result.message_id for result in results}) == 100


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (lambda body: body.pop("from"), {"From"}),
        (lambda body: body.pop("message"), {"Message"}),
        (lambda body: body.pop("smsRecipients"), {"SmsRecipients"}),
        (lambda body: body["smsRecipients"][0].pop("to"), {"SmsRecipients[0].To"}),
        (
            lambda body: body["smsSendOptions"].pop("enableDeliveryReport"),
            {"SmsSendOptions.EnableDeliveryReport"},
        ),
    ],
)
async def test_a_missing_field_is_named(
    clients: Any, change: Callable[[dict[str, Any]], None], fields: set[str]
) -> None:
    with pytest.raises(HttpResponseError) as caught:
        await clients(per_call_policies=[Rewrite(change)]).send(NUMBER, PHONE, "hello")
    assert set(problem_of(caught)) == fields


async def test_a_foreign_sender_is_unauthorized_without_a_word(client: SmsClient) -> None:
    with pytest.raises(ClientAuthenticationError) as caught:
        await client.send("+18005559999", PHONE, "hello")
    assert (caught.value.error.code, caught.value.error.message) == ("Unauthorized", "")


async def test_the_same_id_sends_once(sim: Simulator, clients: Any, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    request_id = str(uuid.uuid4())
    client = clients(per_call_policies=[repeatable(request_id)])
    [first] = await client.send(NUMBER, PHONE, "hello", enable_delivery_report=True)
    upper = clients(per_call_policies=[repeatable(request_id.upper())])
    [again] = await upper.send(NUMBER, PHONE, "hello", enable_delivery_report=True)
    assert (again.message_id, again.successful) == (first.message_id, True)
    assert len(sim.phone(PHONE).received) == 1
    flags = [(r["repeated"], r["conflict"]) for send in sim.sends for r in send["recipients"]]
    assert flags == [(False, False), (True, False)]
    await sim.settled()
    assert len(endpoint.events) == 1


async def test_the_same_id_with_other_content_is_told_on(sim: Simulator, clients: Any) -> None:
    client = clients(per_call_policies=[repeatable(str(uuid.uuid4()))])
    await client.send(NUMBER, PHONE, "hello")
    await client.send(NUMBER, PHONE, "goodbye")
    assert sim.sends[1]["recipients"][0]["conflict"]
    assert len(sim.phone(PHONE).received) == 1


@pytest.mark.parametrize(
    ("request_id", "first_sent"),
    [
        (str(uuid.UUID(int=1)), None),
        (str(uuid.UUID(int=1)), "2026-11-21T09:00:00Z"),
        (None, FIRST_SENT),
        ("command-1", FIRST_SENT),
        (uuid.UUID(int=1).hex, FIRST_SENT),
    ],
)
async def test_half_a_repeatability_pair_is_rejected(
    sim: Simulator, clients: Any, request_id: str | None, first_sent: str | None
) -> None:
    client = clients(per_call_policies=[repeatable(request_id, first_sent)])
    [result] = await client.send(NUMBER, PHONE, "hello")
    assert (result.http_status_code, result.successful) == (400, False)
    assert "RFC1123" in result.error_message
    assert not sim.phone(PHONE).received


async def test_separate_sends_of_the_sdk_are_separate_texts(
    sim: Simulator, client: SmsClient
) -> None:
    await client.send(NUMBER, PHONE, "hello")
    await client.send(NUMBER, PHONE, "hello")
    assert len(await sim.wait_for_texts(PHONE, 2)) == 2


async def test_stop_blocks_until_start(
    sim: Simulator, client: SmsClient, endpoint: Endpoint
) -> None:
    await sim.subscribe(
        endpoint.url, event_types=["Microsoft.Communication.SMSDeliveryReportReceived"]
    )
    await sim.text(PHONE, NUMBER, " stop ")
    [result] = await client.send(NUMBER, PHONE, "hello", enable_delivery_report=True)
    assert result.successful
    [report] = await endpoint.wait_for(1)
    assert report["data"]["deliveryStatus"] == "Failed"
    assert report["data"]["deliveryStatusDetails"] == "4007: Sender blocked for given recipient."
    assert not sim.phone(PHONE).received
    await sim.text(PHONE, NUMBER, "START")
    await client.send(NUMBER, PHONE, "welcome back")
    await sim.wait_for_texts(PHONE, 1)


async def test_stop_blocks_nothing_where_the_carrier_keeps_no_list(
    sim: Simulator, client: SmsClient
) -> None:
    sim.own(NUMBER, carrier_opt_out=False)
    await sim.text(PHONE, NUMBER, "STOP")
    await client.send(NUMBER, PHONE, "hello")
    await sim.wait_for_texts(PHONE, 1)


async def test_a_report_comes_only_when_asked_for(
    sim: Simulator, client: SmsClient, endpoint: Endpoint
) -> None:
    await sim.subscribe(endpoint.url)
    await client.send(NUMBER, PHONE, "no report")
    [result] = await client.send(NUMBER, PHONE, "report", enable_delivery_report=True, tag="t-1")
    await sim.wait_for("report", 1)
    await sim.settled()
    [report] = endpoint.events
    assert report["id"] == report["data"]["messageId"] == result.message_id
    assert report["data"]["Tag"] == "t-1"
    assert report["data"]["deliveryStatus"] == "Delivered"
