"""The simulated Infobip, judged by Infobip's own package and its OpenAPI documents."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from hook_world import NUMBER, PHONE, Hook, Request, described
from infobip_api_client import ApiClient, Configuration, SmsApi
from infobip_api_client.exceptions import ApiException
from infobip_api_client.models import SmsRequest
from openapi_schema_validator import OAS31Validator

from local.simulators.infobip import Infobip
from local.simulators.messages import basic

KEY = "made-up-key"
DIGITS = PHONE.removeprefix("+")
SPEC = "infobip_sms.json"


@pytest.fixture
async def sim(hook: Hook) -> AsyncIterator[Infobip]:
    simulator = Infobip(
        api_key=KEY, blocklist=True, numbers=[NUMBER, "Clinic"], time_scale=0.001, seed=1
    )
    async with simulator:
        simulator.portal(hook.url("/portal"), "connection-1", "geheim")
        yield simulator


class Account:
    """Infobip's own client, and plain HTTP, against the simulator."""

    def __init__(self, sim: Infobip, key: str = KEY) -> None:
        settings = Configuration(host=sim.url, api_key=key, retries=0)
        self.sms = SmsApi(ApiClient(settings))
        self._url = sim.url
        self._head = {"Authorization": f"App {key}"}

    async def send(self, envelope: dict[str, Any]) -> Any:
        request = SmsRequest.from_dict(envelope)
        assert request is not None
        return await asyncio.to_thread(self.sms.send_sms_messages, request)

    async def reports(self, **query: Any) -> Any:
        call = self.sms.get_outbound_sms_message_delivery_reports
        return (await asyncio.to_thread(call, **query)).results

    async def raw(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else orjson.dumps(body)
        async with (
            aiohttp.ClientSession(headers=self._head) as session,
            session.request(method, f"{self._url}{path}", data=data) as answer,
        ):
            return answer.status, orjson.loads(await answer.read())


@pytest.fixture
def account(sim: Infobip) -> Account:
    return Account(sim)


def envelope(
    url: str | None = None, *, to: str = DIGITS, sender: str | None = None, **message: Any
) -> dict[str, Any]:
    webhooks = {"callbackData": "ref-1", "contentType": "application/json"}
    if url:
        webhooks["delivery"] = {"url": url, "intermediateReport": True}  # type: ignore[assignment] # JSON
    return {
        "messages": [
            {
                "sender": sender or NUMBER.removeprefix("+"),
                "destinations": [{"to": to, "messageId": "id-1"}],
                "content": {"text": "Your order is ready."},
                "options": {"platform": {"entityId": "acme"}},
                "webhooks": webhooks,
                **message,
            }
        ],
        "options": {"includeSmsCountInResponse": True},
    }


def assert_described(value: Any, name: str, file: str = SPEC) -> None:
    if schema := described(file, name):
        OAS31Validator(schema).validate(value)


def items_of(request: Request, name: str = "DeliveryReports") -> list[Any]:
    body = orjson.loads(request.body)
    assert_described(body, name)
    items: list[Any] = body["results"]
    return items


async def test_a_text_of_the_official_client_arrives_and_is_reported_on(
    sim: Infobip, account: Account, hook: Hook
) -> None:
    answer = await account.send(envelope(hook.url("/reports/token?ref=1")))
    (result,) = answer.messages
    assert (result.message_id, result.status.group_name, result.status.id) == (
        "id-1",
        "PENDING",
        26,
    )
    assert result.details.message_count == 1
    (text,) = await sim.wait_for_texts(PHONE, 1)
    assert (text.message_id, text.from_, text.body) == ("id-1", NUMBER, "Your order is ready.")
    requests = await hook.wait_for(2)
    enroute, delivered = (item for request in requests for item in items_of(request))
    assert [enroute["status"]["name"], delivered["status"]["name"]] == [
        "PENDING_ENROUTE",
        "DELIVERED_TO_HANDSET",
    ]
    assert requests[0].url == hook.url("/reports/token?ref=1")
    assert "Authorization" not in requests[0].headers
    assert (delivered["callbackData"], delivered["platform"]) == ("ref-1", {"entityId": "acme"})
    assert delivered["doneAt"].endswith("+0000")


async def test_without_intermediate_reports_only_the_last_word_comes(
    sim: Infobip, account: Account, hook: Hook
) -> None:
    order = envelope(hook.url("/reports"))
    order["messages"][0]["webhooks"]["delivery"].pop("intermediateReport")
    await account.send(order)
    await sim.settled()
    (request,) = hook.requests
    assert items_of(request)[0]["status"]["id"] == 5


async def test_a_message_id_is_good_for_one_text(
    sim: Infobip, account: Account, hook: Hook
) -> None:
    await account.send(envelope())
    (again,) = (await account.send(envelope())).messages
    assert (again.status.id, again.status.name) == (23, "REJECTED_DUPLICATE_MESSAGE_ID")
    assert sim.phone(PHONE).received_total == 1


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"to": PHONE}, 52),
        ({"to": "123"}, 52),
        ({"sender": "447860000001"}, 11),
        ({"content": {"text": "x" * 4001}}, 25),
    ],
)
async def test_what_is_refused_is_refused_in_a_200_as_infobip_describes_it(
    account: Account, changes: dict[str, Any], status: int
) -> None:
    code, body = await account.raw("POST", "/sms/3/messages", envelope(**changes))
    assert (code, body["messages"][0]["status"]["groupName"]) == (200, "REJECTED")
    assert body["messages"][0]["status"]["id"] == status
    assert_described(body, "SmsResponseEnvelope")


