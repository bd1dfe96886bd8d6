"""What Telesign alone has: its codes, its forms of instants, what of a text it takes and quotes."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import ANY
from urllib.parse import parse_qsl

import pytest
from conformance.provider_world import REFERENCE, Fake, serving, text
from hypothesis import given
from hypothesis import strategies as st
from telesign.messaging import MessagingClient
from telesign.rest import RestClient
from telesign.util import AuthMethod
from telesign_payloads import (
    API_KEY,
    AT,
    AWKWARD,
    CUSTOMER_ID,
    GIVEN,
    NUMBER,
    PHONE,
    TEXT_ID,
    answer,
    reference,
    status,
    taken,
)
from telesign_tables import AT_ONCE, ERRORS, OLDER, OUTCOMES

from common.limits.tables import Rate, Scope
from common.providers.port import Accepted, Refused, Unhealthy, UnusableCredentials
from common.providers.telesign import SPEC, Telesign, TelesignClient
from common.providers.telesign_answers import MEANINGS, TAKEN
from common.providers.telesign_callbacks import STATES, instant_of
from common.sender_types import NumberType
from heliograph.codes import OutcomeCode

PAGE = Path(__file__).parents[3] / "docs" / "providers" / "telesign.md"
TEXT = text(NUMBER, PHONE, AWKWARD)
HOSTS = "https://rest-ww.telesign.com, self-service ones https://rest-api.telesign.com"


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving(taken()) as service:
        yield service


@pytest.fixture
async def client(fake: Fake) -> AsyncIterator[TelesignClient]:
    made = Telesign().connect(GIVEN | {"base_url": fake.url}, timeout=10)
    yield made
    await made.close()


# Sending and asking.


async def test_a_text_that_is_too_long_is_not_tried(fake: Fake, client: TelesignClient) -> None:
    assert await client.send(replace(TEXT, body="é" * 1_600)) == Accepted(TEXT_ID)
    result = await client.send(replace(TEXT, body="é" * 1_601))
    assert result == Refused(OutcomeCode.TEXT_TOO_LONG, ANY)
    assert len(fake.sent) == 1


async def test_half_of_a_surrogate_pair_breaks_nothing(fake: Fake, client: TelesignClient) -> None:
    assert await client.send(replace(TEXT, body="oil \ud83d")) == Accepted(TEXT_ID)
    assert fake.sent[0].content["message"] == ["oil ?"]


async def test_the_words_that_telesign_quotes_are_not_kept(
    fake: Fake, client: TelesignClient
) -> None:
    fake.respond = answer(400, 11009, f"Invalid value for parameter message: {AWKWARD}")
    result = await client.send(TEXT)
    assert isinstance(result, Refused)
    assert "11009" in result.detail
    assert "Ann" not in result.detail


async def test_what_else_an_answer_holds_is_not_kept(fake: Fake, client: TelesignClient) -> None:
    said = answer(401, 10008, "Invalid Signature.")
    said.body["signature_string"] = f"POST\n&message={AWKWARD}"
    fake.respond = said
    result = await client.send(TEXT)
    assert isinstance(result, Refused)
    assert result.detail == "HTTP 401 10008 Invalid Signature."


async def test_a_text_is_asked_for_by_its_id_and_the_check_by_none(
    fake: Fake, client: TelesignClient
) -> None:
    await client.report(TEXT_ID)
    await client.check([NUMBER])
    assert [(sent.method, sent.target, sent.body) for sent in fake.sent] == [
        ("GET", f"/v1/messaging/{TEXT_ID}", b""),
        ("GET", f"/v1/messaging/{'0' * 32}", b""),
    ]


async def test_an_asked_report_says_all_that_a_told_one_does(
    fake: Fake, client: TelesignClient
) -> None:
    fake.respond = taken(status=status("251", "Sent out"))
    asked = await client.report(TEXT_ID)
    assert asked is not None
    assert (asked.code, asked.at) == ("251", AT)
    assert asked.details == "Sent out; no receipt from the handset will come"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (10014, "our IP address"),
        (10012, "SMS is not enabled"),
        (10031, HOSTS),
        (10035, HOSTS),
        (10015, "does not know the customer ID"),
        (10022, "the API key"),
        (10008, "the customer ID with this API key"),
    ],
)
async def test_an_administrator_is_told_what_to_mend(
    fake: Fake, client: TelesignClient, code: int, words: str
) -> None:
    fake.respond = answer(401, code)
    health = await client.check([])
    assert isinstance(health, Unhealthy)
    assert words in health.reason


async def test_the_official_package_sends_the_same(fake: Fake, client: TelesignClient) -> None:
    theirs = MessagingClient(CUSTOMER_ID, API_KEY, auth_method=AuthMethod.BASIC.value)
    body = theirs._encode_params(
        {
            "phone_number": PHONE[1:],
            "message": AWKWARD,
            "message_type": "ARN",
            "sender_id": NUMBER[1:],
            "external_id": REFERENCE,
        }
    )
    headers = RestClient.generate_telesign_headers(
        CUSTOMER_ID, API_KEY, "POST", "/v1/messaging", body, auth_method=AuthMethod.BASIC.value
    )
    await client.send(TEXT)
    [sent] = fake.sent
    assert parse_qsl(sent.body.decode(), strict_parsing=True) == parse_qsl(body)
    assert sent.headers["Authorization"] == headers["Authorization"]


# Codes.


def test_the_states_are_those_of_the_documentation_and_no_others() -> None:
    listed = {name.split()[0]: state for name, state in OUTCOMES.items() if state is not None}
    assert listed == STATES


def test_every_code_that_means_something_is_shown() -> None:
    shown = {str(code) for _, code in ERRORS}
    shown |= {str(error) for *_, error in OLDER}
    shown |= {str(code) for codes in AT_ONCE.values() for code in codes}
    assert shown >= MEANINGS.keys()
    assert not TAKEN & MEANINGS.keys()


DEVIATIONS = {
    "290": "no state of a report: nothing new",
    "291": "as 290",
    "292": "as 290",
}


def test_every_code_of_the_reference_has_the_state_that_it_has_there() -> None:
    codes = reference("specs", "provider_codes.json")["telesign"]
    for code, facts in codes["status"].items():
        if code in DEVIATIONS:
            assert facts["state"] == "queued"
            assert code not in STATES
        else:
            assert STATES[code] == facts["state"], code
        assert not facts["final"] or code in STATES


def test_every_error_of_the_reference_is_classified() -> None:
    errors = reference("specs", "provider_codes.json")["telesign"]["http_error"]
    listed = {(int(http), code) for http, codes in errors.items() for code in codes}
    assert listed <= ERRORS.keys()
    assert {str(code) for _, code in listed} <= MEANINGS.keys()


def test_the_page_tells_what_every_code_means() -> None:
    page = PAGE.read_text()
    found = re.findall(r"^\| ([\d, ]+) \|[^|]+\| `(\w+)`", page, re.MULTILINE)
    states = {code: state for codes, state in found for code in codes.split(", ")}
    assert states == {code: state.value for code, state in STATES.items()}
    for code in MEANINGS.keys() - STATES.keys():
        assert re.search(rf"(?<![-\d]){code}(?!\d)", page), code


# The rest.


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-02-11T21:40:07.058133Z", AT),
        ("2026-02-11T22:40:07.058133+01:00", AT),
        ("2026-02-11T21:40:07.058133", AT),
        ("Wed, 11 Feb 2026 21:40:07 GMT", AT.replace(microsecond=0)),
        ("Wed, 11 Feb 2026 21:40:07 -0000", AT.replace(microsecond=0)),
        (" Wed, 11 Feb 2026 22:40:07 +0100 ", AT.replace(microsecond=0)),
        ("2022-31-03T14:51:28.709526Z", None),
        ("2020-05-04 22:07:01:226", datetime(2020, 5, 4, 22, 7, 1, 226000, tzinfo=UTC)),
        ("Wed, 31 Feb 2026 21:40:07 GMT", None),
        ("Wed, 11 Feb 0001 00:00:07 +9999", None),
        ("", None),
        (0, None),
        (None, None),
    ],
)
def test_instants_are_read_in_both_forms(written: object, instant: datetime | None) -> None:
    assert instant_of(written) == instant


@given(st.text(max_size=40) | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ [+-]?\d*"))
def test_no_instant_breaks_anything(written: str) -> None:
    read = instant_of(written)
    assert read is None or read.tzinfo is UTC


def test_the_host_is_the_full_service_one_where_none_is_given() -> None:
    client = Telesign().connect(GIVEN, timeout=1.0)
    assert client._url == "https://rest-ww.telesign.com/v1/messaging"
    blank = Telesign().connect(GIVEN | {"base_url": ""}, timeout=1.0)
    assert blank._url == client._url


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("customer_id", "lamp@example.com", "8-4-4-4-12"),
        ("api_key", CUSTOMER_ID, "is a customer ID"),
        ("api_key", f"{API_KEY} ", "blanks or quotation marks"),
        ("api_key", API_KEY[:-2], "is not whole"),
    ],
)
def test_a_field_that_holds_something_else_says_what_it_should_hold(
    name: str, value: str, words: str
) -> None:
    with pytest.raises(UnusableCredentials, match=words):
        SPEC.read(SPEC, GIVEN | {name: value}, False)


def test_a_limit_is_the_accounts_and_nobody_publishes_it() -> None:
    assert SPEC.rates.keys() == set(SPEC.number_types)
    assert set(SPEC.rates.values()) == {Rate(Scope.CONNECTION, None, None)}
    assert NumberType.PARTNER not in SPEC.number_types
