"""The simulated Twilio, judged by Twilio's own package: its client, its request validator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import aiohttp
import orjson
import pytest
from aiohttp import web
from hook_world import NUMBER, PHONE, Hook, Request, described
from openapi_schema_validator import OAS30Validator
from twilio.base.exceptions import TwilioRestException
from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from local.simulator.journal import Entry
from local.simulators.messages import basic
from local.simulators.twilio import Twilio

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{what}:DeprecationWarning")  # Twilio's client uses it.
    for what in ("BasicAuth is deprecated", "The 'auth' parameter is deprecated")
]

SID = "AC" + "1f" * 16
TOKEN = "made-up-token"
SHORT_CODE = "72345"
LOCAL = "+12065550199"

Api = Any
"""Twilio's client is not typed."""


@pytest.fixture
async def sim(hook: Hook) -> AsyncIterator[Twilio]:
    simulator = Twilio(
        account_sid=SID,
        auth_token=TOKEN,
        numbers=[NUMBER, LOCAL, SHORT_CODE],
        time_scale=0.001,
        seed=1,
    )
    async with simulator:
        simulator.portal(hook.url("/inbound?a=b%2Fc"))
        yield simulator


@pytest.fixture
async def api(sim: Twilio) -> AsyncIterator[Api]:
    """Twilio's own client, against the simulator."""
    http = AsyncTwilioHttpClient()
    client = Client(SID, sim.auth_token, http_client=http)
    client.api.base_url = sim.url
    yield client
    await http.close()


async def send(api: Api, **changes: Any) -> Any:
    order = {"to": PHONE, "from_": NUMBER, "body": "Your order is ready."} | changes
    return await api.messages.create_async(**order)


def form_of(request: Request) -> dict[str, str]:
    """The parameters, once the signature is found to be Twilio's."""
    form = dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))
    signature = request.headers["X-Twilio-Signature"]
    assert RequestValidator(TOKEN).validate(request.url, form, signature)
    return form


def assert_described(resource: Any, name: str) -> None:
    schema = described("twilio_api_v2010.messages.json", name)
    if schema is not None:
        OAS30Validator(schema).validate(resource)
        properties = schema["components"]["schemas"][name]["properties"]
        assert set(properties) <= set(resource)


async def get(sim: Twilio, path: str) -> Any:
    head = {"Authorization": basic(SID, sim.auth_token)}
    url = f"{sim.url}/2010-04-01/Accounts/{SID}{path}"
    async with aiohttp.ClientSession(headers=head) as session, session.get(url) as answer:
        assert answer.status == 200
        return orjson.loads(await answer.read())


async def test_a_text_of_the_official_client_arrives_and_is_reported_on_twice(
    sim: Twilio, api: Api, hook: Hook
) -> None:
    message = await send(api, status_callback=hook.url("/status?ref=1%2F2"))
    assert message.status == "queued"
    (text,) = await sim.wait_for_texts(PHONE, 1)
    assert (text.message_id, text.from_, text.body) == (message.sid, NUMBER, "Your order is ready.")
    sent, delivered = map(form_of, await hook.wait_for(2))
    assert hook.requests[0].url == hook.url("/status?ref=1%2F2")
    assert [sent["MessageStatus"], delivered["MessageStatus"]] == ["sent", "delivered"]
    assert {sent["MessageSid"], delivered["SmsSid"]} == {message.sid}
    assert "ErrorCode" not in delivered
    assert (await api.messages(message.sid).fetch_async()).status == "delivered"
    (listed,) = await api.messages.list_async(to=PHONE, limit=5)
    assert listed.sid == message.sid


async def test_every_resource_is_as_twilio_describes_it(sim: Twilio, api: Api) -> None:
    message = await send(api)
    await sim.settled()
    resource = await get(sim, f"/Messages/{message.sid}.json")
    assert_described(resource, "api.v2010.account.message")
    assert_described(await get(sim, ".json"), "api.v2010.account")
    assert_described(await get(sim, "/Balance.json"), "api.v2010.account.balance")


