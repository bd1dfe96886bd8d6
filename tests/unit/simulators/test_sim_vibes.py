"""The simulated Vibes, judged by the published samples of its requests and callbacks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

import aiohttp
import pytest
from aiohttp import web
from defusedxml.ElementTree import fromstring
from integration.simulators.hook_world import Hook, Request
from sim_samples import sample

from local.simulators import vibes
from local.simulators.courier import Letter
from local.simulators.messages import basic
from local.simulators.vibes import Vibes

NUMBER, PHONE = "72404", "+12065550143"
USER, PASSWORD = "made-up-user", "made-up-password"
DOOR = ("made-up-door", "made-up-door-password")
XML = {"Content-Type": "text/xml"}


@pytest.fixture
async def sim(hook: Hook) -> AsyncIterator[Vibes]:
    simulator = Vibes(username=USER, password=PASSWORD, numbers=[NUMBER], time_scale=0.0001, seed=1)
    async with simulator:
        simulator.portal(hook.url(), *DOOR)
        yield simulator


def message(
    *,
    body: str = "Your parcel has come.",
    to: str = PHONE,
    sender: str = NUMBER,
    sender_type: str = "SC",
    option: str = "NONE",
    url: str | None = None,
    reference: str = "ref-1",
    split: str = "true",
) -> str:
    target = "" if url is None else f' callbackUrl="{url}"'
    return (
        f'<mtMessage submitterMessageId="{reference}" splitLongMessage="{split}">'
        f'<destination address="{to}" type="MDN"/>'
        f'<source address="{sender}" type="{sender_type}"/>'
        f"<text>{body}</text><receiptOption{target}>{option}</receiptOption></mtMessage>"
    )


async def call(
    sim: Vibes,
    path: str = "/mt/messages",
    body: str | bytes | None = None,
    *,
    login: tuple[str, str] = (USER, PASSWORD),
    headers: dict[str, str] | None = None,
) -> tuple[int, Element | None]:
    """POST where there is a body, else GET; gives status and the answer's root."""
    head = {"Authorization": basic(*login), **(XML if headers is None else headers)}
    method = "GET" if body is None else "POST"
    async with (
        aiohttp.ClientSession(headers=head) as session,
        session.request(method, f"{sim.url}/MessageApi{path}", data=body) as answer,
    ):
        text = await answer.read()
        assert answer.content_type == "text/xml"
        return answer.status, fromstring(text) if text else None


async def accepted(sim: Vibes, **changes: Any) -> str:
    """Send; gives the ID that Vibes gave."""
    status, root = await call(sim, body=message(**changes))
    assert root is not None
    assert (status, root.tag) == (200, "mtMessageRsp")
    return root.attrib["messageId"]


def told(requests: list[Request]) -> list[Element]:
    """The roots of some callbacks."""
    for request in requests:
        assert request.headers["Content-Type"].startswith("text/xml")
    return [fromstring(request.body) for request in requests]


def states(requests: list[Request]) -> list[tuple[str | None, str | None]]:
    """Type and `isError` of receipts; they come without any login."""
    assert not any("Authorization" in request.headers for request in requests)
    return [
        (root.findtext("type"), root.find("status").get("isError"))  # type: ignore[union-attr] -- a receipt has one
        for root in told(requests)
    ]


def shape(element: Element) -> Any:
    """Reduce an element to its names, of attributes too, and those of its children."""
    return element.tag, sorted(element.attrib), [shape(child) for child in element]


def published(name: str) -> Element:
    return fromstring(sample("vibes", name))


async def test_an_accepted_text_reaches_the_phone_and_has_two_receipts(
    sim: Vibes, hook: Hook
) -> None:
    url = hook.url("/receipts?ref=1%2F2")
    message_id = await accepted(sim, body="Caf&#233; &amp; 👋", option="ALL", url=url)
    (text,) = await sim.wait_for_texts(PHONE, 1)
    assert (text.from_, text.body) == (NUMBER, "Café & 👋")
    requests = await hook.wait_for(2)
    assert states(requests) == [("Carrier", "false"), ("Handset", "false")]
    assert {request.url for request in requests} == {url}
    for root in told(requests):
        assert root.get("messageId") == message_id
        assert root.get("submitterMessageId") == "ref-1"
        assert datetime.fromisoformat(root.attrib["receiptDate"]).tzinfo is not None


