"""What Vibes alone has: XML from strangers and for a provider, its tables of codes, its gaps."""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from conformance.provider_world import (
    LOGIN,
    REFERENCE,
    REPORT_URL,
    Fake,
    Said,
    Told,
    basic,
    keys,
    serving,
    text,
    with_headers,
)
from defusedxml.ElementTree import ParseError, fromstring
from hypothesis import given
from hypothesis import strategies as st
from vibes_payloads import (
    CODE,
    MESSAGE_ID,
    ODD,
    PHONE,
    inbound,
    inbound_v1,
    of_part,
    receipt,
    receipted,
    submitted,
    told,
)

from common.limits.tables import Rate, Scope
from common.providers.callbacks import (
    Known,
    UnreadableEvent,
)
from common.providers.port import Accepted, Healthy, Refused, Unknown, UnusableCredentials
from common.providers.vibes import SPEC, Vibes, VibesClient, message_of
from common.providers.vibes_callbacks import CALLBACKS, INTERNAL_CODES, RECEIPTS, WORDS, document
from common.sender_types import NumberType
from heliograph.codes import OutcomeCode
from heliograph.models import ReportStatus

LAUGHS = '<!DOCTYPE a [<!ENTITY l0 "ha">{}]>'.format(
    "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
)
HOSTILE = {
    "a billion laughs": inbound(prologue=LAUGHS, content="&l9;"),
    "a quadratic blow-up": inbound(
        prologue=f'<!DOCTYPE a [<!ENTITY a "{"x" * 20_000}">]>', content="&a;" * 10_000
    ),
    "a file": inbound(
        prologue='<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/hostname">]>', content="&a;"
    ),
    "an external DTD": inbound(prologue='<!DOCTYPE a SYSTEM "{url}/a.dtd">'),
    "a public DTD": inbound(prologue='<!DOCTYPE a PUBLIC "-//A//B" "{url}/a.dtd">'),
    "a parameter entity": inbound(prologue='<!DOCTYPE a [<!ENTITY % p SYSTEM "{url}/p"> %p;]>'),
    "an entity in an attribute": inbound_v1("x").replace(
        "<deliver", '<!DOCTYPE a [<!ENTITY e "y">]><deliver'
    ),
    "a DTD that declares nothing": inbound(prologue="<!DOCTYPE moMessage>"),
    "an entity that nobody declares": inbound(content="&nbsp;"),
    "a character that cannot be": inbound(content="&#0;"),
    "half of a surrogate pair": inbound(content="&#xD83D;"),
}


@pytest.fixture
async def fake() -> AsyncIterator[Fake]:
    async with serving(Said(200, submitted())) as service:
        yield service


@pytest.fixture
async def client(fake: Fake) -> AsyncIterator[VibesClient]:
    credentials = {"username": "lamp-room", "password": "oil-and-wick-5k2m"}
    made = Vibes(base_url=fake.url).connect(credentials, timeout=10, report_url=REPORT_URL)
    yield made
    await made.close()


def read(callback: Told) -> Any:
    """The one thing that a callback tells."""
    [reading] = CALLBACKS.read(callback.request, keys({}))
    assert isinstance(reading, Known)
    return reading.content


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_document_that_is_more_than_plain_xml_is_not_read_and_nothing_is_fetched(
    kind: str, fake: Fake
) -> None:
    body = HOSTILE[kind].replace("{url}", fake.url)
    started = time.process_time()
    with pytest.raises(UnreadableEvent):
        CALLBACKS.read(told(body).request, keys({}))
    assert time.process_time() - started < 0.5
    assert fake.sent == []


def test_a_deep_document_is_read_or_refused_without_falling_over() -> None:
    deep = "<a>" * 9_000 + "x" + "</a>" * 9_000
    assert read(told(inbound(content=deep))).body == "x"


@pytest.mark.parametrize("name", ODD)
def test_a_document_that_no_parser_takes_as_it_comes_is_read_or_parked(name: str) -> None:
    [expected] = ODD[name].readings
    if expected is UnreadableEvent:
        with pytest.raises(UnreadableEvent):
            CALLBACKS.read(ODD[name].request, keys({}))
    else:
        assert read(ODD[name]) == expected


