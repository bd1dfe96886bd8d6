"""The simulated Telesign, judged by Telesign's own package, its published samples and vectors."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from integration.simulators.hook_world import Hook, Request
from jsonschema import validate
from sim_samples import sample, shape
from telesign.messaging import MessagingClient
from telesign.util import AuthMethod, verify_telesign_callback_signature

from local.simulator.journal import Entry
from local.simulators import telesign_signing
from local.simulators.courier import Letter
from local.simulators.messages import basic
from local.simulators.telesign import Telesign

NUMBER, PHONE = "+12065550143", "+14255550117"
CUSTOMER = "0B1C2D3E-4F50-4A6B-8C7D-9E0F1A2B3C4D"
KEY = base64.b64encode(b"a made-up key of some length, for tests only").decode()
FORM = {
    "phone_number": "14255550117",
    "message": "Your parcel has come.",
    "message_type": "ARN",
    "sender_id": "12065550143",
    "external_id": "ref-1",
}

Client = Any
"""Telesign's package is not typed."""


@pytest.fixture
async def sim(hook: Hook) -> AsyncIterator[Telesign]:
    simulator = Telesign(
        customer_id=CUSTOMER, api_key=KEY, numbers=[NUMBER], time_scale=0.001, seed=1
    )
    async with simulator:
        simulator.portal(hook.url())
        yield simulator


@pytest.fixture(params=[AuthMethod.BASIC.value, AuthMethod.HMAC_SHA256.value])
def client(sim: Telesign, request: pytest.FixtureRequest) -> Iterator[Client]:
    made = MessagingClient(CUSTOMER, KEY, rest_endpoint=sim.url, auth_method=request.param)
    yield made
    made.session.close()


async def post(sim: Telesign, *, login: tuple[str, str] = (CUSTOMER, KEY), **changes: Any) -> Any:
    """Send; gives status and body. A change to None leaves the field out."""
    form = {name: value for name, value in (FORM | changes).items() if value is not None}
    head = {"Authorization": basic(*login)}
    async with (
        aiohttp.ClientSession(headers=head) as session,
        session.post(f"{sim.url}/v1/messaging", data=form) as answer,
    ):
        return answer.status, orjson.loads(await answer.read())


async def status_of(sim: Telesign, reference_id: str) -> Any:
    head = {"Authorization": basic(CUSTOMER, KEY)}
    async with (
        aiohttp.ClientSession(headers=head) as session,
        session.get(f"{sim.url}/v1/messaging/{reference_id}") as answer,
    ):
        return answer.status, orjson.loads(await answer.read())


def told(requests: list[Request]) -> list[Any]:
    """The callbacks' contents, once Telesign's package has found both signatures genuine."""
    for request in requests:
        assert request.headers["Content-Type"] == "application/json"
        bare = request.headers["X-TS-Authorization"]
        assert verify_telesign_callback_signature(KEY, bare, request.body.decode())
        assert request.headers["Authorization"] == f"TSA {CUSTOMER}:{bare}"
    return [orjson.loads(request.body) for request in requests]


def verdicts(entries: list[Entry]) -> list[str]:
    return [entry["verdict"] for entry in entries]


async def test_a_text_of_the_official_client_arrives_and_is_reported_on_twice(
    sim: Telesign, client: Client, hook: Hook
) -> None:
    answer = await asyncio.to_thread(
        client.message, FORM["phone_number"], "Héllo & 👋", "ARN", external_id="ref-1"
    )
    assert (answer.status_code, answer.json["status"]["code"]) == (200, 290)
    (text,) = await sim.wait_for_texts(PHONE, 1)
    assert (text.from_, text.body) == (NUMBER, "Héllo & 👋")
    gateway, handset = told(await hook.wait_for(2))
    assert [gateway["status"]["code"], handset["status"]["code"]] == [203, 200]
    assert {gateway["sub_resource"], handset["sub_resource"]} == {"sms"}
    assert {gateway["external_id"], handset["external_id"]} == {"ref-1"}
    shown = await asyncio.to_thread(client.status, answer.json["reference_id"])
    assert (shown.status_code, shown.json["status"]["code"]) == (200, 200)
    assert shown.json["reference_id"] == handset["reference_id"]
    assert re.fullmatch("[0-9A-F]{32}", handset["reference_id"])


