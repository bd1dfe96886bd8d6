"""Messaging Connect: required exactly for a partner's numbers, in the shape of the version, its
documented refusals told apart, and its key nowhere to be read."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from acs_world import (
    KEY,
    TEXT,
    Connect,
    Fake,
    accepted,
    answer,
    assert_signed,
    connecting,
    error,
    failed,
    problem,
    serving,
    texts,
)

from common.providers.acs_partner import Partner
from common.providers.acs_versions import ApiVersion
from common.providers.acs_wire import call_of
from common.providers.port import Accepted, Refused
from heliograph.codes import OutcomeCode

pytestmark = pytest.mark.unit

CANARY = "App 0f1e2d3c-canary/key+42"
PARTNER = {"partner": "infobip", "partner_key": CANARY}
LEASED = replace(TEXT, partner_number=True)
KEY_BESIDE = {"partner": "infobip", "apiKey": CANARY}
KEY_AMONG_PARAMS = {"partner": "infobip", "partnerParams": {"apiKey": CANARY}}
CODE = OutcomeCode


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving() as service:
        yield service


@pytest.fixture
async def connect(fake: Fake) -> AsyncIterator[Connect]:
    async with connecting(fake) as make:
        yield make


@pytest.mark.parametrize(
    ("setting", "called", "shape"),
    [
        ("2021-03-07", "2025-05-29-preview", KEY_BESIDE),
        ("2024-01-14-preview", "2025-05-29-preview", KEY_BESIDE),
        ("2024-02-05-preview", "2025-05-29-preview", KEY_BESIDE),
        ("2024-12-10-preview", "2025-05-29-preview", KEY_BESIDE),
        ("2025-05-29-preview", "2025-05-29-preview", KEY_BESIDE),
        ("2025-08-01-preview", "2025-08-01-preview", KEY_BESIDE),
        ("2025-09-17", "2025-09-17", KEY_BESIDE),
        ("2026-01-23", "2026-01-23", KEY_AMONG_PARAMS),
    ],
)
async def test_a_partners_number_names_it_in_the_shape_of_the_version(
    fake: Fake, connect: Connect, setting: str, called: str, shape: dict[str, Any]
) -> None:
    client = connect(version=ApiVersion(setting), **PARTNER)
    assert await client.send(LEASED) == Accepted("Outgoing_1")
    assert await client.send(TEXT) == Accepted("Outgoing_1")
    leased, own = fake.bodies
    assert leased["smsSendOptions"]["messagingConnect"] == shape
    assert leased["smsRecipients"][0]["repeatabilityRequestId"] == str(TEXT.request_id)
    assert "messagingConnect" not in own["smsSendOptions"]
    assert fake.versions == [called, setting]
    assert_signed(fake.requests[0], await fake.requests[0].read(), KEY)


@pytest.mark.parametrize(
    "credentials",
    [{}, {"partner": "infobip"}, {"partner_key": CANARY}, PARTNER | {"partner_key": ""}],
    ids=["neither", "no key", "no name", "empty key"],
)
async def test_without_partner_and_key_a_partners_number_takes_no_call(
    fake: Fake, connect: Connect, credentials: dict[str, str]
) -> None:
    leased = [replace(text, partner_number=True) for text in texts(2)]
    results = await connect(**credentials).send_all(leased)
    assert fake.bodies == []
    for result in results:
        assert isinstance(result, Refused)
        assert (result.code, result.account) == (CODE.PARTNER_MISSING, True)


NOT_PROVIDED = "MessagingConnect option isn't provided"
MISMATCH = "MessagingConnect option isn't matching with the number information."
FIELDS = problem(**{"SmsSendOptions.MessagingConnect.ApiKey": ["Required."]})

OUTCOMES = {
    "Missing messagingConnect fields": (400, FIELDS, CODE.PARTNER_INCOMPLETE),
    "Unauthorized sender number": (401, error("Unauthorized"), CODE.PARTNER_NOT_LINKED),
    "Missing messagingConnect for Messaging Connect phone number": (
        400,
        error("BadRequest", NOT_PROVIDED),
        CODE.PARTNER_MISSING,
    ),
    "Partner mismatch": (400, error("BadRequest", MISMATCH), CODE.PARTNER_MISMATCH),
}
"""Microsoft docs, "Messaging Connect", the table "Common validation outcomes"."""

OTHER_FORMS = {
    "not provided, as problem details": (
        400,
        problem(MessagingConnect=[NOT_PROVIDED]),
        CODE.PARTNER_MISSING,
    ),
    "not provided, with a typographic apostrophe": (
        400,
        error("BadRequest", NOT_PROVIDED.replace("'", "\u2019")),
        CODE.PARTNER_MISSING,
    ),
    "mismatch, as problem details": (
        400,
        problem(MessagingConnect=[MISMATCH]),
        CODE.PARTNER_MISMATCH,
    ),
    "fields after many others": (
        400,
        problem(Message=["x" * 400], **{"smsSendOptions.messagingConnect": ["Required."]}),
        CODE.PARTNER_INCOMPLETE,
    ),
}

NOT_ABOUT_PARTNERS = {
    "other fields": (400, problem(SmsRecipients=["Max of 100."]), CODE.PROVIDER_REJECTED),
    "the access key": (401, error("Denied"), CODE.CREDENTIALS_REJECTED),
    "a version": (400, error("UnsupportedApiVersion"), CODE.PROVIDER_REJECTED),
}


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [*OUTCOMES.values(), *OTHER_FORMS.values()],
    ids=[*OUTCOMES, *OTHER_FORMS],
)
async def test_a_documented_refusal_has_its_own_code(
    fake: Fake, connect: Connect, status: int, body: Any, code: OutcomeCode
) -> None:
    fake.respond = answer(status, body)
    result = await connect(**PARTNER).send(LEASED)
    assert isinstance(result, Refused)
    assert (result.code, result.account) == (code, True)


@pytest.mark.parametrize(
    ("status", "body", "code"), NOT_ABOUT_PARTNERS.values(), ids=NOT_ABOUT_PARTNERS
)
async def test_what_is_not_about_the_partner_keeps_its_code(
    fake: Fake, connect: Connect, status: int, body: Any, code: OutcomeCode
) -> None:
    fake.respond = answer(status, body)
    result = await connect(**PARTNER).send(LEASED)
    assert isinstance(result, Refused)
    assert result.code is code


@pytest.mark.parametrize(("status", "body", "_"), OUTCOMES.values(), ids=OUTCOMES)
async def test_a_number_of_the_resource_is_never_refused_for_a_partners_sake(
    fake: Fake, connect: Connect, status: int, body: Any, _: OutcomeCode
) -> None:
    fake.respond = answer(status, body)
    result = await connect(**PARTNER).send(TEXT)
    assert isinstance(result, Refused)
    assert result.code in {CODE.PROVIDER_REJECTED, CODE.SENDER_NOT_OWNED}


@pytest.mark.parametrize(
    "respond",
    [
        answer(400, error("BadRequest", f"The key {CANARY} is unknown.")),
        answer(400, problem(**{"MessagingConnect.ApiKey": [f"'{CANARY}' is malformed."]})),
        answer(400, problem(**{"x" * 290: [f"'{CANARY}' is malformed."]})),
        answer(202, failed(400, f"The key {CANARY} is unknown.")),
        answer(202, CANARY.encode()),
        answer(500, CANARY.encode()),
        answer(202, accepted()),
    ],
)
async def test_the_partners_key_stands_in_no_log_no_result_and_no_representation(
    fake: Fake, connect: Connect, caplog: pytest.LogCaptureFixture, respond: Any
) -> None:
    fake.respond = respond
    with caplog.at_level(logging.DEBUG):
        client = connect(**PARTNER)
        results = [await client.send(LEASED), await client.check([TEXT.sender])]
    partner = Partner("infobip", CANARY)
    shown = repr([client, results, partner, call_of([LEASED], ApiVersion.V2026_01_23, partner)])
    for piece in ("canary", "0f1e2d3c"):
        assert piece not in shown
        assert piece not in caplog.text
    assert fake.bodies[0]["smsSendOptions"]["messagingConnect"]["apiKey"] == CANARY
