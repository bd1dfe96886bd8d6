"""What Twilio's and Infobip's simulators say has the shape of the samples that these providers
publish; compared where HELIOGRAPH_REFERENCE names a folder with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import orjson
import pytest
from hook_world import NUMBER, PHONE, REFERENCE

from local.simulator.phones import Text
from local.simulators import infobip_callbacks, infobip_codes, twilio_callbacks
from local.simulators.infobip import Infobip
from local.simulators.messages import News, Order, Refusal, Sent, State
from local.simulators.twilio import Twilio

pytestmark = pytest.mark.skipif(REFERENCE is None, reason="HELIOGRAPH_REFERENCE is not set")

SID = "AC" + "1f" * 16
TEXT = Text("SM1", PHONE, NUMBER, "Hi")


def sample(name: str) -> str:
    return (Path(REFERENCE or "") / "callbacks" / name).read_text()


def form(name: str) -> dict[str, str]:
    return dict(parse_qsl(sample(f"twilio/{name}"), keep_blank_values=True))


def body(name: str) -> Any:
    return json.loads(sample(f"infobip/{name}"))


def twilio() -> Twilio:
    return Twilio(account_sid=SID, auth_token="made-up", numbers=[NUMBER])


def infobip() -> Infobip:
    return Infobip(api_key="made-up", numbers=[NUMBER])


def shape(value: Any) -> Any:
    """The names in a value, at every depth, with the kinds of what they name."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return "number" if isinstance(value, int | float) else type(value).__name__


def sent_by_infobip() -> Sent:
    more = {
        "bulk": "1",
        "destination": PHONE[1:],
        "sender": NUMBER[1:],
        "count": True,
        "intermediate": True,
        "echoed": {"callbackData": "x", "platform": {"entityId": "a", "applicationId": "b"}},
    }
    return Sent("id-1", Order(NUMBER, PHONE, "Hi", message_id="id-1", more=more), 1)


def test_an_inbound_text_of_twilio_has_the_fields_of_the_sample() -> None:
    ours = twilio_callbacks.inbound_form(TEXT, SID, body=TEXT.body)
    assert ours.keys() == form("inbound.form").keys()


@pytest.mark.parametrize(
    ("name", "news"),
    [
        ("status_sent.form", News(State.SENT)),
        ("status_delivered.form", News(State.DELIVERED)),
        ("status_undelivered_30003.form", News(State.FAILED)),
        ("status_failed_21610.form", News(State.FAILED, "21610")),
    ],
)
def test_a_status_callback_of_twilio_says_what_the_sample_says(name: str, news: News) -> None:
    theirs = form(name)
    theirs.pop("MessagingServiceSid", None)  # The simulated account has none.
    ours = twilio_callbacks.status_form(Sent("SM1", Order(NUMBER, PHONE, "Hi"), 1), news, SID)
    assert ours.keys() == theirs.keys()
    told = ("MessageStatus", "SmsStatus", "ErrorCode", "ApiVersion")
    assert [ours.get(field) for field in told] == [theirs.get(field) for field in told]


@pytest.mark.parametrize("code", ["20003", "20404", "20429", "20500", "21610", "21611"])
def test_an_error_of_twilio_is_the_sample(code: str) -> None:
    theirs = json.loads(sample(f"twilio/error_{code}.json"))
    assert json.loads(twilio().refused(Refusal(theirs["status"], code)).body) == theirs


def test_a_sent_text_of_twilio_has_the_fields_of_the_sample() -> None:
    answer = twilio().accepted([Sent("SM1", Order(NUMBER, PHONE, "Hi"), 1)])
    ours, theirs = (
        orjson.loads(bytes(answer.body)),
        json.loads(sample("twilio/send_response_201.json")),
    )
    assert shape(ours) == shape(theirs)
    told = ("status", "direction", "num_segments", "num_media", "price_unit", "api_version")
    assert [ours[field] for field in told] == [theirs[field] for field in told]


def test_an_inbound_text_of_infobip_has_the_fields_of_the_sample() -> None:
    ours = infobip_callbacks.inbound_item(TEXT)
    assert shape(ours) == shape(body("inbound.json")["results"][0])
    stop = infobip_callbacks.inbound_item(Text("1", PHONE, NUMBER, "STOP"))
    theirs = body("inbound_stop.json")["results"][0]
    told = ("text", "cleanText", "keyword")
    assert [stop[field] for field in told] == [theirs[field] for field in told]


@pytest.mark.parametrize(
    ("name", "place", "code"),
    [
        ("delivery_report_delivered.json", 0, None),
        ("delivery_report_opted_out.json", 0, "14"),
        ("delivery_report_batch.json", 0, "7"),
        ("delivery_report_batch.json", 1, "9"),
        ("delivery_report_batch.json", 2, "15"),
    ],
)
def test_a_report_of_infobip_says_what_the_sample_says(
    name: str, place: int, code: str | None
) -> None:
    theirs = body(name)["results"][place]
    ours = infobip_callbacks.report_item(sent_by_infobip(), News(State.DELIVERED, code))
    assert shape(ours) == shape(theirs)
    for field in ("groupId", "groupName", "id", "name"):
        assert ours["status"][field] == theirs["status"][field]
        assert ours["error"][field] == theirs["error"][field]
    assert ours["error"]["permanent"] == theirs["error"]["permanent"]


def test_the_old_report_of_infobip_has_the_fields_of_the_sample() -> None:
    ours = infobip_callbacks.report_item(sent_by_infobip(), News(State.DELIVERED), old=True)
    theirs = body("delivery_report_v2_shape.json")["results"][0]
    assert shape(ours) == shape(theirs)
    assert ours["error"]["groupName"] == theirs["error"]["groupName"] == "Ok"


@pytest.mark.parametrize("status", [401, 429])
def test_an_error_of_infobip_is_the_sample(status: int) -> None:
    answer = infobip().refused(Refusal(status))
    assert json.loads(bytes(answer.body)) == body(f"error_{status}.json")


def test_a_duplicate_at_infobip_is_answered_as_the_sample() -> None:
    order = sent_by_infobip().order
    answer = infobip().accepted([Refusal(200, infobip_codes.DUPLICATE, order=order)])
    ours, theirs = json.loads(bytes(answer.body)), body("send_response_duplicate_id.json")
    assert shape(ours) == shape(theirs)
    assert ours["messages"][0]["status"] == theirs["messages"][0]["status"]


def test_every_status_of_infobip_has_its_name_and_group() -> None:
    path = Path(REFERENCE or "") / "specs" / "provider_codes.json"
    table = json.loads(path.read_text())["infobip"]["status"]
    for id_, row in table.items():
        if id_.isdigit() and id_ != "87":  # 87 is in two groups.
            status = infobip_codes.status(id_)
            assert (status["name"], status["groupId"]) == (row["name"], row["groupId"])