@pytest.mark.parametrize(
    ("option", "fault", "expected"),
    [
        ("NONE", None, []),
        ("ERROR", None, []),
        ("ERROR", "", [("Handset", "true")]),
        ("SMSC_ALL", None, [("Carrier", "false")]),
        ("SMSC_ERROR", None, []),
        ("SMSC_ERROR", "7", [("Carrier", "true")]),
        ("ALL", "9", [("Carrier", "false"), ("System", "true")]),
    ],
)
async def test_only_the_receipts_that_were_asked_for_come(
    sim: Vibes,
    hook: Hook,
    option: str,
    fault: str | None,
    expected: list[tuple[str, str]],
) -> None:
    if fault is not None:
        sim.fault("failed_reports", code=fault)
    await accepted(sim, option=option, url=hook.url())
    await sim.wait_for("report", 2)
    await sim.settled()
    assert states(hook.requests) == expected


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to": "2065550143"}, "no phone number"),
        ({"sender": "99999"}, "not provisioned"),
        ({"sender_type": "LC"}, "address type"),
        ({"body": ""}, "Text is required"),
        ({"body": "x" * 161, "split": "false"}, "too long"),
        ({"body": "x" * 901}, "too long"),
        ({"body": "я" * 71, "split": "false"}, "too long"),
        ({"reference": "x" * 41}, "submitterMessageId"),
        ({"option": "all"}, "receipt option"),
        ({"url": "example.com/hook"}, "callbackUrl"),
    ],
)
async def test_an_unsound_text_is_refused_with_200_and_without_a_message_id(
    sim: Vibes, changes: dict[str, Any], words: str
) -> None:
    status, root = await call(sim, body=message(**changes))
    assert root is not None
    assert (status, root.tag) == (200, "mtMessageError")
    assert root.get("messageId") is None
    assert words in (root.findtext("description") or "")
    assert sim.phone(PHONE).received_total == 0


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (message(), {"Content-Type": "application/xml"}),
        (message()[:-1], None),
        ("<moMessage/>", None),
        ("<mtMessage><text>Hi</text></mtMessage>", None),
        (f"<!DOCTYPE mtMessage>{message()}", None),
        (f"<!DOCTYPE m [<!ENTITY e 'x'>]>{message(body='&e;')}", None),
    ],
)
async def test_what_is_no_message_in_text_xml_is_a_bad_request(
    sim: Vibes, body: str, headers: dict[str, str] | None
) -> None:
    status, _ = await call(sim, body=body, headers=headers)
    assert status == 400
    assert sim.phone(PHONE).received_total == 0


async def test_a_wrong_password_is_refused_and_a_changed_one_taken(sim: Vibes) -> None:
    assert (await call(sim, body=message(), login=(USER, "wrong")))[0] == 401
    sim.change_secret("new")
    assert (await call(sim, body=message()))[0] == 401
    assert (await call(sim, body=message(), login=(USER, "new")))[0] == 200


async def test_a_text_of_160_characters_needs_no_splitting(sim: Vibes) -> None:
    await accepted(sim, body="x" * 160, split="false")
    await sim.wait_for_texts(PHONE, 1)


async def test_each_part_of_a_split_text_has_its_receipts(sim: Vibes, hook: Hook) -> None:
    message_id = await accepted(sim, body="x" * 161, option="ALL", url=hook.url())
    requests = await hook.wait_for(4)
    assert [kind for kind, _ in states(requests)] == ["Carrier", "Carrier", "Handset", "Handset"]
    parts = [root.find("multipart") for root in told(requests)]
    assert [part.get("partNumber") for part in parts if part is not None] == ["1", "2", "1", "2"]
    for part in parts:
        assert part is not None
        assert (part.get("noOfParts"), part.get("isMultipart")) == ("2", "true")
        assert part.get("originalMessageId") == message_id


async def test_a_number_outside_north_america_is_accepted_and_fails_by_receipt(
    sim: Vibes, hook: Hook
) -> None:
    await accepted(sim, to="+4790000017", option="ALL", url=hook.url())
    requests = await hook.wait_for(1)
    assert states(requests) == [("System", "true")]
    assert told(requests)[0].findtext("status/internalErrorCode") == "26"


