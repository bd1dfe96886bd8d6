"""Event Grid: handshakes, what a delivery looks like, and what each answer to it causes."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError
from simulator_world import KEY, NUMBER, PHONE, Endpoint, Request

from local.simulator import HandshakeFailed, Simulator, retry

pytestmark = pytest.mark.unit


async def test_the_validation_event_must_be_echoed(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(f"{endpoint.url}?code=a%2Fb", headers={"Authorization": "Bearer s3"})
    [asked] = endpoint.validations
    assert asked.headers["aeg-event-type"] == "SubscriptionValidation"
    assert asked.headers["aeg-subscription-name"] == "SIMULATOR"
    assert asked.headers["Authorization"] == "Bearer s3"
    assert asked.query == {"code": "a/b"}
    [event] = asked.json
    assert event["eventType"] == "Microsoft.EventGrid.SubscriptionValidationEvent"
    assert set(event["data"]) == {"validationCode", "validationUrl"}


@pytest.mark.parametrize(
    "answer",
    [
        lambda code: web.json_response({"validationResponse": code}, status=202),
        lambda code: web.json_response({"validationResponse": code + "x"}),
        lambda code: web.json_response([code]),
        lambda _: web.Response(),
        lambda _: web.Response(status=403),
    ],
)
async def test_any_other_answer_to_the_validation_event_makes_no_subscription(
    sim: Simulator, endpoint: Endpoint, answer: Callable[[str], web.Response]
) -> None:
    endpoint.validate = answer
    with pytest.raises(HandshakeFailed):
        await sim.subscribe(endpoint.url)
    assert sim.grid.subscriptions == []


async def test_an_endpoint_that_cannot_be_reached_makes_no_subscription(sim: Simulator) -> None:
    with pytest.raises(HandshakeFailed, match="cannot be reached"):
        await sim.subscribe("http://127.0.0.1:1/hook")


async def test_consent_is_asked_with_options(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url, schema="cloudevents")
    [asked] = endpoint.validations
    assert asked.headers["WebHook-Request-Origin"] == "eventgrid.azure.net"
    assert asked.json is None


@pytest.mark.parametrize(
    ("consent", "agreed"),
    [
        ({"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "*"}, True),
        ({"WebHook-Allowed-Origin": "eventgrid.azure.net", "WebHook-Allowed-Rate": "120"}, True),
        ({"WebHook-Allowed-Origin": "example.com", "WebHook-Allowed-Rate": "*"}, False),
        ({"WebHook-Allowed-Origin": "*", "WebHook-Allowed-Rate": "0"}, False),
        ({"WebHook-Allowed-Origin": "*"}, False),
        ({}, False),
    ],
)
async def test_consent_needs_both_headers(
    sim: Simulator, endpoint: Endpoint, consent: dict[str, str], agreed: bool
) -> None:
    endpoint.consent = consent
    if agreed:
        await sim.subscribe(endpoint.url, schema="cloudevents")
        return
    with pytest.raises(HandshakeFailed):
        await sim.subscribe(endpoint.url, schema="cloudevents")


async def test_a_failed_update_leaves_the_subscription_as_it_was(
    sim: Simulator, endpoint: Endpoint
) -> None:
    await sim.subscribe(endpoint.url)
    endpoint.validate = lambda _: web.Response(status=404)
    with pytest.raises(HandshakeFailed):
        await sim.subscribe(endpoint.url, schema="eventgrid", casing="pascal")
    [kept] = sim.grid.subscriptions
    assert kept.casing == "camel"


async def test_a_delivery_carries_the_captured_headers(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(f"{endpoint.url}?code=s", headers={"Authorization": "Bearer s3"})
    await sim.text(PHONE, NUMBER, "hello")
    await endpoint.wait_for(1)
    [delivery] = endpoint.deliveries
    assert delivery.query == {"code": "s"}
    expected = {
        "Content-Type": "application/json; charset=utf-8",
        "aeg-subscription-name": "SIMULATOR",
        "aeg-delivery-count": "0",
        "aeg-data-version": "1.0",
        "aeg-metadata-version": "1",
        "aeg-event-type": "Notification",
        "Authorization": "Bearer s3",
    }
    assert {name: delivery.headers[name] for name in expected} == expected


async def test_a_cloud_event_comes_alone_with_its_origin(
    sim: Simulator, endpoint: Endpoint
) -> None:
    await sim.subscribe(endpoint.url, schema="cloudevents", plus_sign="with")
    message_id = await sim.text(PHONE, NUMBER, "hello")
    await endpoint.wait_for(1)
    [delivery] = endpoint.deliveries
    assert delivery.headers["Content-Type"] == "application/cloudevents+json; charset=utf-8"
    assert delivery.headers["Origin"] == "eventgrid.azure.net"
    assert delivery.json["specversion"] == "1.0"
    assert delivery.json["data"]["messageId"] == message_id
    assert (delivery.json["data"]["from"], delivery.json["data"]["to"]) == (PHONE, NUMBER)


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
async def test_waiting_events_travel_together_up_to_the_limit(
    sim: Simulator, endpoint: Endpoint, schema: str
) -> None:
    await sim.subscribe(endpoint.url, schema=schema, max_events_per_batch=4)
    await sim.publish(*({"id": str(n)} for n in range(10)))
    await endpoint.wait_for(10)
    assert [len(delivery.json) for delivery in endpoint.deliveries] == [4, 4, 2]
    assert {event["id"] for event in endpoint.events} == {str(n) for n in range(10)}


async def test_a_batch_stays_within_its_size(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url, max_events_per_batch=100, preferred_batch_kilobytes=1)
    await sim.publish(*({"id": str(n), "filler": "x" * 400} for n in range(5)))
    await endpoint.wait_for(5)
    assert max(len(delivery.json) for delivery in endpoint.deliveries) == 2


@pytest.mark.parametrize("payload", [{"id": "1", "eventType": "Odd"}, [], "text", None, {"a": [1]}])
async def test_a_raw_event_is_delivered_as_it_is(
    sim: Simulator, endpoint: Endpoint, payload: Any
) -> None:
    await sim.subscribe(endpoint.url)
    await sim.publish(payload)
    await endpoint.wait_for(1)
    assert endpoint.deliveries[0].json == [payload]


async def test_only_wanted_types_are_delivered(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url, event_types=["Wanted"])
    await sim.publish({"id": "1", "eventType": "Odd"}, {"id": "2", "type": "Wanted"})
    await sim.settled()
    assert [event["id"] for event in endpoint.events] == ["2"]


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
async def test_success_is_not_repeated(sim: Simulator, endpoint: Endpoint, status: int) -> None:
    await sim.subscribe(endpoint.url)
    endpoint.statuses.append(status)
    await sim.text(PHONE, NUMBER, "hello")
    await sim.wait_for("delivery", 1)
    await sim.settled()
    assert [(d["attempt"], d["status"]) for d in sim.deliveries] == [(1, status)]
    assert sim.dead_letters == []


@pytest.mark.parametrize("status", [400, 401, 403, 413])
async def test_final_answers_are_never_retried(
    sim: Simulator, endpoint: Endpoint, status: int
) -> None:
    await sim.subscribe(endpoint.url)
    endpoint.statuses.append(status)
    message_id = await sim.text(PHONE, NUMBER, "hello")
    [dead] = await sim.wait_for("dead_letter", 1)
    await sim.settled()
    assert len(endpoint.deliveries) == 1
    assert dead["blob"]["id"] == message_id
    assert dead["blob"]["deliveryAttempts"] == 1


async def test_other_answers_are_retried_until_success(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    endpoint.statuses.extend([500, 302, 429])
    message_id = await sim.text(PHONE, NUMBER, "hello")
    await endpoint.wait_for(4)
    await sim.settled()
    assert [d["status"] for d in sim.deliveries] == [500, 302, 429, 200]
    assert [d["attempt"] for d in sim.deliveries] == [1, 2, 3, 4]
    assert {tuple(d["event_ids"]) for d in sim.deliveries} == {(message_id,)}
    counts = [delivery.headers["aeg-delivery-count"] for delivery in endpoint.deliveries]
    assert counts == ["0", "1", "2", "3"]


async def test_a_hanging_endpoint_is_tried_again(endpoint: Endpoint) -> None:
    first: deque[bool] = deque([True])
    never = asyncio.Event()

    async def hang_once(_: Request) -> None:
        if first:
            first.pop()
            await never.wait()

    endpoint.on_delivery = hang_once
    async with Simulator(
        access_key=KEY, numbers=[NUMBER], time_scale=0.001, delivery_timeout=0.1
    ) as sim:
        await sim.subscribe(endpoint.url)
        await sim.text(PHONE, NUMBER, "hello")
        await endpoint.wait_for(2)
        await sim.settled()
        assert [d["outcome"] for d in sim.deliveries] == ["TimedOut", "Delivered"]
    never.set()


async def test_an_endpoint_that_is_away_gets_its_events_later(
    sim: Simulator, endpoint: Endpoint
) -> None:
    await sim.subscribe(endpoint.url)
    endpoint.statuses.append(503)
    await asyncio.gather(*(sim.text(PHONE, NUMBER, str(n)) for n in range(50)))
    await endpoint.wait_for(51)
    await sim.settled()
    assert len({event["id"] for event in endpoint.events}) == 50


async def test_attempts_are_bounded(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url, max_attempts=3)
    endpoint.statuses.extend([500] * 10)
    await sim.text(PHONE, NUMBER, "hello")
    [dead] = await sim.wait_for("dead_letter", 1)
    assert dead["blob"]["deadLetterReason"] == "MaxDeliveryAttemptsExceeded"
    assert len(sim.deliveries) == 3


async def test_events_expire(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url, schema="cloudevents", ttl_minutes=1)
    endpoint.statuses.extend([500] * 10)
    await sim.text(PHONE, NUMBER, "hello")
    [dead] = await sim.wait_for("dead_letter", 1)
    assert dead["blob"]["deadletterreason"] == "TimeToLiveExceeded"
    # At 0, 10 and 40 s of the grid's time, of which a busy machine may miss some; the next one
    # would be at 100 s.
    assert 1 <= len(sim.deliveries) <= 3


async def test_deliveries_run_concurrently(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    together = asyncio.Barrier(20)
    endpoint.on_delivery = lambda _: together.wait()
    for n in range(20):
        await sim.text(PHONE, NUMBER, str(n))
    await sim.settled()
    assert len(endpoint.deliveries) == 20


async def test_a_deletion_may_be_announced(sim: Simulator, endpoint: Endpoint) -> None:
    await sim.subscribe(endpoint.url)
    await sim.unsubscribe(notify=True)
    [notice] = endpoint.deliveries
    assert notice.headers["aeg-event-type"] == "SubscriptionDeletion"
    assert notice.json[0]["eventType"] == "Microsoft.EventGrid.SubscriptionDeletedEvent"


@pytest.mark.parametrize(
    "options",
    [
        {"max_events_per_batch": 0},
        {"max_events_per_batch": 5001},
        {"max_attempts": 31},
        {"headers": {"aeg-mine": "1"}},
        {"headers": {f"X-{n}": "1" for n in range(11)}},
        {"headers": {"X-Long": "x" * 4097}},
        {"schema": "kafka"},
    ],
)
async def test_a_subscription_beyond_the_limits_is_refused(
    sim: Simulator, endpoint: Endpoint, options: dict[str, Any]
) -> None:
    with pytest.raises(ValidationError):
        await sim.subscribe(endpoint.url, **options)


def test_the_schedule_is_the_documented_one() -> None:
    waits = [retry.verdict(500, attempt, 30) for attempt in range(1, 13)]
    minutes = [1 / 6, 1 / 2, 1, 5, 10, 30, 60, 180, 360, 720, 720, 720]
    assert waits == [retry.Again(pytest.approx(60 * m)) for m in minutes]
    assert retry.verdict(500, 30, 30) == retry.Drop("MaxDeliveryAttemptsExceeded")


@pytest.mark.parametrize(("status", "at_least"), [(None, 10), (503, 30), (408, 120), (404, 300)])
def test_some_answers_stretch_the_first_wait(status: int | None, at_least: float) -> None:
    assert retry.verdict(status, 1, 30) == retry.Again(at_least)
