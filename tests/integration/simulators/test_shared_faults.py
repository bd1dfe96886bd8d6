"""What every simulated provider can be told to do wrong, and its control API, shown with Twilio."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import orjson
import pytest
from hook_world import NUMBER, PHONE, Hook
from pydantic import ValidationError

from local.simulators import SIMULATORS, UnknownNumber
from local.simulators.messages import basic
from local.simulators.twilio import Twilio

SID = "AC" + "1f" * 16
TOKEN = "made-up-token"


@pytest.fixture
async def sim(hook: Hook) -> AsyncIterator[Twilio]:
    simulator = Twilio(
        account_sid=SID, auth_token=TOKEN, numbers=[NUMBER], time_scale=0.001, seed=1
    )
    async with simulator:
        simulator.portal(hook.url("/inbound"))
        yield simulator


async def send(sim: Twilio, report_url: str = "") -> tuple[int, bytes]:
    """Status and body of a send's answer; 0 where the connection was cut."""
    form = {"To": PHONE, "From": NUMBER, "Body": "Hi", "StatusCallback": report_url}
    url = f"{sim.url}/2010-04-01/Accounts/{SID}/Messages.json"
    head = {"Authorization": basic(SID, TOKEN)}
    try:
        async with (
            aiohttp.ClientSession(headers=head) as session,
            session.post(url, data=form) as answer,
        ):
            return answer.status, await answer.read()
    except aiohttp.ServerDisconnectedError:
        return 0, b""


def states(hook: Hook) -> list[str]:
    forms = [dict(parse_qsl(request.body.decode())) for request in hook.requests]
    return [form["MessageStatus"] for form in forms]


@pytest.mark.parametrize(
    ("name", "parameters", "status", "received"),
    [
        ("denied", {}, 401, 0),
        ("throttle", {}, 429, 0),
        ("cut_before_accept", {}, 0, 0),
        ("error_before_accept", {}, 503, 0),
        ("no_credit", {}, 403, 0),
        ("suspended", {}, 403, 0),
        ("refuse", {"status": 400, "code": "21614"}, 400, 0),
        ("cut_after_accept", {}, 0, 1),
        ("error_after_accept", {"status": 502}, 502, 1),
        ("garbage", {"body": "<html>"}, 201, 1),
    ],
)
async def test_a_fault_decides_the_answer_once_and_then_all_is_well(
    sim: Twilio, name: str, parameters: dict[str, Any], status: int, received: int
) -> None:
    sim.fault(name, count=1, phone=PHONE, **parameters)
    assert (await send(sim))[0] == status
    assert sim.phone(PHONE).received_total == received
    assert sim.sends[-1]["fault"] == name
    assert (await send(sim))[0] == 201
    assert sim.sends[-1]["fault"] is None


async def test_a_fault_of_another_phone_does_not_strike(sim: Twilio) -> None:
    sim.fault("throttle", phone="+12125550199")
    assert (await send(sim))[0] == 201


async def test_an_answer_may_come_late(sim: Twilio) -> None:
    sim.fault("slow", seconds=0.1, count=1)
    began = time.monotonic()
    assert (await send(sim))[0] == 201
    assert time.monotonic() - began >= 0.1


async def test_reports_may_come_twice_or_never(sim: Twilio, hook: Hook) -> None:
    sim.fault("duplicate_reports", copies=3, count=1)
    await send(sim, hook.url("/status"))
    await sim.settled()
    assert states(hook) == ["sent"] * 3 + ["delivered"]
    sim.fault("missing_reports")
    await send(sim, hook.url("/status"))
    await sim.settled()
    assert len(hook.requests) == 4
    assert [sent.state for sent in sim.sent.values()] == ["delivered"] * 2


async def test_reports_may_come_in_the_wrong_order(sim: Twilio, hook: Hook) -> None:
    sim.fault("reorder_reports")
    await send(sim, hook.url("/status"))
    await hook.wait_for(2)
    assert states(hook) == ["delivered", "sent"]


async def test_reports_may_beat_the_answer(sim: Twilio, hook: Hook) -> None:
    sim.fault("early_reports")
    await send(sim, hook.url("/status"))
    assert states(hook) == ["sent", "delivered"]


async def test_reports_may_come_late(sim: Twilio, hook: Hook) -> None:
    sim.fault("late_reports", seconds=0.1, count=1)
    await send(sim, hook.url("/status"))
    assert hook.requests == []
    await hook.wait_for(2)


async def test_a_text_may_count_as_many_parts(sim: Twilio) -> None:
    sim.fault("parts", parts=7)
    _, body = await send(sim)
    assert orjson.loads(body)["num_segments"] == "7"


async def test_texts_may_come_twice_at_once_or_never(sim: Twilio, hook: Hook) -> None:
    await sim.text(PHONE, NUMBER, "twice", copies=2)
    await hook.wait_for(2)
    assert hook.requests[0].body == hook.requests[1].body
    sim.fault("missing_texts")
    await sim.text(PHONE, NUMBER, "never")
    await sim.settled()
    assert len(hook.requests) == 2
    assert sim.dead_letters[0]["reason"] == "Missing"


async def test_an_unknown_fault_and_a_stranger_to_the_account_are_told_so(sim: Twilio) -> None:
    with pytest.raises(KeyError):
        sim.fault("nonsense")
    with pytest.raises(ValidationError):
        sim.fault("slow")
    with pytest.raises(UnknownNumber):
        await sim.text(PHONE, "+18005550199", "Hi")


async def test_the_control_api_does_what_the_object_does(sim: Twilio, hook: Hook) -> None:
    async def call(method: str, path: str, body: Any = None) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{sim.url}/simulator{path}", json=body) as answer,
        ):
            assert answer.status < 300, await answer.text()
            return orjson.loads(await answer.read())

    assert (await call("GET", "/health"))["provider"] == "twilio"
    await call("POST", "/numbers", {"number": "+18005550101"})
    portal = {"url": hook.url("/other"), "username": "me", "password": "geheim"}
    assert "password" not in await call("PUT", "/portal", portal)
    order = {"from": PHONE, "to": "+18005550101", "body": "Hi"}
    message_id = (await call("POST", "/texts", order))["message_id"]
    (request,) = await hook.wait_for(1)
    assert request.url == hook.url("/other")
    (delivery,) = (await call("GET", "/deliveries?wait_for=1&timeout=5"))["items"]
    assert (delivery["of"], delivery["ids"], delivery["verdict"]) == (
        "text",
        [message_id],
        "delivered",
    )
    await call("PUT", "/faults", {"throttle": {"count": 1}})
    assert (await send(sim))[0] == 429
    await call("PUT", "/secret", {"secret": "another"})
    assert (await send(sim))[0] == 401
    kinds = [entry["kind"] for entry in (await call("GET", "/timeline"))["items"]]
    assert kinds == ["portal", "portal", "text", "delivery", "fault", "send", "send"]
    assert (await call("GET", f"/phones/{PHONE}"))["sent"][0]["body"] == "Hi"


def test_every_simulator_says_of_what_its_account_consists() -> None:
    for name, simulator in SIMULATORS.items():
        assert simulator.name == name
        assert simulator.account