async def test_an_unknown_reference_is_not_found(client: Client) -> None:
    answer = await asyncio.to_thread(client.status, "0" * 32)
    assert (answer.status_code, answer.json["status"]["code"]) == (404, 10017)


@pytest.mark.parametrize(
    ("customer", "key", "code"), [("OTHER", KEY, 10015), (CUSTOMER, KEY[4:], 10008)]
)
@pytest.mark.parametrize("method", [method.value for method in AuthMethod])
async def test_who_is_no_customer_is_denied(
    sim: Telesign, customer: str, key: str, code: int, method: str
) -> None:
    stranger = MessagingClient(customer, key, rest_endpoint=sim.url, auth_method=method)
    answer = await asyncio.to_thread(stranger.message, FORM["phone_number"], "Hi", "ARN")
    stranger.session.close()
    assert (answer.status_code, answer.json["status"]["code"]) == (401, code)
    assert sim.phone(PHONE).received_total == 0


@pytest.mark.parametrize(
    ("authorization", "code"),
    [("", 10006), ("Bearer x", 10007), ("Basic ???", 10007), ("TSA nocolon", 10007)],
)
async def test_a_login_that_is_none_is_denied(sim: Telesign, authorization: str, code: int) -> None:
    head = {"Authorization": authorization} if authorization else {}
    async with (
        aiohttp.ClientSession(headers=head) as session,
        session.post(f"{sim.url}/v1/messaging", data=FORM) as answer,
    ):
        problem = orjson.loads(await answer.read())
    assert (answer.status, problem["status"]["code"]) == (401, code)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"phone_number": None}, 12000),
        ({"message": None}, 12009),
        ({"message_type": None}, 12017),
        ({"phone_number": "+14255550117"}, 11000),
        ({"phone_number": "1425555"}, 11000),
        ({"phone_number": "04255550117"}, 11001),
        ({"message": ""}, 11009),
        ({"message": "x" * 1601}, 11009),
        ({"message_type": "arn"}, 11017),
        ({"sender_id": "12065550144"}, 11013),
        ({"sender_id": NUMBER}, 11013),
        ({"callback_url": "example.com/hook"}, 11004),
    ],
)
async def test_an_unsound_call_is_refused_with_telesigns_code(
    sim: Telesign, changes: dict[str, Any], code: int
) -> None:
    status, problem = await post(sim, **changes)
    assert (status, problem["status"]["code"]) == (400, code)
    assert sim.phone(PHONE).received_total == 0


async def test_a_body_that_is_no_form_has_none_of_the_fields(sim: Telesign) -> None:
    head = {"Authorization": basic(CUSTOMER, KEY)}
    async with (
        aiohttp.ClientSession(headers=head) as session,
        session.post(f"{sim.url}/v1/messaging", json=FORM) as answer,
    ):
        problem = orjson.loads(await answer.read())
    assert (answer.status, problem["status"]["code"]) == (400, 12000)


async def test_a_new_key_is_the_only_good_one_and_signs_callbacks(
    sim: Telesign, hook: Hook
) -> None:
    other = base64.b64encode(b"another made-up key").decode()
    sim.change_secret(other)
    assert (await post(sim))[0] == 401
    assert (await post(sim, login=(CUSTOMER, other)))[0] == 200
    request, *_ = await hook.wait_for(1)
    bare = request.headers["X-TS-Authorization"]
    assert verify_telesign_callback_signature(other, bare, request.body.decode())


async def test_reports_go_to_the_url_that_a_text_names(sim: Telesign, hook: Hook) -> None:
    await post(sim, callback_url=hook.url("/reports?ref=1%2F2"))
    told(await hook.wait_for(2))
    assert {request.url for request in hook.requests} == {hook.url("/reports?ref=1%2F2")}