async def test_a_word_in_place_of_a_code_is_the_description_of_a_handset_receipt(
    sim: Vibes, hook: Hook
) -> None:
    sim.fault("failed_reports", code="EXPIRED")
    await accepted(sim, option="ERROR", url=hook.url())
    (root,) = told(await hook.wait_for(1))
    assert (root.findtext("type"), root.findtext("status/description")) == ("Handset", "EXPIRED")
    assert root.find("status/internalErrorCode") is None


async def test_a_fault_reports_first_that_the_text_is_queued(sim: Vibes, hook: Hook) -> None:
    sim.fault("queued_reports")
    await accepted(sim, option="ALL", url=hook.url())
    found = states(await hook.wait_for(3))
    assert sorted(found) == [("Carrier", "false"), ("Handset", "false"), ("System", "false")]


async def test_a_phones_text_comes_in_version_3_with_the_portals_login(
    sim: Vibes, hook: Hook
) -> None:
    message_id = await sim.text(PHONE, NUMBER, "Où est <tout> & 👋?")
    requests = await hook.wait_for(1)
    assert requests[0].headers["Authorization"] == basic(*DOOR)
    (root,) = told(requests)
    assert (root.tag, root.get("messageId")) == ("moMessage", message_id)
    assert root.findtext("message") == "Où est <tout> & 👋?"
    source, destination = root.find("source"), root.find("destination")
    assert source is not None
    assert destination is not None
    assert (source.get("address"), destination.get("address")) == (PHONE, NUMBER)


async def test_each_try_of_an_inbound_text_tells_its_number(sim: Vibes, hook: Hook) -> None:
    hook.answers.extend(web.Response(status=status) for status in (503, 404))
    await sim.text(PHONE, NUMBER, "Hello?")
    roots = told(await hook.wait_for(3))
    assert [root.get("attemptNumber") for root in roots] == ["1", "2", "3"]
    assert len({root.get("messageId") for root in roots}) == 1


async def test_vibes_tries_again_five_times_and_gives_up(sim: Vibes, hook: Hook) -> None:
    hook.answers.extend(web.Response(status=500) for _ in range(9))
    await sim.text(PHONE, NUMBER, "Hello?")
    await sim.settled()
    assert [entry["verdict"] for entry in sim.deliveries] == [*["again"] * 5, "drop"]
    assert len(sim.dead_letters) == 1


async def test_a_receipt_is_acknowledged_by_200_alone_and_a_text_by_any_2xx(
    sim: Vibes, hook: Hook
) -> None:
    hook.answers.append(web.Response(status=204))
    await sim.text(PHONE, NUMBER, "Hello?")
    await sim.settled()
    hook.answers.append(web.Response(status=204))
    await accepted(sim, option="SMSC_ALL", url=hook.url())
    await hook.wait_for(3)
    await sim.settled()
    verdicts = [(entry["of"], entry["verdict"]) for entry in sim.deliveries]
    assert verdicts == [("text", "delivered"), ("report", "again"), ("report", "delivered")]


async def test_vibes_waits_for_two_seconds_and_comes_again_after_five_minutes(sim: Vibes) -> None:
    for kind in ("text", "report"):
        retries = sim.retries(Letter(kind, "", "", None))  # type: ignore[arg-type] -- both are kinds
        assert (retries.timeout, tuple(retries.waits)) == (2.0, (300.0,) * 5)


async def test_an_answer_that_is_late_is_none(sim: Vibes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vibes, "PATIENCE", 0.02)
    late = asyncio.Event()
    tries = 0

    async def dawdle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tries
        tries += 1
        await reader.read(1)
        await late.wait()
        writer.close()

    server = await asyncio.start_server(dawdle, "127.0.0.1")
    host, port = server.sockets[0].getsockname()
    sim.portal(f"http://{host}:{port}/", *DOOR)
    await sim.text(PHONE, NUMBER, "Hello?")
    await sim.settled()
    late.set()
    server.close()
    await server.wait_closed()
    assert [entry["outcome"] for entry in sim.deliveries] == ["TimedOut"] * 6
    assert tries == 6


