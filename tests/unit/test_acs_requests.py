"""The service's own opt-out list and the reports that it is asked for: only in versions that have
them, and whatever comes back, nothing is raised."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from acs_world import (
    KEY,
    PHONE,
    SECOND_KEY,
    SENDER,
    Connect,
    Fake,
    answer,
    assert_signed,
    connecting,
    error,
    serving,
)
from aiohttp import web

from common.providers.acs_requests import Answer, read_opt_outs, read_report
from common.providers.acs_versions import ApiVersion
from common.providers.port import FetchedReport
from heliograph.models import ReportStatus

pytestmark = pytest.mark.unit

NEWEST = ApiVersion.V2026_01_23
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WITH_OPT_OUTS = ("2024-12-10", "2025-05-29", "2025-08-01", "2025-09-17", "2026-01-23")
WITH_REPORTS = ("2025-08-01", "2025-09-17", "2026-01-23")
REPORT = {
    "deliveryStatus": "Delivered",
    "deliveryStatusDetails": "2000: No Error",
    "receivedTimestamp": "2025-08-12T14:40:00Z",
    "messageId": "Outgoing_1",
    "from": SENDER,
    "to": PHONE,
}


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving() as service:
        yield service


@pytest.fixture
async def connect(fake: Fake) -> AsyncIterator[Connect]:
    async with connecting(fake) as make:
        yield make


def entry(to: str = PHONE, **fields: Any) -> dict[str, Any]:
    return {"value": [{"to": to, "httpStatusCode": 200} | fields]}


@pytest.mark.parametrize("version", list(ApiVersion))
async def test_the_list_is_told_and_asked_in_versions_that_have_it_only(
    fake: Fake, connect: Connect, version: ApiVersion
) -> None:
    fake.respond = answer(200, entry(isOptedOut=True))
    client = connect(version=version)
    told = (
        await client.opt_out(SENDER, PHONE, opted_out=True),
        await client.opt_out(SENDER, PHONE, opted_out=False),
        await client.opted_out(SENDER, PHONE),
    )
    if not version.startswith(WITH_OPT_OUTS):
        assert told == (None, None, None)
        assert fake.requests == []
        return
    assert told == (True, True, True)
    assert [request.raw_path for request in fake.requests] == [
        f"/sms/optouts:{action}?api-version={version}" for action in ("add", "remove", "check")
    ]
    assert fake.bodies == [{"from": SENDER, "recipients": [{"to": PHONE}]}] * 3
    for request in fake.requests:
        assert_signed(request, await request.read(), KEY)


@pytest.mark.parametrize("version", list(ApiVersion))
async def test_a_report_is_asked_for_in_versions_that_have_it_only(
    fake: Fake, connect: Connect, version: ApiVersion
) -> None:
    fake.respond = answer(200, REPORT)
    report = await connect(version=version).report("Outgoing_1")
    if not version.startswith(WITH_REPORTS):
        assert report is None
        assert fake.requests == []
        return
    assert report == FetchedReport(
        status=ReportStatus.DELIVERED,
        code="2000",
        details="2000: No Error",
        at=datetime(2025, 8, 12, 14, 40, tzinfo=UTC),
    )
    [request] = fake.requests
    assert request.method == "GET"
    assert request.raw_path == f"/deliveryReports/Outgoing_1?api-version={version}"
    assert_signed(request, b"", KEY)


@pytest.mark.parametrize(
    ("status", "body", "taken", "opted_out"),
    [
        (200, entry(isOptedOut=False), True, False),
        (200, entry(to=PHONE.removeprefix("+"), isOptedOut=True), True, True),
        (200, entry(), True, None),
        (200, entry(isOptedOut="yes"), True, None),
        (200, entry(httpStatusCode=400, errorMessage="Invalid recipient"), False, None),
        (200, entry(httpStatusCode=500), False, None),
        (200, entry(to="+15559999999", isOptedOut=True), False, None),
        (200, {"value": [*entry()["value"], *entry()["value"]]}, False, None),
        (200, {"value": [None, 7]}, False, None),
        (200, {}, False, None),
        (200, b"", False, None),
        (401, error("Unauthorized"), False, None),
        (429, b"", False, None),
        (500, b"<html>", False, None),
        (404, b"", None, None),
    ],
)
async def test_each_answer_about_opt_outs_is_read(
    fake: Fake,
    connect: Connect,
    *,
    status: int,
    body: Any,
    taken: bool | None,
    opted_out: bool | None,
) -> None:
    fake.respond = answer(status, body)
    client = connect(version=NEWEST)
    assert await client.opt_out(SENDER, PHONE, opted_out=True) is taken
    assert await client.opted_out(SENDER, PHONE) is opted_out
    assert len(fake.requests) == 2


async def test_an_alphanumeric_sender_has_no_list(fake: Fake, connect: Connect) -> None:
    client = connect(version=NEWEST)
    assert await client.opt_out("CONTOSO", PHONE, opted_out=True) is None
    assert await client.opted_out("CONTOSO", PHONE) is None
    assert fake.requests == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"title": "Not Found"}),
        (200, b""),
        (200, []),
        (200, {"deliveryStatus": "Delivered"}),
        (200, REPORT | {"deliveryStatus": None}),
        (401, error("Denied")),
        (500, b""),
    ],
)
async def test_without_a_readable_report_there_is_none(
    fake: Fake, connect: Connect, status: int, body: Any
) -> None:
    fake.respond = answer(status, body)
    assert await connect(version=NEWEST).report("Outgoing_1") is None


@pytest.mark.parametrize("message_id", ["", "a/b", "../sms", "a b", "a?b", "é", "x" * 513])
async def test_what_is_no_message_id_is_not_asked_for(
    fake: Fake, connect: Connect, message_id: str
) -> None:
    assert await connect(version=NEWEST).report(message_id) is None
    assert fake.requests == []


def test_a_failed_report_keeps_its_code_and_gets_an_instant() -> None:
    body = REPORT | {
        "deliveryStatus": "Failed",
        "deliveryStatusDetails": "4007: Sender blocked for given recipient.",
        "receivedTimestamp": None,
    }
    report = read_report(Answer(200, {}, orjson.dumps(body)), "Outgoing_1", NOW)
    assert report is not None
    assert (report.status, report.code, report.at) == (ReportStatus.REJECTED, "4007", NOW)


async def test_a_service_that_is_away_raises_nothing(connect: Connect) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        client = connect(url=url, version=NEWEST)
        assert await client.opt_out(SENDER, PHONE, opted_out=True) is False
        assert await client.opted_out(SENDER, PHONE) is None
        assert await client.report("Outgoing_1") is None


async def test_a_denied_key_is_followed_by_the_other_one(fake: Fake, connect: Connect) -> None:
    async def only_the_second(request: web.Request) -> web.StreamResponse:
        try:
            assert_signed(request, await request.read(), SECOND_KEY)
        except AssertionError:
            return await answer(401, error("Denied"))(request)
        return await answer(200, entry(isOptedOut=True))(request)

    fake.respond = only_the_second
    client = connect(second=SECOND_KEY, version=NEWEST)
    assert await client.opted_out(SENDER, PHONE) is True
    assert await client.opted_out(SENDER, PHONE) is True
    assert len(fake.requests) == 3


def published() -> Any:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE is not set")
    name = "specs/communication-sms-examples-2026-01-23.json"
    return orjson.loads((Path(folder) / name).read_bytes())


@pytest.mark.parametrize(
    ("operation", "to", "taken", "opted_out"),
    [
        ("OptOuts_Check", "+15555555551", True, True),
        ("OptOuts_Check", "+15555555552", True, False),
        ("OptOuts_Check", "+123", False, None),
        ("OptOuts_Check", "+15555555553", False, None),
        ("OptOuts_Add", "+15555555551", True, None),
        ("OptOuts_Add", "+123", False, None),
        ("OptOuts_Add", "+15555555552", False, None),
    ],
)
def test_the_published_answers_about_opt_outs_are_read(
    operation: str, to: str, taken: bool, opted_out: bool | None
) -> None:
    body = orjson.dumps(published()[operation]["200"])
    entry = read_opt_outs(Answer(200, {}, body), to)
    assert entry is not None
    assert (entry.taken, entry.opted_out) == (taken, opted_out)


def test_the_published_delivery_report_is_read() -> None:
    body = orjson.dumps(published()["DeliveryReports_Get"]["200"])
    report = read_report(Answer(200, {}, body), "abc123-message-id", NOW)
    assert report is not None
    assert (report.status, report.code) == (ReportStatus.DELIVERED, "2000")
    assert report.at == datetime(2025, 8, 12, 14, 40, tzinfo=UTC)