async def test_the_first_answer_is_as_twilio_describes_it(sim: Twilio) -> None:
    form = {"To": PHONE, "From": NUMBER, "Body": "Hi"}
    url = f"{sim.url}/2010-04-01/Accounts/{SID}/Messages.json"
    head = {"Authorization": basic(SID, TOKEN)}
    async with (
        aiohttp.ClientSession(headers=head) as session,
        session.post(url, data=form) as answer,
    ):
        assert answer.status == 201
        resource = orjson.loads(await answer.read())
    assert_described(resource, "api.v2010.account.message")
    assert resource["date_sent"] is None


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"to": "212555"}, 400, 21211),
        ({"from_": "+15005550006"}, 400, 21606),
        ({"body": "x" * 1601}, 400, 21617),
        ({"body": ""}, 400, 21602),
        ({"validity_period": 36_001}, 400, 21624),
        ({"status_callback": "example.com/hook"}, 400, 21609),
        ({"messaging_service_sid": "MG" + "0" * 32}, 400, 21701),
    ],
)
async def test_what_twilio_refuses_is_refused_with_its_code(
    sim: Twilio, api: Api, changes: dict[str, Any], status: int, code: int
) -> None:
    with pytest.raises(TwilioRestException) as refused:
        await send(api, **changes)
    assert (refused.value.status, refused.value.code) == (status, code)
    assert sim.phone(PHONE).received_total == 0


async def test_a_wrong_token_and_a_foreign_account_are_refused(sim: Twilio, api: Api) -> None:
    with pytest.raises(TwilioRestException) as foreign:
        await api.api.accounts("AC" + "0" * 32).fetch_async()
    assert (foreign.value.status, foreign.value.code) == (404, 20404)
    sim.change_secret("another")
    for call in (send(api), api.api.accounts(SID).fetch_async()):
        with pytest.raises(TwilioRestException) as refused:
            await call
        assert (refused.value.status, refused.value.code) == (401, 20003)


async def test_a_suspended_account_shows_it_and_sends_nothing(sim: Twilio, api: Api) -> None:
    assert (await api.api.accounts(SID).fetch_async()).status == "active"
    sim.fault("suspended")
    assert (await api.api.accounts(SID).fetch_async()).status == "suspended"
    with pytest.raises(TwilioRestException) as refused:
        await send(api)
    assert refused.value.code == 20005


async def test_a_text_comes_in_signed_with_all_that_twilio_tells(sim: Twilio, hook: Hook) -> None:
    message_id = await sim.text(PHONE, NUMBER, "Grüße 👋 & more=1")
    (request,) = await hook.wait_for(1)
    form = form_of(request)
    assert request.url == hook.url("/inbound?a=b%2Fc")
    told = ("MessageSid", "From", "To", "Body", "SmsStatus", "AccountSid", "NumSegments", "ToCity")
    assert [form[name] for name in told] == [
        message_id,
        PHONE,
        NUMBER,
        "Grüße 👋 & more=1",
        "received",
        SID,
        "1",
        "",
    ]
    assert form["SmsMessageSid"] == form["SmsSid"] == message_id


async def test_a_long_text_may_come_in_base64(sim: Twilio, hook: Hook) -> None:
    sim.fault("base64_bodies")
    await sim.text(PHONE, NUMBER, "Hello")
    (request,) = await hook.wait_for(1)
    assert form_of(request)["Body"] == "SGVsbG8="


@pytest.mark.parametrize(
    ("body", "content_type", "received"),
    [
        (b'<?xml version="1.0" encoding="UTF-8"?><Response/>', "text/xml", []),
        (b"", "text/plain", []),
        (b"<Response><Message>On our way</Message></Response>", "text/xml", ["On our way"]),
        (b"Internal error", "text/plain; charset=utf-8", ["Internal error"]),
        (b"{}", "application/json", []),
        (b"<oops", "text/xml", []),
    ],
)
async def test_what_answers_a_text_may_reach_the_person(
    sim: Twilio, hook: Hook, body: bytes, content_type: str, received: list[str]
) -> None:
    hook.answers.append(web.Response(body=body, headers={"Content-Type": content_type}))
    await sim.text(PHONE, NUMBER, "Hi")
    await sim.settled()
    assert [text.body for text in sim.phone(PHONE).received] == received


async def test_a_failed_callback_is_given_up_unless_the_fragment_says_otherwise(
    sim: Twilio, hook: Hook
) -> None:
    hook.answers.extend(web.Response(status=503) for _ in range(4))
    await sim.text(PHONE, NUMBER, "lost")
    await sim.settled()
    sim.portal(hook.url("/inbound#rc=3&rp=ct,rt,5xx"))
    message_id = await sim.text(PHONE, NUMBER, "insisted on")
    await sim.settled()
    assert [entry["status"] for entry in sim.deliveries] == [503, 503, 503, 503, 200]
    assert hook.requests[-1].url == hook.url("/inbound")
    assert form_of(hook.requests[-1])["MessageSid"] == message_id
    tokens = {request.headers["I-Twilio-Idempotency-Token"] for request in hook.requests[1:]}
    assert len(tokens) == 1
    (lost,) = sim.dead_letters
    assert lost["reason"] == "503"