async def test_a_fault_brings_texts_in_version_1(sim: Vibes, hook: Hook) -> None:
    sim.fault("version_1")
    message_id = await sim.text(PHONE, NUMBER, "Hello")
    (root,) = told(await hook.wait_for(1))
    source = root.find("source")
    assert source is not None
    assert source.get("address") == PHONE.removeprefix("+1")
    assert root.findtext("param[@key='moMessageId']") == message_id
    assert shape(root) == shape(published("inbound_v1.xml"))


async def test_version_1_may_leave_out_the_message_id(sim: Vibes, hook: Hook) -> None:
    sim.fault("version_1", message_id=False)
    await sim.text(PHONE, NUMBER, "Hello")
    (root,) = told(await hook.wait_for(1))
    assert root.find("param") is None
    assert root.find("transaction") is not None


async def test_a_message_and_its_receipts_can_be_asked_for(sim: Vibes) -> None:
    message_id = await accepted(sim)
    await sim.wait_for("report", 2)
    status, root = await call(sim, f"/mt/messages/{message_id}")
    assert root is not None
    assert (status, root.get("submitterMessageId")) == (200, "ref-1")
    status, root = await call(sim, f"/mt/messages/{message_id}/responses")
    assert root is not None
    assert [child.findtext("type") for child in root] == ["Carrier", "Handset"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/mt/messages/00000000-0000-0000-0000-000000000000", 404),
        ("/mt/messages/00000000-0000-0000-0000-000000000000/responses", 404),
        (f"/mdns/{PHONE}", 200),
    ],
)
async def test_a_question_is_answered_to_the_account_alone(
    sim: Vibes, path: str, status: int
) -> None:
    assert (await call(sim, path))[0] == status
    assert (await call(sim, path, login=("other", PASSWORD)))[0] == 401


@pytest.mark.parametrize(
    ("fault", "status"),
    [("denied", 401), ("no_credit", 403), ("suspended", 403), ("throttle", 429)],
)
async def test_the_shared_faults_strike(sim: Vibes, fault: str, status: int) -> None:
    sim.fault(fault)
    assert (await call(sim, body=message()))[0] == status


async def test_a_refusal_within_a_success_has_its_code(sim: Vibes) -> None:
    sim.fault("refuse", status=200, code="9")
    status, root = await call(sim, body=message())
    assert root is not None
    assert (status, root.findtext("internalErrorCode")) == (200, "9")
    assert root.get("submitterMessageId") == "ref-1"


async def test_the_published_request_is_taken_and_answered_as_published(
    sim: Vibes, hook: Hook
) -> None:
    sim.own("98765")
    body = sample("vibes", "send_request.xml")
    target = published("send_request.xml").find("receiptOption").attrib["callbackUrl"]  # type: ignore[union-attr] -- the sample has one
    status, root = await call(sim, body=body.replace(target.encode(), hook.url().encode()))
    assert root is not None
    assert (status, shape(root)) == (200, shape(published("send_response.xml")))
    assert len(states(await hook.wait_for(2))) == 2


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("9", "delivery_report_blocked.xml"),
        ("7", "delivery_report_carrier_error.xml"),
        (None, "delivery_report_handset.xml"),
    ],
)
async def test_receipts_are_shaped_as_published(
    sim: Vibes, hook: Hook, code: str | None, name: str
) -> None:
    if code:
        sim.fault("failed_reports", code=code)
    await accepted(sim, option="ALL", url=hook.url())
    carrier, last = told(await hook.wait_for(2))
    assert shape(carrier) == shape(published("delivery_report_carrier.xml"))
    assert shape(last) == shape(published(name))
    assert last.findtext("type") == published(name).findtext("type")
    assert [element.text for element in last.iterfind("status/*")] == [
        element.text for element in published(name).iterfind("status/*")
    ]


async def test_receipts_of_parts_and_texts_are_shaped_as_published(sim: Vibes, hook: Hook) -> None:
    sim.fault("parts")
    await accepted(sim, option="SMSC_ALL", url=hook.url())
    await hook.wait_for(2)
    await sim.text(PHONE, NUMBER, "STOP")
    first, _, text = map(shape, told(await hook.wait_for(3)))
    assert first == shape(published("delivery_report_handset_part_1.xml"))
    assert text == shape(published("inbound.xml")) == shape(published("inbound_stop.xml"))