def test_an_inbound_text_needs_the_login_and_a_receipt_cannot_have_one() -> None:
    given_keys = keys({})
    at_portal, at_reports = told(inbound()).request, receipted(receipt()).request
    assert CALLBACKS.verify(at_portal, given_keys) is not None
    assert CALLBACKS.verify(at_reports, given_keys) is None
    proven = with_headers(at_portal, Authorization=basic(*LOGIN))
    assert CALLBACKS.verify(proven, given_keys) is None


def test_the_login_cannot_be_passed_by_at_the_address_for_reports() -> None:
    for document_of in (inbound, inbound_v1):
        with pytest.raises(UnreadableEvent, match="address for reports"):
            CALLBACKS.read(receipted(document_of()).request, keys({}))


@given(st.text(), st.text())
def test_whatever_the_text_the_document_carries_it(body: str, url: str) -> None:
    """XML reads every line end as a line feed."""
    clean = "".join(character for character in url if character.isprintable())
    root = document(message_of(text(CODE, PHONE, body), writable(body), clean), {})
    sent, option = root.findtext("text") or "", root.find("receiptOption")
    assert sent == writable(body).replace("\r\n", "\n").replace("\r", "\n")
    assert option is not None
    assert option.get("callbackUrl") == clean
    assert root.get("submitterMessageId") == REFERENCE


def writable(body: str) -> str:
    """The characters that a parser takes, tried one by one."""

    def taken(character: str) -> bool:
        try:
            fromstring(f"<a>&#{ord(character)};</a>")
        except ParseError:
            return False
        return True

    return "".join(filter(taken, body))


@pytest.mark.parametrize(
    "edge", [0, 8, 9, 10, 0xB, 0xD, 0x1F, 0x20, 0xD7FF, 0xD800, 0xDFFF, 0xE000]
)
async def test_exactly_the_characters_that_xml_cannot_carry_are_left_out(
    edge: int, client: VibesClient, fake: Fake
) -> None:
    for point in (edge, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF):
        fake.sent.clear()
        body = f"a{chr(point)}b"
        await client.send(text(CODE, PHONE, body))
        got = document(fake.sent[0].body, {}).findtext("text")
        assert got == writable(body).replace("\r", "\n")


@pytest.mark.parametrize(
    ("sender", "body", "code"),
    [
        (PHONE, "Oil", OutcomeCode.PROVIDER_REJECTED),
        ("+18005550147", "Oil", OutcomeCode.PROVIDER_REJECTED),
        ("LAMPS", "Oil", OutcomeCode.PROVIDER_REJECTED),
        (CODE, "\x00\ud800", OutcomeCode.EMPTY_BODY),
        (CODE, "x" * 901, OutcomeCode.TEXT_TOO_LONG),
    ],
)
async def test_what_cannot_go_out_is_refused_without_a_call(
    sender: str, body: str, code: OutcomeCode, client: VibesClient, fake: Fake
) -> None:
    result = await client.send(text(sender, PHONE, body))
    assert isinstance(result, Refused)
    assert (result.code, result.account) == (code, False)
    assert fake.sent == []
    assert await client.send(text(CODE, PHONE, "x" * 900)) == Accepted(MESSAGE_ID)


async def test_what_a_failure_says_is_kept_without_the_words_of_the_text(
    client: VibesClient, fake: Fake
) -> None:
    words = 'Your "parcel" is <here> & waits at the desk'
    escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    said = f"Cannot send {escaped} to {PHONE}, see {REPORT_URL}; code 4711"
    fake.respond = Said(200, f"<error><text>{said}</text>{'more ' * 5_000}</error>")
    result = await client.send(text(CODE, PHONE, words))
    assert isinstance(result, Refused)
    assert "Cannot send" in result.detail
    assert "code 4711" in result.detail
    for secret in ("parcel", "waits at", PHONE[1:], REPORT_URL.rpartition("/")[2]):
        assert secret not in result.detail
    assert len(result.detail) <= 300


async def test_the_check_asks_for_a_text_that_cannot_exist(client: VibesClient, fake: Fake) -> None:
    fake.respond = Said(404)
    assert await client.check([CODE]) == Healthy()
    [sent] = fake.sent
    assert (sent.method, sent.target) == (
        "GET",
        "/MessageApi/mt/messages/00000000-0000-0000-0000-000000000000",
    )


