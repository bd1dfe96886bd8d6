"""Deliveries: each form of each event is published, everything else is called what it is."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
from webhook_world import (
    OURS,
    REPORT,
    THEIRS,
    VALIDATION,
    FakeBus,
    FakeNumbers,
    cloud_event,
    event_grid,
    pascal,
    received_data,
    report_data,
    webhook,
)

from common import trace
from common.bus import topology
from common.events import SmsReceived, SmsReport
from heliograph import wire
from heliograph.models import ReportStatus

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def samples() -> Iterable[Any]:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        reason = "HELIOGRAPH_REFERENCE names no folder with published samples"
        return [pytest.param(None, marks=pytest.mark.skip(reason=reason))]
    files = sorted(Path(folder).glob("events/*.json"))
    return [
        pytest.param(file, id=file.stem)
        for file in files
        if not file.name.startswith(("subscription-validation", "derived.delivery-headers"))
    ]


@pytest.mark.parametrize("shape", [lambda event: event, lambda event: [event]])
@pytest.mark.parametrize("spell", [lambda data: data, pascal])
@pytest.mark.parametrize("envelope", [event_grid, cloud_event])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain"])
async def test_a_text_is_published_whatever_its_form(
    envelope: Any, spell: Any, shape: Any, content_type: str
) -> None:
    bus = FakeBus()
    body = shape(envelope(spell(received_data())))
    async with webhook(bus) as world:
        assert await world.post(body, headers={"Content-Type": content_type}) == (200, None)
        assert world.counted("received", "published") == 1
    (message,) = bus.messages
    assert (message.exchange, message.key) == (topology.INBOUND_EXCHANGE, "received.acs")
    assert message.type == "sms.received"
    text = SmsReceived.decode(message.body)
    assert (text.tenant_id, text.connection_id, text.provider) == ("acme", "con-1", "acs")
    assert (text.number, text.remote, text.body) == (OURS, THEIRS, "Is the heating on?")
    assert text.at.isoformat() == "2020-09-18T00:27:45.321234+00:00"


@pytest.mark.parametrize("shape", [lambda event: event, lambda event: [event]])
@pytest.mark.parametrize("spell", [lambda data: data, pascal])
@pytest.mark.parametrize("envelope", [event_grid, cloud_event])
async def test_a_report_is_published_whatever_its_form(
    envelope: Any, spell: Any, shape: Any
) -> None:
    bus = FakeBus()
    data = report_data(deliveryStatus="Failed", deliveryStatusDetails="4007: blocked")
    async with webhook(bus) as world:
        status, _ = await world.post(shape(envelope(spell(data), REPORT)))
        assert status == 200
        assert world.counted("report", "published") == 1
    (message,) = bus.messages
    assert message.key == "report.acs"
    report = SmsReport.decode(message.body)
    assert (report.number, report.remote) == (OURS, THEIRS)
    assert (report.status, report.code) == (ReportStatus.REJECTED, "4007")
    assert report.reference is None


@pytest.mark.parametrize("file", samples())
async def test_every_published_sample_is_published(file: Path) -> None:
    bus = FakeBus()
    body = await asyncio.to_thread(file.read_bytes)
    expected = orjson.loads(body)
    async with webhook(bus) as world:
        assert await world.post(body) == (200, None)
    assert len(bus.messages) == (len(expected) if isinstance(expected, list) else 1)


async def test_the_type_of_an_event_is_compared_without_case() -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        await world.post([event_grid(received_data(), "MICROSOFT.communication.SmsReceived")])
    assert len(bus.messages) == 1


async def test_all_events_of_a_batch_are_published_in_order_with_ids_of_their_own() -> None:
    bus = FakeBus()
    events = [event_grid(received_data(number)) for number in range(600)]
    async with webhook(bus) as world:
        assert await world.post(events) == (200, None)
        assert world.counted("received", "published") == 600
    assert [body["provider_message_id"] for body in bus.bodies()] == [e["id"] for e in events]
    assert len({message.message_id for message in bus.messages}) == 600


async def test_a_text_that_comes_again_has_the_same_message_id() -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        await world.post([event_grid(received_data())])
        await world.post(cloud_event(pascal(received_data())))
    first, second = bus.messages
    assert first.message_id == second.message_id


async def test_a_trace_is_followed_and_each_event_without_one_gets_its_own() -> None:
    bus = FakeBus()
    events = [event_grid(received_data(1)), event_grid(received_data(2))]
    async with webhook(bus) as world:
        await world.post(events, headers={"traceparent": TRACE})
        await world.post(events, headers={"traceparent": "00-nonsense"})
        await world.post(cloud_event(received_data()) | {"traceparent": TRACE})
    parents = [message.headers[wire.HEADER_TRACEPARENT] for message in bus.messages]
    assert all(trace.valid(parent) for parent in parents)
    ids = [parent.split("-")[1] for parent in parents]
    assert ids[0] == ids[1] == ids[4] == TRACE.split("-")[1]
    assert len({*ids[1:4]}) == 3


async def test_a_text_without_a_readable_time_has_that_of_its_event() -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        await world.post([event_grid(received_data(receivedTimestamp="?"))])
        await world.post(cloud_event(received_data(receivedTimestamp=None)) | {"time": 7})
    of_event, of_acceptance = bus.bodies()
    assert of_event["at"] == "2020-09-18T00:27:47Z"
    assert of_acceptance["at"] == of_acceptance["accepted_at"]


async def test_a_text_for_an_unknown_number_is_counted_and_dropped() -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        assert await world.post([event_grid(received_data(to="15550000000"))]) == (200, None)
        assert await world.post(event_grid(report_data(**{"from": "x"}), REPORT)) == (200, None)
        assert world.counted("received", "unknown_number") == 1
        assert world.counted("report", "unknown_number") == 1
    assert bus.messages == []


@pytest.mark.parametrize(
    "kind",
    [
        "Microsoft.Communication.ChatMessageReceived",
        "Microsoft.EventGrid.SubscriptionDeletedEvent",
        VALIDATION,
    ],
)
async def test_other_events_are_counted_and_dropped_and_their_neighbours_go_on(kind: str) -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        events = [event_grid({"x": 1}, kind), event_grid(received_data())]
        assert await world.post(events) == (200, None)
        assert world.counted("other", "ignored") == 1
    assert [message.type for message in bus.messages] == ["sms.received"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (event_grid({"messageId": "m"}), "data.to"),
        (event_grid(None), "data is not an object"),
        (event_grid(received_data(message=5)), "data.message"),
        (event_grid(report_data(deliveryStatus=None), REPORT), "data.deliverystatus"),
        ({"data": received_data()}, "names no type"),
        ({"specversion": "1.0", "eventType": "Microsoft.Communication.SMSReceived"}, "no type"),
        ("a text", "not an object"),
        (17, "not an object"),
        (None, "not an object"),
        ([event_grid(received_data())], "not an object"),
    ],
)
async def test_one_broken_event_is_parked_with_its_reason_and_its_neighbours_go_on(
    broken: Any, reason: str
) -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        events = [event_grid(received_data(1)), broken, event_grid(received_data(2))]
        assert await world.post(events) == (200, None)
    good, parked, other = bus.messages
    assert (good.type, other.type) == ("sms.received", "sms.received")
    assert (parked.exchange, parked.key) == (wire.DEAD_EXCHANGE, topology.PROCESSOR_QUEUE)
    assert parked.headers[topology.HEADER_REASON] == "unreadable_event"
    assert reason in parked.headers[topology.HEADER_DETAIL]
    assert orjson.loads(parked.body) == broken


async def test_a_broken_event_nested_deeper_than_it_can_be_written_harms_nobody() -> None:
    bus = FakeBus()
    body = orjson.dumps([event_grid(received_data())])[:-1] + b"," + nested(600) + b"]"
    async with webhook(bus) as world:
        assert await world.post(body) == (200, None)
    assert [message.exchange for message in bus.messages] == [
        topology.INBOUND_EXCHANGE,
        wire.DEAD_EXCHANGE,
    ]


def nested(levels: int) -> bytes:
    return b'{"x":' + b"[" * levels + b"]" * levels + b"}"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb'"half an emoji: \ud83d"', "half an emoji: �"),
        (rb'"\ude00 the other half"', "� the other half"),
        (rb'"whole: \ud83d\ude00"', "whole: 😀"),
        (b'"not UTF-8: \xff"', "not UTF-8: �"),
        (rb'"a NUL: \u0000"', "a NUL: \0"),
    ],
)
async def test_a_text_with_a_broken_character_is_not_lost(written: bytes, read: str) -> None:
    bus = FakeBus()
    body = orjson.dumps([event_grid(received_data(message="HERE"))]).replace(b'"HERE"', written)
    async with webhook(bus) as world:
        assert await world.post(body) == (200, None)
    assert [body["body"] for body in bus.bodies()] == [read]


async def test_a_byte_order_mark_is_no_reason_to_lose_a_text() -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        assert await world.post(b"\xef\xbb\xbf" + orjson.dumps(event_grid(received_data()))) == (
            200,
            None,
        )
    assert len(bus.messages) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"hello", 400, "not_json"),
        (b"[{", 400, "not_json"),
        (b"\x1f\x8b\x08 not gzip", 400, "not_json"),
        (b"[" * 100_000, 400, "not_json"),
        (b"5", 400, "wrong_shape"),
        (b'"text"', 400, "wrong_shape"),
        (b"null", 400, "wrong_shape"),
        (b"true", 400, "wrong_shape"),
        (orjson.dumps([{}] * 5_001), 413, "too_many_events"),
        (b" " * 2_000_000, 413, "too_large"),
    ],
    ids=lambda value: value[:12].decode("latin-1") if isinstance(value, bytes) else None,
)
async def test_what_can_never_be_an_event_is_refused_for_good(
    body: bytes, status: int, code: str
) -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        answered, problem = await world.post(body)
    assert (answered, problem["code"], problem["status"]) == (status, code, status)
    assert bus.messages == []


async def test_an_empty_array_is_nothing_to_do() -> None:
    async with webhook(FakeBus()) as world:
        assert await world.post([]) == (200, None)


async def test_a_full_batch_of_the_most_events_is_taken() -> None:
    bus = FakeBus()
    async with webhook(bus, body_limit=8_000_000) as world:
        events = [event_grid(received_data(number)) for number in range(5_000)]
        assert await world.post(events) == (200, None)
    assert len(bus.messages) == 5_000


async def test_a_number_that_moved_to_another_provider_still_gets_its_late_reports() -> None:
    numbers = FakeNumbers()
    bus = FakeBus()
    async with webhook(bus, numbers) as world:
        await world.post([event_grid(report_data(), REPORT)])
    assert bus.bodies()[0]["provider"] == "acs"
