"""One call to many: what goes over the wire, and how each recipient gets its own answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from acs_world import (
    KEY,
    PHONE,
    TEXT,
    Connect,
    Fake,
    accepted,
    answer,
    assert_signed,
    connecting,
    error,
    failed,
    phones,
    serving,
    texts,
)

from common.providers.acs_versions import ApiVersion
from common.providers.acs_wire import call_of, changed_body, changed_url
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused
from heliograph.codes import OutcomeCode

pytestmark = pytest.mark.unit


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving() as service:
        yield service


@pytest.fixture
async def connect(fake: Fake) -> AsyncIterator[Connect]:
    async with connecting(fake) as make:
        yield make


def item(to: str, message_id: str) -> dict[str, Any]:
    return {"to": to, "messageId": message_id, "httpStatusCode": 202, "successful": True}


def items(*made: dict[str, Any]) -> dict[str, Any]:
    return {"value": list(made)}


async def test_a_hundred_recipients_take_one_signed_call_with_an_id_each(
    fake: Fake, connect: Connect
) -> None:
    fake.respond = answer(202, items(*(item(to, f"o-{to}") for to in phones(100))))
    results = await connect().send_all(texts(100))
    assert results == [Accepted(f"o-{to}") for to in phones(100)]
    [body], [request] = fake.bodies, fake.requests
    assert [
        (entry["to"], entry["repeatabilityRequestId"], entry["repeatabilityFirstSent"])
        for entry in body["smsRecipients"]
    ] == [
        (to, str(UUID(int=number)), "Sun, 01 Mar 2026 12:00:00 GMT")
        for number, to in enumerate(phones(100))
    ]
    assert body["smsSendOptions"] == {"enableDeliveryReport": True, "tag": texts(1)[0].reference}
    assert_signed(request, await request.read(), KEY)


def test_ids_are_put_where_their_recipient_stands_and_nowhere_else() -> None:
    made = texts(3)
    call = call_of(made, ApiVersion.V2021_03_07, None)
    sdk = {
        "from": TEXT.sender,
        "message": TEXT.body,
        "smsRecipients": [{"to": text.recipient} for text in (made[2], made[0], made[1])],
        "smsSendOptions": {"enableDeliveryReport": True},
    }
    sdk["smsRecipients"].append({"to": "+15550000000", "repeatabilityRequestId": "its own"})
    changed = changed_body(json.dumps(sdk), call)
    assert changed.isascii()
    document = json.loads(changed)
    ids = [entry["repeatabilityRequestId"] for entry in document["smsRecipients"]]
    assert ids == [*(str(UUID(int=number)) for number in (2, 0, 1)), "its own"]
    assert "messagingConnect" not in document["smsSendOptions"]


def test_the_version_of_the_address_is_the_setting() -> None:
    before = "https://r.communication.azure.com/sms?api-version=2021-03-07"
    after = "https://r.communication.azure.com/sms?api-version=2026-01-23"
    assert changed_url(before, ApiVersion.V2026_01_23) == after


@pytest.mark.parametrize("version", list(ApiVersion))
async def test_every_send_is_made_in_the_version_of_the_setting(
    fake: Fake, connect: Connect, version: ApiVersion
) -> None:
    client = connect(version=version)
    assert await client.send(TEXT) == Accepted("Outgoing_1")
    await client.check([TEXT.sender])
    await client.owns(TEXT.sender)
    assert fake.versions == [version.value] * 3
    for request in fake.requests:
        assert_signed(request, await request.read(), KEY)


async def test_results_are_found_by_recipient_and_not_by_their_place(
    fake: Fake, connect: Connect
) -> None:
    shuffled = [item(to.removeprefix("+"), f"o-{to}") for to in phones(3)][::-1]
    fake.respond = answer(202, items(*shuffled))
    assert await connect().send_all(texts(3)) == [Accepted(f"o-{to}") for to in phones(3)]


async def test_a_partial_failure_is_that_of_its_recipient_alone(
    fake: Fake, connect: Connect
) -> None:
    first, second, third, fourth = phones(4)
    bad = failed(400, "Invalid To phone number format.")["value"][0] | {"to": second}
    away = failed(503, "ServiceUnavailable")["value"][0] | {"to": third}
    blocked = failed(400, "Sender blocked for given recipient.")["value"][0] | {"to": fourth}
    fake.respond = answer(202, items(blocked, away, bad, item(first, "o-1")))
    one, two, three, four = await connect().send_all(texts(4))
    assert one == Accepted("o-1")
    assert isinstance(two, Refused)
    assert two.code is OutcomeCode.PROVIDER_INVALID_RECIPIENT
    assert isinstance(three, NotProcessed)
    assert isinstance(four, Refused)
    assert four.code is OutcomeCode.RECIPIENT_OPTED_OUT


@pytest.mark.parametrize("twice", [True, False], ids=["repeated", "missing"])
async def test_a_number_repeated_or_missing_in_the_answer_leaves_that_text_open_only(
    fake: Fake, connect: Connect, twice: bool
) -> None:
    first, second, third = phones(3)
    odd = [item(second, "o-2"), item(second, "o-2b")] if twice else []
    fake.respond = answer(202, items(item(first, "o-1"), *odd, item(third, "o-3")))
    one, two, three = await connect().send_all(texts(3))
    assert (one, three) == (Accepted("o-1"), Accepted("o-3"))
    assert isinstance(two, Ambiguous)


@pytest.mark.parametrize(
    ("status", "body", "expected", "account"),
    [
        (400, {"title": "Bad.", "errors": {"SmsRecipients": ["Max."]}}, "PROVIDER_REJECTED", False),
        (401, error("Denied"), "CREDENTIALS_REJECTED", True),
        (401, error("Unauthorized"), "SENDER_NOT_OWNED", True),
        (429, error("TooManyRequests"), "PROVIDER_THROTTLED", None),
        (500, error("InternalError"), None, None),
        (202, b"", None, None),
    ],
)
async def test_an_answer_to_the_whole_call_is_about_every_text(
    fake: Fake,
    connect: Connect,
    *,
    status: int,
    body: Any,
    expected: str | None,
    account: bool | None,
) -> None:
    fake.respond = answer(status, body)
    results = await connect().send_all(texts(3))
    assert len(results) == 3
    assert len(set(results)) == 1
    assert len(fake.bodies) == 1
    if expected is None:
        assert isinstance(results[0], Ambiguous)
    else:
        assert isinstance(results[0], Refused | NotProcessed)
        assert results[0].code is OutcomeCode[expected]
        assert getattr(results[0], "account", None) is account


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ((202, failed(400, "Sender blocked for given recipient.")), "RECIPIENT_OPTED_OUT"),
        ((202, failed(403, "4007: Sender blocked for given recipient.")), "RECIPIENT_OPTED_OUT"),
        ((202, failed(400, "4007: opted out")), "RECIPIENT_OPTED_OUT"),
        ((400, error("x", "Sender blocked for given recipient.")), "RECIPIENT_OPTED_OUT"),
        ((400, error("4007")), "RECIPIENT_OPTED_OUT"),
        ((202, failed(400, "40071 is no code")), "PROVIDER_INVALID_RECIPIENT"),
    ],
)
async def test_a_refusal_that_says_opted_out_is_told_as_an_opt_out(
    fake: Fake, connect: Connect, said: tuple[int, Any], code: str
) -> None:
    fake.respond = answer(*said)
    result = await connect().send(TEXT)
    assert isinstance(result, Refused)
    assert (result.code, result.account) == (OutcomeCode[code], False)


async def test_an_opt_out_told_of_a_whole_call_to_several_is_believed_of_none(
    fake: Fake, connect: Connect
) -> None:
    fake.respond = answer(400, error("x", "Sender blocked for given recipient."))
    results = await connect().send_all(texts(2))
    assert all(isinstance(it, Refused) for it in results)
    assert OutcomeCode.RECIPIENT_OPTED_OUT not in {getattr(it, "code", None) for it in results}


async def test_of_two_texts_to_one_recipient_the_second_waits_for_another_call(
    fake: Fake, connect: Connect
) -> None:
    other = replace(TEXT, recipient=PHONE.removeprefix("+"), request_id=UUID(int=7))
    first, second = await connect().send_all([TEXT, other])
    assert first == Accepted("Outgoing_1")
    assert isinstance(second, NotProcessed)
    [body] = fake.bodies
    assert [entry["repeatabilityRequestId"] for entry in body["smsRecipients"]] == [
        str(TEXT.request_id)
    ]


async def test_no_texts_take_no_call(fake: Fake, connect: Connect) -> None:
    assert await connect().send_all([]) == []
    assert fake.bodies == []


async def test_what_is_no_answer_of_the_service_is_open(fake: Fake, connect: Connect) -> None:
    fake.respond = answer(202, accepted(successful=False, httpStatusCode=None))
    assert isinstance(await connect().send(TEXT), Ambiguous)
