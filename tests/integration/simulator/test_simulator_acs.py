"""The adapter and the simulator, each the other's judge: one to many, a partner's numbers, the
opt-out list, reports that are asked for."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from simulator_world import KEY, NUMBER, PHONE, SECOND_KEY

from common.providers.acs import Acs, AcsClient
from common.providers.acs_versions import ApiVersion
from common.providers.port import Accepted, NotProcessed, Refused, SendResult, Text
from heliograph.codes import OutcomeCode
from heliograph.models import ReportStatus
from local.simulator import Simulator

pytestmark = pytest.mark.unit

SHORT_CODE, LEASED = "72345", "+447700900100"
NEWEST = ApiVersion.V2026_01_23
PARTNER = {"partner": "infobip", "partner_key": "k3y"}
TEXT = Text(
    sender=NUMBER,
    recipient=PHONE,
    body="Hello",
    reference="0123456789abcdef0123456789abcdef",
    request_id=UUID(int=1),
    first_sent=datetime(2026, 3, 1, 12, 0, tzinfo=UTC),
)

Connect = Callable[..., AcsClient]


@pytest.fixture
async def connect(sim: Simulator) -> AsyncIterator[Connect]:
    sim.own(SHORT_CODE)
    sim.own(LEASED, partner="infobip")
    made: list[AcsClient] = []

    def make(version: ApiVersion = NEWEST, *, key: str = KEY, **more: str) -> AcsClient:
        credentials = {"connection_string": f"endpoint={sim.url};accesskey={key}"} | more
        made.append(Acs(api_version=version).connect(credentials, timeout=10))
        return made[-1]

    yield make
    for client in made:
        await client.close()


def many(count: int, **changes: object) -> list[Text]:
    return [
        replace(TEXT, recipient=f"+1555123{n:04}", request_id=UUID(int=n + 10), **changes)
        for n in range(count)
    ]


def code_of(result: SendResult) -> OutcomeCode | None:
    return getattr(result, "code", None)


async def test_a_hundred_texts_take_one_call_and_a_repeat_sends_none_again(
    sim: Simulator, connect: Connect
) -> None:
    client = connect(ApiVersion.V2021_03_07)
    first = await client.send_all(many(100))
    again = await client.send_all(many(100))
    assert all(isinstance(result, Accepted) for result in first)
    assert again == first
    assert len({getattr(result, "provider_message_id", None) for result in first}) == 100
    assert [len(send["recipients"]) for send in sim.sends] == [100, 100]
    assert all(it["repeated"] and not it["conflict"] for it in sim.sends[1]["recipients"])
    assert {len(sim.phone(text.recipient).received) for text in many(100)} == {1}


async def test_a_partial_failure_is_tried_again_alone(sim: Simulator, connect: Connect) -> None:
    client, texts = connect(), many(3)
    sim.fault("recipient_error", phone=texts[1].recipient, count=1)
    results = await client.send_all(texts)
    assert [type(result) for result in results] == [Accepted, NotProcessed, Accepted]
    assert isinstance(await client.send(texts[1]), Accepted)
    assert [len(sim.phone(text.recipient).received) for text in texts] == [1, 1, 1]


async def test_one_recipient_too_many_refuses_the_whole_call(
    sim: Simulator, connect: Connect
) -> None:
    results = await connect().send_all(many(101))
    assert {code_of(result) for result in results} == {OutcomeCode.PROVIDER_REJECTED}
    assert sim.phones.numbers() == []


@pytest.mark.parametrize("version", list(ApiVersion))
async def test_a_partners_number_sends_whatever_the_version_of_the_setting(
    sim: Simulator, connect: Connect, version: ApiVersion
) -> None:
    client = connect(version, **PARTNER)
    results = await client.send_all(many(2, sender=LEASED, partner_number=True))
    assert all(isinstance(result, Accepted) for result in results)
    assert isinstance(await client.send(TEXT), Accepted)
    assert [send["partner"] for send in sim.sends] == ["infobip", None]


@pytest.mark.parametrize(
    ("sender", "credentials", "code"),
    [
        (LEASED, {"partner": "another", "partner_key": "k3y"}, OutcomeCode.PARTNER_MISMATCH),
        (NUMBER, PARTNER, OutcomeCode.PARTNER_MISMATCH),
        ("+447700900999", PARTNER, OutcomeCode.PARTNER_NOT_LINKED),
        (LEASED, {}, OutcomeCode.PARTNER_MISSING),
    ],
)
async def test_a_wrong_partner_is_told_by_its_code(
    connect: Connect, sender: str, credentials: dict[str, str], code: OutcomeCode
) -> None:
    result = await connect(**credentials).send(replace(TEXT, sender=sender, partner_number=True))
    assert isinstance(result, Refused)
    assert (result.code, result.account) == (code, True)


async def test_the_list_knows_a_stop_and_takes_what_it_is_told(
    sim: Simulator, connect: Connect
) -> None:
    client = connect()
    assert await client.opted_out(NUMBER, PHONE) is False
    await sim.text(PHONE, NUMBER, "Stop")
    assert await client.opted_out(NUMBER, PHONE) is True
    assert await client.opted_out(SHORT_CODE, PHONE) is False
    assert await client.opt_out(NUMBER, PHONE, opted_out=False) is True
    assert await client.opted_out(NUMBER, PHONE) is False
    assert await client.opt_out(SHORT_CODE, PHONE, opted_out=True) is True
    sim.fault("blocked_in_answer")
    result = await client.send(replace(TEXT, sender=SHORT_CODE))
    assert code_of(result) is OutcomeCode.RECIPIENT_OPTED_OUT
    assert not sim.phone(PHONE).received


async def test_the_list_is_the_owners_and_older_versions_have_none(connect: Connect) -> None:
    assert await connect().opt_out("+18005559999", PHONE, opted_out=True) is False
    assert await connect().opt_out(NUMBER, "+123", opted_out=True) is False
    assert await connect(ApiVersion.V2021_03_07).opted_out(NUMBER, PHONE) is None


async def test_an_opt_out_among_many_is_that_of_its_recipient(
    sim: Simulator, connect: Connect
) -> None:
    texts = many(3)
    await sim.text(texts[1].recipient, NUMBER, "STOP")
    sim.fault("blocked_in_answer")
    results = await connect().send_all(texts)
    assert [code_of(result) for result in results] == [
        None,
        OutcomeCode.RECIPIENT_OPTED_OUT,
        None,
    ]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (None, ReportStatus.DELIVERED, "2000"),
        ({"details": "4004: No such number."}, ReportStatus.UNDELIVERABLE, "4004"),
    ],
)
async def test_a_report_that_was_never_told_can_be_asked_for(
    sim: Simulator,
    connect: Connect,
    fault: dict[str, str] | None,
    status: ReportStatus,
    code: str,
) -> None:
    sim.fault("missing_reports")
    if fault is not None:
        sim.fault("failed_reports", **fault)
    client = connect()
    result = await client.send(TEXT)
    assert isinstance(result, Accepted)
    report = await client.report(result.provider_message_id or "")
    assert report is not None
    assert (report.status, report.code) == (status, code)
    assert await client.report("Outgoing_unknown") is None
    assert await connect(ApiVersion.V2021_03_07).report(result.provider_message_id or "") is None


async def test_questions_are_signed_and_the_second_key_does_as_well(
    sim: Simulator, connect: Connect
) -> None:
    second = f"endpoint={sim.url};accesskey={SECOND_KEY}"
    client = connect(key="d3Jvbmc=", secondary_connection_string=second)
    assert await client.opted_out(NUMBER, PHONE) is False
    assert await connect(key="d3Jvbmc=").opted_out(NUMBER, PHONE) is None
    assert [(it["operation"], it["http_status"]) for it in sim.journal.entries("query")] == [
        ("opt_outs_check", 401),
        ("opt_outs_check", 200),
        ("opt_outs_check", 401),
    ]


async def test_what_is_over_a_senders_limit_is_throttled(sim: Simulator, connect: Connect) -> None:
    sim.fault("rate_limits", toll_free=3, short_code=1, retry_after=1)
    client = connect()
    two = replace(TEXT, body="x" * 161)
    assert isinstance(await client.send(two), Accepted)  # two segments
    over = await client.send(replace(two, request_id=UUID(int=2)))
    assert over == NotProcessed(OutcomeCode.PROVIDER_THROTTLED, getattr(over, "detail", ""), 1.0)
    assert isinstance(await client.send(replace(TEXT, request_id=UUID(int=3))), Accepted)
    # Each short code has its own, and a text to many counts once for each.
    short = many(2, sender=SHORT_CODE)
    results = await client.send_all(short)
    assert {code_of(result) for result in results} == {OutcomeCode.PROVIDER_THROTTLED}
    assert isinstance(await client.send(short[0]), Accepted)
