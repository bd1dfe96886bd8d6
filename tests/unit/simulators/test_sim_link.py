"""The simulated LINK Mobility, judged by the published samples of its requests and callbacks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import orjson
import pytest
from aiohttp import web
from integration.simulators.hook_world import Hook, Request
from sim_samples import sample, shape

from local.simulators.link import Link
from local.simulators.messages import basic

SHORT, LONG, PHONE = "NO-2442", "+4759440011", "+4790000017"
PLACE = {"platformId": "PLATFORM", "platformPartnerId": "7171"}
GATE = "Gt5QzaB1"
USER, PASSWORD = "made-up-user", "made-up-password"
DOOR = ("made-up-door", "made-up-door-password")
ORDER: dict[str, Any] = {
    **PLACE,
    "source": "2442",
    "sourceTON": "SHORTNUMBER",
    "destination": PHONE,
    "userData": "Your parcel has come.",
    "useDeliveryReport": True,
    "deliveryReportGates": [GATE],
    "refId": "ref-1",
    "ignoreResponse": False,
}

FORM_FIELDS = {
    *("refId", "id", "operator", "sentTimestamp", "timestamp", "resultCode"),
    *("operatorResultCode", "segments"),
}


@pytest.fixture
async def sim(hook: Hook) -> AsyncIterator[Link]:
    simulator = Link(
        platform_id=PLACE["platformId"],
        platform_partner_id=PLACE["platformPartnerId"],
        gate_id=GATE,
        username=USER,
        password=PASSWORD,
        numbers=[SHORT, LONG],
        time_scale=0.001,
        seed=1,
    )
    async with simulator:
        simulator.portal(hook.url(), *DOOR)
        yield simulator


async def post(sim: Link, order: object, login: tuple[str, str] = (USER, PASSWORD)) -> Any:
    """Send; gives status and body."""
    head = {"Authorization": basic(*login), "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession(headers=head) as session,
        session.post(f"{sim.url}/sms/send", data=orjson.dumps(order)) as answer,
    ):
        return answer.status, orjson.loads(await answer.read() or b"null")


async def gate(sim: Link, **path: str) -> Any:
    names = {"platform": PLACE["platformId"], "partner": PLACE["platformPartnerId"], "id": GATE}
    url = "/".join(f"{name}/{value}" for name, value in (names | path).items())
    head = {"Authorization": basic(USER, PASSWORD)}
    async with (
        aiohttp.ClientSession(headers=head) as session,
        session.get(f"{sim.url}/gate/partnergate/{url}") as answer,
    ):
        return answer.status, orjson.loads(await answer.read())


def told(requests: list[Request]) -> list[Any]:
    """The callbacks' contents, once their login and content type are found to be right."""
    for request in requests:
        assert request.headers["Authorization"] == basic(*DOOR)
        assert request.headers["Content-Type"] == "application/json"
    return [orjson.loads(request.body) for request in requests]


def published(name: str) -> Any:
    return orjson.loads(sample("link", name))


async def test_an_accepted_text_reaches_the_phone_and_is_reported_sent_then_delivered(
    sim: Link, hook: Hook
) -> None:
    status, answer = await post(sim, ORDER)
    assert (status, answer["resultCode"], answer["description"]) == (200, 1005, "Queued")
    (text,) = await sim.wait_for_texts(PHONE, 1)
    assert (text.from_, text.body) == ("2442", "Your parcel has come.")
    reports = told(await hook.wait_for(2))
    assert [report["resultCode"] for report in reports] == [1000, 1001]
    assert {report["id"] for report in reports} == {answer["messageId"]}
    assert {report["refId"] for report in reports} == {"ref-1"}


async def test_a_message_id_needs_escaping_in_urls_as_links_own_do(sim: Link) -> None:
    _, answer = await post(sim, ORDER)
    assert "+/" in answer["messageId"]


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"platformId": "OTHER"}, 400, 106200),
        ({"platformPartnerId": "0"}, 400, 106201),
        ({"platformPartnerId": 7171}, 400, 106201),
        ({"deliveryReportGates": []}, 400, 106300),
        ({"deliveryReportGates": ["other"]}, 400, 106301),
        ({"userData": ""}, 400, 106000),
        ({"source": None}, 400, 106000),
        ({"sourceTON": "SHORTCODE"}, 400, 106000),
        ({"dcs": "UC2"}, 400, 106000),
    ],
)
async def test_an_unsound_call_is_refused_with_links_code(
    sim: Link, changes: dict[str, Any], status: int, code: int
) -> None:
    refusal = await post(sim, ORDER | changes)
    assert (refusal[0], refusal[1]["status"]) == (status, code)
    assert set(refusal[1]) == {"status", "description", "translatedDescription"}
    assert sim.phone(PHONE).received_total == 0


async def test_a_wrong_password_is_refused_and_a_changed_one_taken(sim: Link) -> None:
    status, problem = await post(sim, ORDER, (USER, "wrong"))
    assert (status, problem["status"]) == (401, 106100)
    sim.change_secret("new")
    assert (await post(sim, ORDER))[0] == 401
    assert (await post(sim, ORDER, (USER, "new")))[0] == 200


