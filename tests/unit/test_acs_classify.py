"""Every answer that ACS can give, through the real SDK, and what it means for the text."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any
from unittest.mock import MagicMock
from uuid import UUID

import aiohttp
import pytest
from acs_world import (
    JSON,
    KEY,
    PHONE,
    SECOND_KEY,
    SENDER,
    TEXT,
    Connect,
    Fake,
    accepted,
    answer,
    assert_signed,
    connecting,
    error,
    failed,
    serving,
)
from aiohttp import web
from azure.core.exceptions import (
    AzureError,
    IncompleteReadError,
    ServiceRequestError,
    ServiceRequestTimeoutError,
    ServiceResponseError,
    ServiceResponseTimeoutError,
)

from common.providers.acs_answers import retry_after
from common.providers.acs_sdk import classify
from common.providers.port import (
    Accepted,
    Ambiguous,
    Healthy,
    NotProcessed,
    Refused,
    Text,
    Unhealthy,
    Unknown,
)
from heliograph.codes import OutcomeCode


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving() as service:
        yield service


@pytest.fixture
async def connect(fake: Fake) -> AsyncIterator[Connect]:
    async with connecting(fake) as make:
        yield make


CODE = OutcomeCode


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ((202, accepted(), {}), Accepted("Outgoing_1")),
        ((202, accepted(to="15551230001"), {}), Accepted("Outgoing_1")),
        (
            (202, failed(400, "Invalid To phone number format."), {}),
            CODE.PROVIDER_INVALID_RECIPIENT,
        ),
        (
            (202, failed(400, "Invalid value for repeatability-first-sent."), {}),
            CODE.PROVIDER_REJECTED,
        ),
        ((202, failed(401, "no"), {}), CODE.PROVIDER_REJECTED),
        ((202, failed(429, "slow"), {}), (CODE.PROVIDER_THROTTLED, None)),
        ((202, failed(503, "ServiceUnavailable"), {}), (CODE.PROVIDER_UNAVAILABLE, None)),
        ((202, failed(500, "InternalError"), {}), Ambiguous),
        ((202, b"", {}), Ambiguous),
        ((202, b"thanks", {}), Ambiguous),
        ((202, {}, {}), Ambiguous),
        ((202, {"value": []}, {}), Ambiguous),
        ((202, accepted(to="+15559999999"), {}), Ambiguous),
        ((200, accepted(), {}), Ambiguous),
        ((204, b"", {}), Ambiguous),
        ((307, b"", {"Location": "http://127.0.0.1:1/"}), CODE.PROVIDER_REJECTED),
        ((400, {"title": "Bad.", "errors": {"To": ["x"]}}, {}), CODE.PROVIDER_REJECTED),
        ((400, error("ApiVersionUnspecified"), {"Retry-After": "30"}), CODE.PROVIDER_REJECTED),
        ((401, error("Denied", "Denied by the resource provider."), {}), CODE.CREDENTIALS_REJECTED),
        ((401, error("Unauthorized"), {}), CODE.SENDER_NOT_OWNED),
        ((401, b"", {}), CODE.CREDENTIALS_REJECTED),
        ((403, b"{", {}), CODE.PROVIDER_REJECTED),
        ((404, {"title": "Not Found"}, {}), CODE.PROVIDER_REJECTED),
        ((409, error("Conflict"), {}), CODE.PROVIDER_REJECTED),
        ((413, b"", {}), CODE.PROVIDER_REJECTED),
        ((408, b"", {}), Ambiguous),
        ((429, b"", {}), (CODE.PROVIDER_THROTTLED, None)),
        ((429, error("TooManyRequests"), {"Retry-After": "7"}), (CODE.PROVIDER_THROTTLED, 7.0)),
        ((429, b"{", {"Retry-After": "soon"}), (CODE.PROVIDER_THROTTLED, None)),
        ((500, error("InternalError"), {"Retry-After": "1"}), Ambiguous),
        ((502, b"<html>", {}), Ambiguous),
        ((503, error("ServiceUnavailable"), {}), Ambiguous),
        ((504, b"", {}), Ambiguous),
    ],
)
async def test_each_answer_is_classified_and_asked_for_once(
    fake: Fake,
    connect: Connect,
    said: tuple[int, Any, dict[str, str]],
    expected: Any,
) -> None:
    status, body, headers = said
    fake.respond = answer(status, body, **headers)
    result = await connect().send(TEXT)
    assert len(fake.bodies) == 1
    if isinstance(expected, Accepted):
        assert result == expected
    elif isinstance(expected, OutcomeCode):
        assert isinstance(result, Refused)
        assert result.code is expected
        assert result.account is (status == 401)
    elif isinstance(expected, tuple):
        assert isinstance(result, NotProcessed)
        assert (result.code, result.retry_after) == expected
    else:
        assert isinstance(result, Ambiguous)


async def test_the_details_of_both_error_shapes_are_told_without_numbers(
    fake: Fake, connect: Connect
) -> None:
    problem = {
        "title": "One or more validation errors occurred.",
        "errors": {
            "SmsRecipients[0].To": [f"Invalid recipient {PHONE}."],
            "Message": ["Too long."],
        },
    }
    fake.respond = answer(400, problem)
    first = await connect().send(TEXT)
    fake.respond = answer(400, error("BadRequest", f"No such sender {SENDER}."))
    second = await connect().send(TEXT)
    assert isinstance(first, Refused)
    assert isinstance(second, Refused)
    assert "Message: Too long." in first.detail
    assert "BadRequest No such sender" in second.detail
    for number in (PHONE, SENDER):
        assert number.strip("+") not in first.detail + second.detail


async def test_a_connection_that_never_came_about_means_not_sent(
    connect: Connect,
) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # Bound but not listening: refused.
        client = connect(url=f"http://127.0.0.1:{bound.getsockname()[1]}")
        result = await client.send(TEXT)
    assert isinstance(result, NotProcessed)
    assert result.code is OutcomeCode.PROVIDER_UNAVAILABLE


async def test_a_connection_cut_after_the_request_is_ambiguous(
    fake: Fake, connect: Connect
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    fake.respond = cut
    assert isinstance(await connect().send(TEXT), Ambiguous)
    assert len(fake.bodies) == 1


async def test_an_answer_cut_in_its_body_is_ambiguous(fake: Fake, connect: Connect) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=202, headers=JSON | {"Content-Length": "500"})
        await response.prepare(request)
        await response.write(b'{"value":')
        assert request.transport is not None
        request.transport.abort()
        return response

    fake.respond = half
    assert isinstance(await connect().send(TEXT), Ambiguous)


async def test_an_answer_that_does_not_come_in_time_is_ambiguous_and_ends_in_time(
    fake: Fake, connect: Connect
) -> None:
    released = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    fake.respond = slow
    async with asyncio.timeout(5):
        assert isinstance(await connect(timeout=0.2).send(TEXT), Ambiguous)
    released.set()


async def test_an_answer_that_only_trickles_is_ended_in_time_too(
    fake: Fake, connect: Connect
) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=202, headers=JSON)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b" ")
                await asyncio.sleep(0.05)
        return response

    fake.respond = trickle
    async with asyncio.timeout(5):
        assert isinstance(await connect(timeout=0.3).send(TEXT), Ambiguous)


async def test_cancelling_a_send_is_not_taken_for_an_answer(fake: Fake, connect: Connect) -> None:
    arrived, released = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await released.wait()
        return web.Response()

    fake.respond = slow
    sending = asyncio.create_task(connect().send(TEXT))
    await arrived.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    released.set()


async def test_each_try_carries_the_same_idempotency_values_and_a_valid_signature(
    fake: Fake, connect: Connect
) -> None:
    client = connect()
    await client.send(TEXT)
    await client.send(TEXT)
    for body, request in zip(fake.bodies, fake.requests, strict=True):
        assert body == {
            "from": SENDER,
            "smsRecipients": [
                {
                    "to": PHONE,
                    "repeatabilityRequestId": str(TEXT.request_id),
                    "repeatabilityFirstSent": "Sun, 01 Mar 2026 12:00:00 GMT",
                }
            ],
            "message": TEXT.body,
            "smsSendOptions": {"enableDeliveryReport": True, "tag": TEXT.reference},
        }
        assert_signed(request, await request.read(), KEY)


async def test_concurrent_sends_keep_their_own_values(fake: Fake, connect: Connect) -> None:
    client = connect()
    texts = [
        Text(
            sender=SENDER,
            recipient=PHONE,
            body=str(number),
            reference="r",
            request_id=UUID(int=number),
            first_sent=TEXT.first_sent,
        )
        for number in range(20)
    ]
    await asyncio.gather(*(client.send(text) for text in texts))
    assert {
        (body["message"], body["smsRecipients"][0]["repeatabilityRequestId"])
        for body in fake.bodies
    } == {(str(number), str(UUID(int=number))) for number in range(20)}


async def test_a_denied_key_is_followed_by_the_other_one_with_the_same_values(
    fake: Fake, connect: Connect
) -> None:
    signatures: list[bool] = []

    async def only_the_second(request: web.Request) -> web.StreamResponse:
        try:
            assert_signed(request, await request.read(), SECOND_KEY)
        except AssertionError:
            signatures.append(False)
            return await answer(401, error("Denied"))(request)
        signatures.append(True)
        return await answer(202, accepted())(request)

    fake.respond = only_the_second
    client = connect(second=SECOND_KEY)
    assert await client.send(TEXT) == Accepted("Outgoing_1")
    assert fake.bodies[0] == fake.bodies[1]
    assert await client.send(TEXT) == Accepted("Outgoing_1")
    assert signatures == [False, True, True]  # The key that works is asked first from then on.


@pytest.mark.parametrize("status", [401, 400, 429, 500])
async def test_the_other_key_is_asked_only_where_the_first_is_denied(
    fake: Fake, connect: Connect, status: int
) -> None:
    fake.respond = answer(status, error("Unauthorized"))
    await connect(second=SECOND_KEY).send(TEXT)
    assert len(fake.bodies) == 1


@pytest.mark.parametrize(
    ("said", "numbers", "expected"),
    [
        ((400, {"title": "Bad."}), [SENDER], Healthy),
        ((202, {"value": []}), [SENDER], Healthy),
        ((401, error("Denied")), [SENDER], Unhealthy),
        ((401, error("Unauthorized")), [SENDER], Unhealthy),
        ((401, error("Unauthorized")), [], Unknown),
        ((403, b""), [SENDER], Unhealthy),
        ((404, b""), [SENDER], Unhealthy),
        ((429, b""), [SENDER], Unknown),
        ((500, b""), [SENDER], Unknown),
        ((202, b""), [SENDER], Unknown),
    ],
)
async def test_a_check_sends_nothing_and_tells_the_health(
    fake: Fake,
    connect: Connect,
    said: tuple[int, Any],
    numbers: list[str],
    expected: type,
) -> None:
    fake.respond = answer(*said)
    health = await connect().check(numbers)
    assert isinstance(health, expected)
    assert [sent["smsRecipients"] for sent in fake.bodies] == [[]]
    if isinstance(health, (Unhealthy, Unknown)):
        assert health.reason.endswith(".")


async def test_a_service_that_is_away_says_nothing_of_the_health(
    connect: Connect,
) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        assert isinstance(await connect(url=url).check([SENDER]), Unknown)


async def test_no_result_holds_a_secret(fake: Fake, connect: Connect) -> None:
    fake.respond = answer(401, error("Denied", f"accesskey={KEY}"))
    client = connect()
    shown = repr(await client.send(TEXT)) + repr(await client.check([SENDER])) + repr(client)
    assert KEY not in shown
    assert TEXT.body not in shown


REFUSED = aiohttp.ClientConnectorError(MagicMock(), OSError(111, "refused"))


@pytest.mark.parametrize(
    ("inner", "wrapped_in", "expected"),
    [
        (REFUSED, ServiceRequestError, NotProcessed),
        (aiohttp.ConnectionTimeoutError(), ServiceRequestTimeoutError, NotProcessed),
        (aiohttp.ClientOSError(104, "reset"), ServiceRequestError, Ambiguous),
        (aiohttp.ServerDisconnectedError(), ServiceRequestError, Ambiguous),
        (aiohttp.SocketTimeoutError(), ServiceResponseTimeoutError, Ambiguous),
        (aiohttp.ClientPayloadError(), ServiceResponseError, Ambiguous),
        (aiohttp.ClientPayloadError(), IncompleteReadError, Ambiguous),
    ],
)
def test_what_the_sdk_wraps_decides_whether_anything_left(
    inner: Exception, wrapped_in: type[AzureError], expected: type
) -> None:
    assert isinstance(classify(wrapped_in(inner, error=inner)), expected)


def test_an_unforeseen_error_is_ambiguous() -> None:
    assert isinstance(classify(RuntimeError("Session is closed")), Ambiguous)


def test_a_key_that_does_not_decode_is_the_accounts_fault() -> None:
    try:
        base64.b64decode("abc")
    except ValueError as fault:
        result = classify(fault)
    assert isinstance(result, Refused)
    assert (result.code, result.account) == (OutcomeCode.CREDENTIALS_UNREADABLE, True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        ("1.5", 1.5),
        ("86400", 86400.0),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        (format_datetime(datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC), usegmt=True), 30.0),
        (format_datetime(datetime(2026, 3, 1, 11, 0, 0, tzinfo=UTC), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str, seconds: float | None) -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    assert retry_after({"Retry-After": value}, now) == seconds
