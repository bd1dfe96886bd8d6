"""What is Twilio's own: texts in base64, answers without words, error codes."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import ANY

import orjson
import pytest
import twilio_payloads as payloads
import twilio_tables as tables
from conformance.provider_world import Said, keys, serving
from hypothesis import given
from hypothesis import strategies as st
from twilio_payloads import ACCOUNT, TOKEN, inbound

from common.providers.callbacks import Ignored, Known, Reading, ReceivedText, Unreadable
from common.providers.port import Accepted
from common.providers.twilio import SPEC, Twilio
from common.providers.twilio_callbacks import CALLBACKS
from common.sender_types import NumberType

KEYS = keys({"account_sid": ACCOUNT, "auth_token": TOKEN})


def read(body: bytes) -> Sequence[Reading]:
    return CALLBACKS.read(payloads.text_told(body).request, KEYS)


def body_of(told: str) -> str:
    """What a text with this Body is read as."""
    [reading] = read(inbound(Body=told))
    assert isinstance(reading, Known)
    assert isinstance(reading.content, ReceivedText)
    return reading.content.body


def coded(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.parametrize("text", [payloads.LONG, "ein\nzwei " * 20, "Grüße 🙂 " * 30])
def test_a_long_text_in_base64_is_decoded(text: str) -> None:
    assert body_of(coded(text)) == text


@pytest.mark.parametrize(
    "told",
    [
        coded("too short to be sure"),
        coded(payloads.LONG)[:-1],
        coded(payloads.LONG).replace("=", ""),
        coded(payloads.LONG) + " ",
        coded(b"\xff\xfe" * 40),
        coded("\x00 \x01" * 40),
        coded("one-word-without-any-blank" * 4),
        "A" * 160,
        "0123456789abcdef" * 8,
        "=" * 64,
    ],
)
def test_what_is_not_surely_base64_stays_as_it_is(told: str) -> None:
    assert body_of(told) == told


@given(st.text(st.characters(exclude_categories=("Cs",)), max_size=200))
def test_a_text_that_a_person_writes_stays_as_it_is(text: str) -> None:
    if " " in text or len(text) < 60:
        assert body_of(text) == text


def test_no_answer_holds_a_text_that_twilio_would_send_on() -> None:
    [text] = read(inbound())
    for readings in ([], [text], [Ignored("x")], [Unreadable("other", "body", "why")]):
        answer = CALLBACKS.answer(readings)
        assert answer.status == 204 or (answer.content_type, answer.body) == (
            "text/xml",
            b'<?xml version="1.0" encoding="UTF-8"?><Response/>',
        )
        assert answer.status != 204 or answer.body == b""


def test_the_answer_is_the_one_of_the_reference() -> None:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE names no folder")
    reply = (Path(folder) / "callbacks/twilio/inbound_reply.xml").read_bytes()
    assert payloads.NO_ANSWER.body == reply.strip()


DEVIATIONS = {
    "partially_delivered": "not SMS",
    "received": "an inbound text's, never a report's",
    "receiving": "as received",
}
"""Statuses that the tables do not hold as the reference does."""
NO_OPT_OUT = {"30640": "a list of litigators", "63033": "a block of channels other than SMS"}
"""Codes that the reference counts among the opt-outs, though the recipient has not said so here."""


def test_every_status_and_code_of_the_reference_has_the_state_that_it_has_there() -> None:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE names no folder")
    codes = orjson.loads((Path(folder) / "specs/provider_codes.json").read_bytes())["twilio"]
    for name, row in codes["MessageStatus"].items():
        if name not in DEVIATIONS:
            state = tables.STATES[name]
            assert (state.value if state else "queued") == row["state"], name
    for code, row in codes["ErrorCode"].items():
        assert f"code {code}" in tables.CLASSIFIED
        if "state" in row:
            assert tables.STATES[f"failed {code}"] == row["state"], code
        opted_out = row.get("opt_out", False) and code not in NO_OPT_OUT
        assert SPEC.opted_out.says(code) is opted_out, code


async def test_the_words_of_a_report_that_is_asked_for_are_short_and_without_secrets() -> None:
    for words in (f"Nobody has {TOKEN} at {payloads.THEIRS}.", "No route. " * 500):
        said = payloads.created(status="undelivered", error_code=30003, error_message=words)
        async with serving(Said(200, said)) as fake:
            client = Twilio(base_url=fake.url).connect(KEYS.credentials, timeout=5.0)
            report = await client.report(payloads.SID)
            await client.close()
        assert report is not None
        assert 0 < len(report.details or "") <= 300
        assert TOKEN not in repr(report)
        assert payloads.THEIRS[1:] not in repr(report)


def test_a_simulator_may_stand_for_twilio() -> None:
    assert Twilio().base_url == "https://api.twilio.com"
    assert Twilio(base_url="http://127.0.0.1:1").base_url == "http://127.0.0.1:1"


def test_each_type_of_number_has_a_rate() -> None:
    assert SPEC.rates.keys() >= set(SPEC.number_types)
    assert SPEC.rates[NumberType.LOCAL].units == 60


async def test_the_answers_of_the_reference_mean_what_the_tables_say() -> None:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE names no folder")
    text = next(iter(tables.SENDINGS.values())).text
    for file in sorted((Path(folder) / "callbacks/twilio").glob("*_*.json")):
        said = orjson.loads(file.read_bytes())
        if "status" not in said:
            continue
        status = said["status"] if isinstance(said["status"], int) else 201
        async with serving(Said(status, said)) as fake:
            client = Twilio(base_url=fake.url).connect(KEYS.credentials, timeout=5.0)
            result = await client.send(text)
            await client.close()
        if status == 201:
            assert result == Accepted(said["sid"])
        else:
            assert result == tables.CLASSIFIED[f"code {said['code']}"].means(ANY, None)