async def test_a_response_is_ignored_unless_the_call_says_otherwise(sim: Link) -> None:
    order = {name: value for name, value in ORDER.items() if name != "ignoreResponse"}
    assert await post(sim, order) == (204, None)
    await sim.wait_for_texts(PHONE, 1)


async def test_nothing_is_reported_of_a_text_that_wants_no_report(sim: Link, hook: Hook) -> None:
    order = ORDER | {"useDeliveryReport": False, "deliveryReportGates": []}
    assert (await post(sim, order))[0] == 200
    await sim.wait_for("report", 2)
    await sim.settled()
    assert hook.requests == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"destination": "4790000017"}, 2106),
        ({"destination": "+1555"}, 2106),
        ({"source": "9999"}, 2000),
        ({"source": SHORT}, 2000),
        ({"sourceTON": "ALPHANUMERIC"}, 2000),
        ({"sourceTON": "ALPHANUMERIC", "source": "TwelveLetter"}, 2000),
        ({"sourceTON": "MSISDN", "source": LONG.removeprefix("+")}, 2000),
        ({"sourceTON": "MSISDN", "source": "+4759440099"}, 2000),
    ],
)
async def test_numbers_that_cannot_be_are_accepted_and_fail_by_report(
    sim: Link, hook: Hook, changes: dict[str, str], code: int
) -> None:
    status, answer = await post(sim, ORDER | changes)
    assert (status, answer["resultCode"]) == (200, 1005)
    (report,) = told(await hook.wait_for(1))
    assert (report["resultCode"], report["operator"]) == (code, None)
    assert sim.phone(PHONE).received_total == 0


@pytest.mark.parametrize(("ton", "source"), [("MSISDN", LONG), ("ALPHANUMERIC", "Parcels")])
async def test_long_numbers_and_names_may_send_as_what_they_are(
    sim: Link, ton: str, source: str
) -> None:
    await post(sim, ORDER | {"sourceTON": ton, "source": source})
    (text,) = await sim.wait_for_texts(PHONE, 1)
    assert text.from_ == source


async def test_a_text_in_parts_is_counted_and_has_a_report_of_each_part(
    sim: Link, hook: Hook
) -> None:
    sim.fault("failed_reports", code="1002", part=1)
    asked = {"userData": "x" * 200, "customParameters": {"replySmsCount": "true"}}
    _, answer = await post(sim, ORDER | asked)
    assert answer["smsCount"] == 2
    reports = told(await hook.wait_for(4))
    assert [(report["id"].partition("$")[2], report["resultCode"]) for report in reports] == [
        ("0", 1000),
        ("1", 1000),
        ("0", 1001),
        ("1", 1002),
    ]
    assert {report["id"].partition("$")[0] for report in reports} == {answer["messageId"]}
    assert {report["segments"] for report in reports} == {2}


async def test_characters_beyond_the_basic_plane_arrive_garbled(sim: Link) -> None:
    await post(sim, ORDER | {"userData": "Hei 👋 på deg"})
    (text,) = await sim.wait_for_texts(PHONE, 1)
    assert text.body == "Hei \N{REPLACEMENT CHARACTER} på deg"


async def test_a_text_of_more_segments_than_link_carries_fails_by_report(
    sim: Link, hook: Hook
) -> None:
    await post(sim, ORDER | {"userData": "x" * (153 * 254 + 1)})
    assert told(await hook.wait_for(1))[0]["resultCode"] == 4003


async def test_a_phones_text_comes_from_its_country_prefixed_short_number(
    sim: Link, hook: Hook
) -> None:
    message_id = await sim.text(PHONE, "2442", "Hello, where is it?")
    (text,) = told(await hook.wait_for(1))
    assert (text["source"], text["destination"]) == (PHONE, SHORT)
    assert (text["messageId"], text["content"]["userData"]) == (message_id, "Hello, where is it?")
    assert (text["route"]["keyword"], text["route"]["shared"]) == ("HELLO", False)


async def test_only_stop_comes_by_a_shared_route(sim: Link, hook: Hook) -> None:
    await sim.text(PHONE, SHORT, "Stop.")
    (text,) = told(await hook.wait_for(1))
    assert (text["route"]["keyword"], text["route"]["shared"]) == ("STOP", True)


async def test_a_fault_brings_a_text_by_a_sub_number(sim: Link, hook: Hook) -> None:
    sim.fault("sub_number", sub_number=7_700_000_012)
    await sim.text(PHONE, SHORT, "Hello")
    (text,) = told(await hook.wait_for(1))
    assert (text["subNumber"], text["route"]["type"]) == (7_700_000_012, "SUBNUMBER_ROUTE")