async def test_a_phones_text_comes_to_the_portals_url(sim: Telesign, hook: Hook) -> None:
    reference_id = await sim.text(PHONE, NUMBER, "Hello? 👋")
    (told_of,) = told(await hook.wait_for(1))
    assert (told_of["sub_resource"], told_of["reference_id"]) == ("mo_sms", reference_id)
    assert told_of["status"]["code"] == 1500
    assert told_of["user_response"] == {
        "phone_number": "14255550117",
        "iso_country_code": "US",
        "sender_id": "12065550143",
        "mo_message": "Hello? 👋",
    }
    assert "👋".encode() in hook.requests[0].body  # Not escaped, as in Telesign's own.


async def test_a_callback_is_tried_three_times_and_then_lost(sim: Telesign, hook: Hook) -> None:
    hook.answers.extend(web.Response(status=status) for status in (503, 204, 500))
    await sim.text(PHONE, NUMBER, "Hello?")
    await sim.settled()
    assert verdicts(sim.deliveries) == ["again", "again", "drop"]
    assert len(sim.dead_letters) == 1
    assert len({request.body for request in hook.requests}) == 1


async def test_the_second_try_comes_after_ten_seconds_and_the_third_after_thirty(
    sim: Telesign,
) -> None:
    assert sim.retries(Letter("report", "", "", {})).waits == (10.0, 30.0)


async def test_stop_blocks_nothing_unless_telesign_manages_it(sim: Telesign, hook: Hook) -> None:
    await sim.text(PHONE, NUMBER, "STOP")
    await post(sim)
    codes = [content["status"]["code"] for content in told(await hook.wait_for(3))]
    assert sorted(codes) == [200, 203, 1500]


async def test_a_managed_stop_makes_texts_fail_by_report_until_start(
    sim: Telesign, hook: Hook
) -> None:
    sim.fault("managed_stop")
    await sim.text(PHONE, NUMBER, " stop ")
    await hook.wait_for(1)
    status, answer = await post(sim)
    assert (status, answer["status"]["code"]) == (200, 290)
    assert told(await hook.wait_for(2))[1]["status"]["code"] == 510
    assert sim.phone(PHONE).received_total == 0
    assert (await status_of(sim, answer["reference_id"]))[1]["status"]["code"] == 510
    await sim.text(PHONE, NUMBER, "START")
    await post(sim)
    await sim.wait_for_texts(PHONE, 1)


@pytest.mark.parametrize(
    ("variant", "names"),
    [
        ("authorization", {"Authorization"}),
        ("bare", {"X-TS-Authorization"}),
        ("tsa", {"X-TS-Authorization"}),
    ],
)
async def test_a_fault_leaves_one_signature_header(
    sim: Telesign, hook: Hook, variant: str, names: set[str]
) -> None:
    sim.fault("signature_header", variant=variant)
    await sim.text(PHONE, NUMBER, "Hello?")
    (request,) = await hook.wait_for(1)
    assert {"Authorization", "X-TS-Authorization"} & set(request.headers) == names
    (value,) = (request.headers[name] for name in names)
    assert value.startswith("TSA ") == (variant != "bare")
    bare = value.rpartition(":")[2]
    assert verify_telesign_callback_signature(KEY, bare, request.body.decode())


async def test_a_fault_signs_with_another_key(sim: Telesign, hook: Hook) -> None:
    sim.fault("wrong_signature", count=1)
    await sim.text(PHONE, NUMBER, "Hello?")
    (request,) = await hook.wait_for(1)
    bare = request.headers["X-TS-Authorization"]
    assert not verify_telesign_callback_signature(KEY, bare, request.body.decode())


async def test_a_fault_makes_errors_of_the_older_shape(sim: Telesign) -> None:
    sim.fault("legacy_errors")
    status, problem = await post(sim, phone_number="1")
    assert (status, problem["status"]["code"], len(problem["errors"])) == (400, -40008, 1)
    assert shape(problem) == shape(orjson.loads(sample("telesign", "error_legacy_shape.json")))