async def test_a_question_that_vibes_does_not_take_says_nothing_of_the_user(
    client: VibesClient, fake: Fake
) -> None:
    """It may be refused before anybody looks at the login; so nobody is kept out for it."""
    fake.respond = Said(400, "<error/>")
    health = await client.check([CODE])
    assert isinstance(health, Unknown)
    assert health.let_in


async def test_a_report_that_is_asked_for_has_the_code_of_the_part_that_failed(
    client: VibesClient, fake: Fake
) -> None:
    parts = [
        receipt(multipart=of_part(1, 2), at="2026-02-12T03:00:00Z"),
        receipt("System", "true", code="9", description="On the list", multipart=of_part(2, 2)),
    ]
    inner = "".join(item.partition("?>")[2] for item in parts)
    fake.respond = Said(200, f"<all><some>{inner}</some></all>")
    report = await client.report(MESSAGE_ID)
    assert report is not None
    assert (report.status, report.code) == (ReportStatus.REJECTED, "9")
    assert report.details == "On the list"
    assert report.at.isoformat() == "2026-02-12T02:40:07.058000+00:00"
    assert fake.sent[0].target == f"/MessageApi/mt/messages/{MESSAGE_ID}/responses"


@pytest.mark.parametrize("field", ["username", "password"])
def test_credentials_that_are_not_there_are_named(field: str) -> None:
    with pytest.raises(UnusableCredentials) as caught:
        Vibes().connect({"username": "a", "password": "b"} | {field: " "}, timeout=1)
    assert caught.value.field == field


def test_short_codes_alone_are_offered_no_rate_is_claimed_and_64_kibibytes_are_ample() -> None:
    assert SPEC.number_types == (NumberType.SHORT_CODE,)
    assert CALLBACKS.body_limit == 64 * 1024
    assert SPEC.rates == {NumberType.SHORT_CODE: Rate(Scope.NUMBER, None, None)}


def test_a_carriers_code_is_not_taken_for_an_opt_out() -> None:
    said = read(receipted(receipt("Carrier", "true", code="7", carriers="9")))
    assert not SPEC.opted_out.says(said.code, said.details)


@pytest.mark.parametrize("kind", ["System", "Carrier", "Handset"])
def test_words_of_a_success_change_nothing(kind: str) -> None:
    for word in ("DELIVERED", "UNDELIVERABLE", "REJECTED", "EXPIRED"):
        callback = receipted(receipt(kind, description=f"stat:{word}"))
        [reading] = CALLBACKS.read(callback.request, keys({}))
        status = reading.content.status if isinstance(reading, Known) else None
        assert status is RECEIPTS[kind.lower(), False]


def test_an_error_is_never_a_success_whatever_its_words() -> None:
    for kind in ("System", "Carrier", "Handset"):
        for word in ("DELIVERED", "ACCEPTED", "stat:DELIVRD", "not undeliverables"):
            said = read(receipted(receipt(kind, "true", description=word)))
            assert said.status is RECEIPTS[kind.lower(), True]


def test_the_tables_are_those_of_the_documentation() -> None:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("the provider's lists of codes are not there")
    listed = json.loads((Path(folder) / "specs" / "provider_codes.json").read_text())["vibes"]
    codes = {code: facts["state"] for code, facts in listed["internalErrorCode"].items()}
    assert {code: status.value for code, status in INTERNAL_CODES.items()} == codes
    flagged = {code for code, it in listed["internalErrorCode"].items() if it.get("opt_out")}
    assert SPEC.opted_out.codes == flagged
    states = {kind.lower(): said.partition(" ")[0] for kind, said in listed["receipt"].items()}
    ours = {
        f"{kind}/{str(failed).lower()}": status.value if status else "queued"
        for (kind, failed), status in RECEIPTS.items()
    }
    assert ours == states
    # Words of success say nothing in the description of an error.
    words = listed["smpp_words_in_description"]
    left_out = {word for word in words if word not in WORDS}
    assert left_out == {"DELIVERED", "ACCEPTED"}
    assert {word: status.value for word, status in WORDS.items()} == {
        word: state for word, state in words.items() if word not in left_out
    }