async def test_a_fault_makes_forms_of_reports(sim: Link, hook: Hook) -> None:
    sim.fault("form_reports")
    _, answer = await post(sim, ORDER)
    first, second = await hook.wait_for(2)
    assert first.headers["Content-Type"] == "application/x-www-form-urlencoded"
    form = parse_qs(second.body.decode())
    assert form["id"] == [answer["messageId"]]
    assert (form["resultCode"], form["refId"]) == (["1001"], ["ref-1"])
    assert set(form) == FORM_FIELDS


async def test_the_form_of_a_report_has_the_published_fields() -> None:
    assert set(parse_qs(sample("link", "delivery_report.form").decode())) == FORM_FIELDS


async def test_a_fault_reports_first_that_the_text_is_queued(sim: Link, hook: Hook) -> None:
    sim.fault("queued_reports")
    await post(sim, ORDER)
    codes = [report["resultCode"] for report in told(await hook.wait_for(3))]
    assert sorted(codes) == [1000, 1001, 1005]


async def test_a_gate_insists_until_it_is_answered(sim: Link, hook: Hook) -> None:
    hook.answers.extend([web.Response(status=503), web.Response(status=401)])
    await sim.text(PHONE, SHORT, "Hello")
    await sim.settled()
    assert [entry["verdict"] for entry in sim.deliveries] == ["again", "again", "delivered"]
    assert len({request.body for request in hook.requests}) == 1


async def test_an_acknowledged_gate_is_content_only_with_a_body(sim: Link, hook: Hook) -> None:
    sim.fault("acknowledged_gate")
    hook.answers.extend([web.Response(), web.Response(text="ok")])
    await sim.text(PHONE, SHORT, "Hello")
    await sim.settled()
    assert [entry["verdict"] for entry in sim.deliveries] == ["again", "delivered"]
    assert (await gate(sim))[1]["acknowledge"] is True


async def test_the_gate_api_shows_where_the_gate_leads(sim: Link, hook: Hook) -> None:
    status, shown = await gate(sim)
    (destination,) = shown["destinations"]
    assert (status, shown["id"]) == (200, GATE)
    assert (destination["url"], destination["username"]) == (hook.url(), DOOR[0])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ({"platform": "OTHER"}, 400, 103201),
        ({"partner": "0"}, 400, 103202),
        ({"id": "other"}, 404, 103304),
    ],
)
async def test_the_gate_api_knows_no_other_gate(
    sim: Link, path: dict[str, str], status: int, code: int
) -> None:
    refusal = await gate(sim, **path)
    assert (refusal[0], refusal[1]["status"]) == (status, code)


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [("denied", 401, 106100), ("suspended", 403, 106101), ("throttle", 429, 106000)],
)
async def test_the_shared_faults_speak_as_link_does(
    sim: Link, fault: str, status: int, code: int
) -> None:
    sim.fault(fault)
    refusal = await post(sim, ORDER)
    assert (refusal[0], refusal[1]["status"]) == (status, code)


async def test_a_refusal_within_a_success_has_its_result_code(sim: Link) -> None:
    sim.fault("refuse", status=200, code="3")
    status, answer = await post(sim, ORDER)
    assert (status, answer["messageId"], answer["resultCode"]) == (200, None, 3)


@pytest.mark.parametrize("name", ["send_request.json", "send_request_without_gate.json"])
async def test_the_published_requests_are_taken(sim: Link, name: str) -> None:
    order = published(name) | PLACE
    sim.own(f"NO-{order['source']}")
    if order["useDeliveryReport"]:
        order["deliveryReportGates"] = [GATE]
    status, answer = await post(sim, order)
    assert status == 200
    expected = shape(published("send_response.json"))
    if name != "send_request.json":
        del expected["smsCount"]
    assert shape(answer) == expected
    await sim.wait_for_texts(order["destination"], 1)


@pytest.mark.parametrize(
    ("name", "changes", "login"),
    [
        ("send_error_400_platform.json", {"platformId": ""}, PASSWORD),
        ("send_error_400_gate.json", {"deliveryReportGates": ["x"]}, PASSWORD),
        ("send_error_401.json", {}, "wrong"),
    ],
)
async def test_errors_are_the_published_ones(
    sim: Link, name: str, changes: dict[str, Any], login: str
) -> None:
    _, problem = await post(sim, ORDER | changes, (USER, login))
    assert problem == published(name)


async def test_callbacks_and_gate_are_shaped_as_published(sim: Link, hook: Hook) -> None:
    await sim.text(PHONE, SHORT, "Hello")
    await sim.text(PHONE, SHORT, "STOP")
    await sim.settled()
    sim.fault("sub_number")
    await sim.text(PHONE, SHORT, "Hello")
    await sim.settled()
    await post(sim, ORDER)
    await hook.wait_for(5)
    await post(sim, ORDER | {"destination": "+1"})
    shapes = [shape(content) for content in told(await hook.wait_for(6))]
    names = ("inbound_keyword", "inbound_stop", "inbound_subnumber", "delivery_report_sent")
    names += ("delivery_report_delivered", "delivery_report_number_error")
    assert shapes == [shape(published(f"{name}.json")) for name in names]
    assert shape((await gate(sim))[1]) == shape(published("gate_response.json"))