async def test_one_bad_recipient_harms_no_other(sim: Infobip, account: Account) -> None:
    to = [{"to": "123", "messageId": "a"}, {"to": DIGITS, "messageId": "b"}]
    code, body = await account.raw("POST", "/sms/3/messages", envelope(destinations=to))
    assert (code, [item["status"]["id"] for item in body["messages"]]) == (200, [52, 26])
    assert body["bulkId"]
    assert_described(body, "SmsResponseEnvelope")
    assert sim.phone(PHONE).received_total == 1


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        ({"messages": []}, "messages"),
        (envelope(destinations=[]), "messages[0].destinations"),
        (envelope(content={}), "messages[0].content.text"),
        (envelope(destinations=[{"to": 1}]), "messages[0].destinations[0].to"),
    ],
)
async def test_an_unsound_body_is_a_400_that_names_the_place(
    account: Account, broken: Any, place: str
) -> None:
    code, body = await account.raw("POST", "/sms/3/messages", broken)
    assert (code, body["errorCode"]) == (400, "E400")
    assert [violation["property"] for violation in body["violations"]] == [place]
    assert_described(body, "ApiError")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"name": "denied"}, 401, "E401"),
        ({"name": "suspended"}, 403, "E403"),
        ({"name": "scope_missing"}, 403, "E403"),
        ({"name": "throttle", "retry_after": 3}, 429, "E429"),
        ({"name": "error_before_accept", "status": 500, "code": "E500"}, 500, "E500"),
    ],
)
async def test_every_error_has_the_shape_that_infobip_describes(
    sim: Infobip, account: Account, fault: dict[str, Any], status: int, code: str
) -> None:
    sim.fault(fault.pop("name"), **fault)
    answered, body = await account.raw("POST", "/sms/3/messages", envelope())
    assert (answered, body["errorCode"]) == (status, code)
    assert_described(body, "ApiError")
    with pytest.raises(ApiException) as refused:
        await account.send(envelope())
    assert refused.value.status == status
    assert sim.phone(PHONE).received_total == 0


async def test_a_wrong_key_is_refused_everywhere(sim: Infobip, account: Account) -> None:
    sim.change_secret("another")
    for path in ("/sms/3/reports?limit=1", "/sms/3/logs", "/account/1/balance"):
        assert (await account.raw("GET", path))[0] == 401
    assert (await account.raw("POST", "/sms/3/messages", envelope()))[0] == 401


async def test_without_credit_the_balance_is_nothing_and_texts_are_rejected(
    sim: Infobip, account: Account
) -> None:
    _, body = await account.raw("GET", "/account/1/balance")
    assert_described(body, "AccountBalance", "infobip_account_balance.json")
    assert body["balance"] > 0
    sim.fault("no_credit")
    assert (await account.raw("GET", "/account/1/balance"))[1]["balance"] == 0
    (result,) = (await account.send(envelope())).messages
    assert result.status.name == "REJECTED_NOT_ENOUGH_CREDITS"