async def test_a_fault_makes_reports_of_the_older_shape(sim: Telesign, hook: Hook) -> None:
    sim.fault("older_reports")
    sim.fault("failed_reports")
    await post(sim)
    report = told(await hook.wait_for(2))[1]
    assert report["status"]["code"] == "207"
    assert parsedate_to_datetime(report["status"]["updated_on"]).tzinfo is not None
    old = orjson.loads(sample("telesign", "delivery_report_rfc1123_date.json"))
    assert shape(report) == shape(old)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("denied", 401, 10008),
        ("no_credit", 402, 10030),
        ("suspended", 401, 10003),
        ("throttle", 429, 10019),
    ],
)
async def test_the_shared_faults_speak_as_telesign_does(
    sim: Telesign, fault: str, status: int, code: int
) -> None:
    sim.fault(fault)
    refusal = await post(sim)
    assert (refusal[0], refusal[1]["status"]["code"]) == (status, code)


async def test_a_refusal_within_a_success_has_its_status_code(sim: Telesign) -> None:
    sim.fault("refuse", status=200, code="230")
    status, answer = await post(sim)
    assert (status, answer["status"]["code"]) == (200, 230)
    assert sim.phone(PHONE).received_total == 0


async def test_older_answers_are_as_the_older_description_has_them(sim: Telesign) -> None:
    sim.fault("older_answers")
    status, answer = await post(sim)
    assert (status, answer["status"]["code"]) == (201, "290")
    described = _described()
    validate(answer, described["definitions"]["postMessagingResponse"])
    assert str(status) in described["paths"]["/messaging"]["post"]["responses"]


async def test_every_field_of_the_description_is_taken_and_every_required_one_missed(
    sim: Telesign,
) -> None:
    parameters = _described()["paths"]["/messaging"]["post"]["parameters"]
    more = {"account_lifecycle_event": "transact", "originating_ip": "192.0.2.7"}
    assert {parameter["name"] for parameter in parameters} == set(FORM | more)
    assert (await post(sim, **more))[0] == 200
    for parameter in parameters:
        status, _ = await post(sim, **more | {parameter["name"]: None})
        assert status == (400 if parameter.get("required") else 200)


def _described() -> Any:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE is not set")
    return orjson.loads((Path(folder) / "specs" / "telesign_sms.json").read_bytes())


async def test_answers_and_callbacks_are_shaped_as_published(sim: Telesign, hook: Hook) -> None:
    _, answer = await post(sim)
    assert shape(answer) == shape(orjson.loads(sample("telesign", "send_response.json")))
    await sim.settled()
    await sim.text(PHONE, NUMBER, "Hello?")
    gateway, delivered, text = map(shape, told(await hook.wait_for(3)))
    assert gateway == shape(orjson.loads(sample("telesign", "delivery_report_gateway.json")))
    assert delivered == shape(orjson.loads(sample("telesign", "delivery_report_delivered.json")))
    assert text == shape(orjson.loads(sample("telesign", "inbound.json")))
    # The octets are written as Telesign writes them: a blank after each colon and comma.
    for body in (hook.requests[0].body, sample("telesign", "delivery_report_gateway.json")):
        assert json.dumps(orjson.loads(body), ensure_ascii=False).encode() == body


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("error_400_invalid_number.json", {"phone_number": "1"}),
        ("error_401_signature.json", {"login": (CUSTOMER, "wrong")}),
    ],
)
async def test_errors_are_the_published_ones(
    sim: Telesign, name: str, changes: dict[str, Any]
) -> None:
    _, problem = await post(sim, **changes)
    expected = orjson.loads(sample("telesign", name))
    for error in (problem, expected):
        del error["status"]["updated_on"]
    assert problem == expected


async def test_signatures_are_those_of_the_published_vectors() -> None:
    vectors = orjson.loads(sample("telesign", "signature_vectors.json"))
    key = vectors["api_key"]
    for official in vectors["callback_official"]:
        signed = telesign_signing.sign(key, official["body"].encode())
        assert signed == official["signature"]
    for name, signature in vectors["callback_files"].items():
        assert telesign_signing.sign(key, sample("telesign", name)) == signature
    for vector in vectors["request_digest_official"]:
        head = {
            "Content-Type": vector["content_type"],
            "Date": vector["date"],
            "x-ts-auth-method": "HMAC-SHA256",
            "x-ts-nonce": vector["nonce"],
        }
        request = make_mocked_request(vector["method"], vector["resource"], headers=head)
        octets = telesign_signing.octets_of(request, (vector["body"] or "").encode())
        assert telesign_signing.sign(key, octets) == vector["signature"]
