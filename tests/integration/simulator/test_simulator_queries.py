"""The routes beside sending have the shape of the published examples; and the words that carriers
act on."""

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import pytest
from azure.communication.sms.aio import SmsClient
from simulator_samples import example, shape
from simulator_world import KEY, NUMBER, PHONE

from local.simulator import Simulator
from local.simulator.access_key import content_hash, signature
from local.simulator.clock import now, rfc1123
from local.simulator.keywords import keyword

pytestmark = pytest.mark.unit

Ask = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
def ask(sim: Simulator) -> Ask:
    """Make a signed call; gives status and body."""

    async def call(method: str, path: str, body: Any = None, version: str = "2026-01-23") -> Any:
        url = f"{sim.url}{path}?api-version={version}"
        raw = orjson.dumps(body) if body is not None else b""
        date, digest = rfc1123(now()), content_hash(raw)
        host = sim.url.removeprefix("http://")
        signed = signature(
            base64.b64decode(KEY),
            method=method,
            path=url.removeprefix(sim.url),
            date=date,
            host=host,
            digest=digest,
        )
        headers = {
            "x-ms-date": date,
            "x-ms-content-sha256": digest,
            "Authorization": "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
            f"&Signature={signed}",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, url, data=raw, headers=headers) as answer,
        ):
            return answer.status, orjson.loads(await answer.read())

    return call


@pytest.mark.parametrize(("action", "operation"), [("check", "Check"), ("add", "Add")])
async def test_opt_outs_are_answered_as_published(ask: Ask, action: str, operation: str) -> None:
    sample = example(f"OptOuts_{operation}")
    request = sample["request"] | {"from": NUMBER}
    status, body = await ask("POST", f"/sms/optouts:{action}", request)
    assert status == 200
    # Which number is bad is the same; that one fails inside the service is the sample's own.
    for ours, theirs in zip(body["value"], sample["200"]["value"], strict=True):
        if theirs["httpStatusCode"] != 500:
            assert shape(ours) == shape(theirs)
            assert ours["httpStatusCode"] == theirs["httpStatusCode"]


async def test_a_delivery_report_is_answered_as_published(ask: Ask, client: SmsClient) -> None:
    [result] = await client.send(NUMBER, PHONE, "hello", enable_delivery_report=True, tag="t")
    status, body = await ask("GET", f"/deliveryReports/{result.message_id}")
    sample = example("DeliveryReports_Get")["200"]
    assert status == 200
    assert shape(body) == shape(sample | {"deliveryAttempts": sample["deliveryAttempts"][:1]})
    assert body["deliveryStatusDetails"] == sample["deliveryStatusDetails"]
    assert (body["messageId"], body["tag"], body["to"]) == (result.message_id, "t", PHONE)


async def test_an_unknown_delivery_report_is_not_found_as_published(ask: Ask) -> None:
    status, body = await ask("GET", "/deliveryReports/Outgoing_unknown")
    sample = example("DeliveryReports_Get")["404"]
    assert status == 404
    assert shape(body) == shape(sample)
    assert (body["type"], body["title"]) == (sample["type"], sample["title"])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"recipients": [{"to": PHONE}]}, "From"),
        ({"from": NUMBER}, "Recipients"),
        ({"from": NUMBER, "recipients": []}, "Recipients"),
        ({"from": NUMBER, "recipients": [{"to": PHONE}] * 101}, "Recipients"),
        ({"from": NUMBER, "recipients": [{}]}, "Recipients[0].To"),
    ],
)
async def test_a_bad_question_about_opt_outs_names_the_field(
    ask: Ask, body: Any, field: str
) -> None:
    status, said = await ask("POST", "/sms/optouts:add", body)
    assert status == 400
    assert set(said["errors"]) == {field}


@pytest.mark.parametrize(
    ("method", "path", "version", "status"),
    [
        ("POST", "/sms/optouts:check", "2021-03-07", 404),
        ("POST", "/sms/optouts:check", "2024-12-10-preview", 200),
        ("GET", "/deliveryReports/x", "2025-05-29-preview", 404),
        ("GET", "/deliveryReports/x", "1999-01-01", 400),
    ],
)
async def test_a_version_has_only_its_own_routes(
    ask: Ask, method: str, path: str, version: str, status: int
) -> None:
    body = {"from": NUMBER, "recipients": [{"to": PHONE}]} if method == "POST" else None
    assert (await ask(method, path, body, version))[0] == status


async def test_an_unsigned_question_is_denied(sim: Simulator) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{sim.url}/deliveryReports/x?api-version=2026-01-23") as answer,
    ):
        assert answer.status == 401


async def test_the_carrier_of_a_toll_free_number_answers_itself(sim: Simulator) -> None:
    await sim.text(PHONE, NUMBER, "STOP")
    await sim.text(PHONE, NUMBER, "unstop")
    phone = sim.phone(PHONE)
    assert [(text.from_, text.body[:11]) for text in phone.notices] == [(NUMBER, "NETWORK MSG")] * 2
    assert not phone.received
    assert not phone.stopped
    assert [notice["from"] for notice in phone.facts()["notices"]] == [NUMBER] * 2


TOLL_FREE, SHORT_CODE, LOCAL = "+18005550100", "72345", "+12125550100"


@pytest.mark.parametrize(
    ("number", "leased", "word", "stops"),
    [
        (TOLL_FREE, False, " stop ", True),
        (TOLL_FREE, False, "UNSTOP", False),
        (TOLL_FREE, False, "QUIT", None),
        (TOLL_FREE, False, "STOP please", None),
        (LOCAL, False, "STOP", True),
        *((SHORT_CODE, False, word, True) for word in ("STOP", "Quit", "END", "REVOKE")),
        *((SHORT_CODE, False, word, True) for word in ("opt  out", "CANCEL", "UNSUBSCRIBE")),
        (SHORT_CODE, False, "START", False),
        (SHORT_CODE, False, "ARRET", None),
        (SHORT_CODE, False, "HELP", None),
        (LOCAL, True, "ARRET", True),
        (LOCAL, True, "START", False),
    ],
)
def test_each_type_of_sender_knows_its_words(
    number: str, leased: bool, word: str, stops: bool | None
) -> None:
    found = keyword(number, word, leased=leased)
    assert (found.stops if found else None) is stops
    assert (found is not None and found.answer is not None) == (
        number == TOLL_FREE and stops is not None
    )