async def test_each_report_is_handed_out_once(sim: Infobip, account: Account) -> None:
    assert await account.reports(message_id=str(uuid.uuid4()), limit=1) == []
    await account.send(envelope())
    await sim.settled()
    (report,) = await account.reports(message_id="id-1", limit=1)
    assert (report.message_id, report.status.group_name) == ("id-1", "DELIVERED")
    assert await account.reports(message_id="id-1", limit=1) == []


async def test_logs_tell_as_often_as_asked(sim: Infobip, account: Account) -> None:
    await account.send(envelope())
    await sim.settled()
    for _ in range(2):
        _, body = await account.raw("GET", "/sms/3/logs?messageId=id-1")
        assert_described(body, "LogResponseSmsLogSmsMessageContent")
        assert body["results"][0]["status"]["name"] == "DELIVERED_TO_HANDSET"


async def test_texts_come_in_batches_with_the_portals_login(sim: Infobip, hook: Hook) -> None:
    ids = [await sim.text(PHONE, NUMBER, body) for body in ("Grüße 👋", "STOP please", "No")]
    (request,) = await hook.wait_for(1)
    items = items_of(request, "SmsMoReportResponse")
    assert [item["messageId"] for item in items] == ids
    assert [item["text"] for item in items] == ["Grüße 👋", "STOP please", "No"]
    assert [item["cleanText"] for item in items] == ["Grüße 👋", "please", "No"]
    assert (items[0]["from"], items[0]["to"]) == (DIGITS, NUMBER.removeprefix("+"))
    assert request.headers["Authorization"] == basic("connection-1", "geheim")


async def test_what_is_not_taken_comes_again_after_growing_waits(sim: Infobip, hook: Hook) -> None:
    hook.answers.extend(web.Response(status=status) for status in (503, 401))
    await sim.text(PHONE, NUMBER, "Hi")
    await hook.wait_for(3)
    await sim.settled()
    assert [entry["status"] for entry in sim.deliveries] == [503, 401, 200]
    assert len({request.body for request in hook.requests}) == 1


async def test_stop_puts_a_person_on_the_blocklist_where_a_rule_says_so(
    sim: Infobip, account: Account, hook: Hook
) -> None:
    await sim.text(PHONE, NUMBER, "stop")
    (blocked,) = (await account.send(envelope())).messages
    assert blocked.status.name == "REJECTED_DESTINATION_BLOCKLISTED"
    await sim.text(PHONE, NUMBER, "Start")
    (taken,) = (await account.send(envelope())).messages
    assert taken.status.name == "PENDING_ACCEPTED"
    assert not sim.phone(PHONE).notices


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("", ("UNDELIVERABLE", 9, 27)),
        ("14", ("REJECTED", 14, 2052)),
        ("15/4098", ("EXPIRED", 15, 4098)),
    ],
)
async def test_a_failure_is_told_with_status_and_error(
    sim: Infobip, account: Account, hook: Hook, code: str, told: tuple[str, int, int]
) -> None:
    sim.fault("failed_reports", code=code)
    await account.send(envelope(hook.url("/reports")))
    await sim.settled()
    item = items_of(hook.requests[-1])[0]
    assert (item["status"]["groupName"], item["status"]["id"], item["error"]["id"]) == told
    assert sim.phone(PHONE).received_total == 0


async def test_a_status_may_be_unknown_and_a_report_of_the_old_shape(
    sim: Infobip, account: Account, hook: Hook
) -> None:
    sim.fault("unknown_reports")
    sim.fault("old_reports")
    await account.send(envelope(hook.url("/reports")))
    await sim.settled()
    (item,) = orjson.loads(hook.requests[-1].body)["results"]
    assert item["status"]["groupName"] == "PONDERING"
    assert item["entityId"] == "acme"
    assert "sender" not in item
    assert "smsCount" in item


async def test_a_text_that_is_answered_with_500_arrives_and_its_id_is_taken(
    sim: Infobip, account: Account
) -> None:
    sim.fault("error_after_accept", count=1)
    with pytest.raises(ApiException):
        await account.send(envelope())
    (again,) = (await account.send(envelope())).messages
    assert again.status.id == 23
    assert sim.phone(PHONE).received_total == 1