async def test_a_refused_connection_is_tried_once_more(sim: Twilio) -> None:
    sim.portal("http://127.0.0.1:9/")
    await sim.text(PHONE, NUMBER, "Hi")
    entries: list[Entry] = await sim.wait_for("dead_letter", 1)
    assert (entries[0]["attempts"], entries[0]["reason"]) == (2, "ConnectFailed")


async def test_stop_blocks_at_twilio_which_answers_and_still_tells(
    sim: Twilio, api: Api, hook: Hook
) -> None:
    await sim.text(PHONE, NUMBER, " stop ")
    with pytest.raises(TwilioRestException) as refused:
        await send(api)
    assert (refused.value.status, refused.value.code) == (400, 21610)
    await send(api, from_=LOCAL)
    await sim.text(PHONE, NUMBER, "HELP")
    await sim.text(PHONE, NUMBER, "Unstop")
    await send(api)
    notices = [text.body[:32] for text in sim.phone(PHONE).notices]
    assert notices == [
        "You have successfully been unsub",
        "Reply STOP to unsubscribe. Msg&D",
        "You have successfully been re-su",
    ]
    bodies = [form_of(request)["Body"] for request in await hook.wait_for(3)]
    assert bodies == [" stop ", "HELP", "Unstop"]


async def test_yes_starts_again_on_long_codes_only_and_short_codes_obey_nothing(
    sim: Twilio, api: Api
) -> None:
    for number in (LOCAL, NUMBER, SHORT_CODE):
        await sim.text(PHONE, number, "STOPALL")
        await sim.text(PHONE, number, "yes")
    await send(api, from_=LOCAL)
    await send(api, from_=SHORT_CODE)
    with pytest.raises(TwilioRestException):
        await send(api, from_=NUMBER)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("", ("undelivered", 30003)),
        ("30007", ("undelivered", 30007)),
        ("30036", ("failed", 30036)),
    ],
)
async def test_a_failure_is_told_with_its_code(
    sim: Twilio, api: Api, hook: Hook, code: str, told: tuple[str, int]
) -> None:
    sim.fault("failed_reports", code=code)
    message = await send(api, status_callback=hook.url("/status"))
    last = form_of((await hook.wait_for(2))[-1])
    assert (last["MessageStatus"], int(last["ErrorCode"])) == told
    assert sim.phone(PHONE).received_total == 0
    shown = await api.messages(message.sid).fetch_async()
    assert (shown.status, shown.error_code) == told


async def test_an_unknown_status_is_one_that_no_page_tells_of(
    sim: Twilio, api: Api, hook: Hook
) -> None:
    sim.fault("unknown_reports")
    await send(api, status_callback=hook.url("/status"))
    assert form_of((await hook.wait_for(2))[-1])["MessageStatus"] == "pondering"


async def test_without_a_status_callback_nobody_is_told(sim: Twilio, api: Api, hook: Hook) -> None:
    await send(api)
    await sim.settled()
    assert hook.requests == []


async def test_throttling_and_server_errors_have_twilios_shape(sim: Twilio, api: Api) -> None:
    for name, parameters, status, code in (
        ("throttle", {}, 429, 20429),
        ("error_before_accept", {"status": 500, "code": "20500"}, 500, 20500),
        ("refuse", {"status": 429, "code": "21611"}, 429, 21611),
    ):
        sim.fault(name, count=1, **parameters)
        with pytest.raises(TwilioRestException) as refused:
            await send(api)
        assert (refused.value.status, refused.value.code) == (status, code)
    await send(api)
    assert sim.phone(PHONE).received_total == 1


async def test_a_text_that_is_cut_after_acceptance_arrives_all_the_same(
    sim: Twilio, api: Api
) -> None:
    sim.fault("cut_after_accept", count=1)
    with pytest.raises((aiohttp.ClientError, asyncio.TimeoutError)):
        await send(api)
    assert sim.phone(PHONE).received_total == 1
    assert sim.sends[0]["http_status"] is None
