"""Written events have the shape of the published samples, key by key."""

from typing import Any

import pytest
from azure.communication.sms.aio import SmsClient
from simulator_samples import published, shape
from simulator_world import NUMBER, PHONE, Endpoint

from local.simulator import Simulator, segments

pytestmark = pytest.mark.unit

STYLES: dict[str, dict[str, Any]] = {
    "eventgrid": {"schema": "eventgrid"},
    "cloudevents": {"schema": "cloudevents"},
    "eventgrid.pascalcase": {"schema": "eventgrid", "casing": "pascal"},
    "eventgrid.pascalcase-no-segmentcount": {"casing": "pascal", "segment_count": False},
    "cloudevents.pascalcase": {"schema": "cloudevents", "casing": "pascal"},
    "plus-prefixed.eventgrid": {"plus_sign": "with"},
}


def sample(name: str) -> Any:
    return published(f"events/{name}.json")


@pytest.mark.parametrize(
    ("style", "name", "since_2024"),
    [
        ("eventgrid", "sms-received.eventgrid", True),
        ("cloudevents", "derived.sms-received.cloudevents", True),
        ("eventgrid.pascalcase", "sms-received.eventgrid.pascalcase", True),
        (
            "eventgrid.pascalcase-no-segmentcount",
            "sms-received.eventgrid.pascalcase-no-segmentcount",
            False,
        ),
        ("cloudevents.pascalcase", "sms-received.cloudevents.pascalcase", False),
        ("plus-prefixed.eventgrid", "derived.sms-received-stop-plus-prefixed.eventgrid", True),
    ],
)
async def test_received_texts(
    sim: Simulator, endpoint: Endpoint, style: str, name: str, since_2024: bool
) -> None:
    published = sample(name)
    await sim.subscribe(endpoint.url, **STYLES[style] | {"segment_count": since_2024})
    await sim.text(PHONE, NUMBER, "hello")
    await endpoint.wait_for(1)
    written = endpoint.deliveries[0].json
    assert shape(written) == shape(published)
    [event] = written if isinstance(written, list) else [written]
    sender = event["data"].get("from", event["data"].get("From"))
    assert sender.startswith("+") == ("plus" in style)


@pytest.mark.parametrize(
    ("style", "name", "tag"),
    [
        ("eventgrid", "sms-delivery-report.eventgrid", "t"),
        ("cloudevents", "derived.sms-delivery-report.cloudevents", "t"),
        ("eventgrid.pascalcase", "sms-delivery-report.eventgrid.pascalcase", None),
        ("cloudevents.pascalcase", "sms-delivery-report.cloudevents.pascalcase", None),
    ],
)
async def test_delivery_reports(
    sim: Simulator, client: SmsClient, endpoint: Endpoint, *, style: str, name: str, tag: str | None
) -> None:
    published = sample(name)
    await sim.subscribe(endpoint.url, **STYLES[style])
    await client.send(NUMBER, PHONE, "hello", enable_delivery_report=True, tag=tag)
    await endpoint.wait_for(1)
    written = endpoint.deliveries[0].json
    assert shape(written) == shape(published)
    [event] = written if isinstance(written, list) else [written]
    data = {key.lower(): value for key, value in event["data"].items()}
    assert (data["from"], data["to"]) == (NUMBER.removeprefix("+"), PHONE)
    assert data["deliverystatusdetails"] == "No error."


@pytest.mark.parametrize("schema", ["eventgrid", "cloudevents"])
async def test_dead_letters(sim: Simulator, endpoint: Endpoint, schema: str) -> None:
    published = sample("derived.dead-letter.eventgrid")
    await sim.subscribe(endpoint.url, schema=schema)
    endpoint.statuses.append(400)
    await sim.text(PHONE, NUMBER, "hello")
    [dead] = await sim.wait_for("dead_letter", 1)
    if schema == "eventgrid":
        assert shape(dead["blob"]) == shape(published)
    else:
        assert "lastdeliveryoutcome" in dead["blob"]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("€" * 80, 1),
        ("x" * 152 + "€" + "x" * 152, 3),  # The pair does not fit the first part's last septet.
        ("ç" * 70, 1),
        ("ç" * 71, 2),
        ("👋" * 35, 1),
        ("👋" * 67, 3),  # 33 to a part of 67 units.
    ],
)
def test_segments(text: str, count: int) -> None:
    assert segments.count(text) == count
