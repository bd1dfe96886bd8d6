"""Scrubbing: secrets and numbers go, everything that an SRE reads a log for stays."""

from __future__ import annotations

import time
import uuid
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ids import derive
from common.redact import scrub, unquote

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        ("to +15551230142 failed", "to •••••42 failed"),
        ("+15551230142", "•••••42"),
        ("from=15551230142", "from=•••••42"),
        ("5551230142,5551230143", "•••••42,•••••43"),
        ("1234567", "•••••67"),
        ("+1 555 123 0142", "•••••42"),
        ("+1 (555) 123-0142", "•••••42"),
        ("+1.555.123.0142", "•••••42"),
        ("(555) 123-0142", "•••••42"),
        ("555-123-0142", "•••••42"),
        ("1-555-123-0142", "•••••42"),
        ("555.123.0142", "•••••42"),
        ("call 020 7946 0958 now", "call •••••58 now"),
        ("0171 1234567", "•••••67"),
        ("+44 (0)20 7946 0958", "•••••58"),
        ("0033 1 23 45 67 89", "•••••89"),
        ("00491711234567", "•••••67"),
        ("'+447700900123'", "'•••••23'"),
        ('{"to":"+15551230142"}', '{"to":"•••••42"}'),
        ("to=%2B15551230142&x=1", "to=%2B•••••42&x=1"),
        (r"hi\n15551230142", r"hi\n•••••42"),
        (r"\u002b15551230142", r"\u002b•••••42"),
        ("15551230142x", "•••••42x"),
        ("tel:+15551230142;ext=1", "tel:•••••42;ext=1"),
        ("sms+15551230142@example", "sms•••••42@example"),
        ("+15551230142 2026-11-21T09:24:00Z", "•••••42 2026-11-21T09:24:00Z"),
        ("+1 555 123 0142 2026-11-21", "•••••42 2026-11-21"),
        ("2026-11-21 +15551230142", "2026-11-21 •••••42"),
        ("+15551230142 10.0.0.1:5672", "•••••42 10.0.0.1:5672"),
        ("+15551230142: 3 attempts in 1500ms", "•••••42: 3 attempts in 1500ms"),
        ("acme|+15551230142|+447700900123", "acme|•••••42|•••••23"),
    ],
)
def test_a_phone_number_keeps_its_last_two_digits(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed
    assert scrub(scrubbed) == scrubbed


@pytest.mark.parametrize(
    ("text", "scrubbed"),
    [
        (
            "endpoint=https://acme.communication.azure.com/;accesskey=c2VjcmV0Lw+/==",
            "endpoint=https://acme.communication.azure.com/;accesskey=•••••",
        ),
        ("AccessKey=canary;endpoint=https://x/", "AccessKey=•••••;endpoint=https://x/"),
        ("accesskey = 'canary'", "accesskey = '•••••'"),
        ('{"accesskey": "canary, with more"}', '{"accesskey": "•••••"}'),
        ("{'access_key': 'canary'}", "{'access_key': '•••••'}"),
        ("SharedAccessKey=canary", "SharedAccessKey=•••••"),
        ("api_key=canary&x=1", "api_key=•••••&x=1"),
        ("auth_token=canary", "auth_token=•••••"),
        ("?token=canary&a=1", "?token=•••••&a=1"),
        ("client_secret=canary", "client_secret=•••••"),
        ("partner_key=canary", "partner_key=•••••"),
        (
            "{'partner': 'infobip', 'partner_key': 'ca nary'}",
            "{'partner': 'infobip', 'partner_key': '•••••'}",
        ),
        (
            '{"messagingConnect": {"apiKey": "canary", "partner": "infobip"}}',
            '{"messagingConnect": {"apiKey": "•••••", "partner": "infobip"}}',
        ),
        (
            '"messagingConnect": {"partner": "infobip", "partnerParams": {"apiKey": "canary"}}',
            '"messagingConnect": {"partner": "infobip", "partnerParams": {"apiKey": "•••••"}}',
        ),
        ("password=ca,na;ry", "password=•••••;ry"),
        ("HELIOGRAPH_MASTER_KEY=k2:canary,k1:canary", "HELIOGRAPH_MASTER_KEY=•••••"),
        ("https://x/?sv=1&sig=canary%3D&se=2", "https://x/?sv=1&sig=•••••&se=2"),
        (
            "HMAC-SHA256 SignedHeaders=x-ms-date;host&Signature=canary+/=",
            "HMAC-SHA256 SignedHeaders=x-ms-date;host&Signature=•••••",
        ),
        ("Authorization: Bearer canary.x-y_z", "Authorization: Bearer •••••"),
        ("bearer canary", "bearer •••••"),
        ("'Bearer canary'", "'Bearer •••••'"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic •••••"),
        ("Basic abcdefgh==", "Basic •••••"),
        ("got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIx.c2ln-_ here", "got ••••• here"),
        ("amqp://guest:canary@localhost:5672/", "amqp://guest:•••••@localhost:5672/"),
        ("amqps://u:ca/n@ry@host/v", "amqps://u:•••••@ry@host/v"),
        (
            "mongodb://app:canary@a:27017,b:27017/db?replicaSet=rs0",
            "mongodb://app:•••••@a:27017,b:27017/db?replicaSet=rs0",
        ),
        ("mongodb+srv://app:c:n@host", "mongodb+srv://app:•••••@host"),
        ("redis://:canary@host", "redis://:•••••@host"),
        ("amqp://u:12345@host:5672", "amqp://u:•••••@host:5672"),
        (
            "POST /api/webhooks/twilio/c1/canary-token?x=1 200",
            "POST /api/webhooks/twilio/c1/•••••?x=1 200",
        ),
    ],
)
def test_a_secret_is_masked_and_its_surroundings_stay(text: str, scrubbed: str) -> None:
    assert scrub(text) == scrubbed
    assert scrub(scrubbed) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21T09:24:00Z",
        "2026-11-21T09:24:00.123456Z",
        "2026-11-21T09:24:00.123456789+00:00",
        "2026-11-21T09:24:00+0100",
        "2026-11-21 09:24:00,123 INFO started",
        "2026-11-21",
        "20261121T092400Z",
        "Tue, 26 Mar 2019 16:06:51 GMT",
        "at 09:24:00.1234567",
        "550e8400-e29b-41d4-a716-446655440000",
        "12345678-1234-1234-1234-123456789012",
        "conn_12345678-1234-1234-1234-123456789012",
        "0123456789abcdef0123456789abcdef",
        "01234567890123456789012345678901",
        "turn_0123456789abcdef0123456789abcdef",
        "SM01234567890123456789012345678901",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "507f1f77bcf86cd799439011",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "Incoming_20200918002745d29ebbea-3341-4466-9690-0a03af35228e",
        "Outgoing_202104072107376ce6db86-5c7d-47a6-b2ba-1f1b9e2f0a11_noam",
        "took 0.123456789 s",
        "took 12.3456789s",
        "took 12345678ms",
        "took 1500000000ns",
        "1234567.25ms",
        "12345678us",
        "http://localhost:8080/livez",
        "amqp://localhost:5672/",
        "https://[::1]:8443/a@b",
        "http://host:9090/metrics?mail=a@b.c",
        "mongodb://a:27017,b:27018,c:27019/db",
        "connect to 192.168.100.200:27017 refused",
        "10.244.123.117",
        "ports 5672 and 27017",
        "pod heliograph-sender-7d4b9c8f6d-x2x9z",
        "status 429, retry after 30 s, attempt 3 of 10",
        "RabbitMQ 3.10.25, MongoDB 6.0.5, Python 3.11.2",
        "Bearer",
        "Basic authentication required",
        "the token is missing",
        "signature: invalid",
        "max_tokens=100",
        "design=new",
        "/api/webhooks/acs/sms",
        "12345",
        "4007: recipient opted out",
        "segments=2 units=306 characters=160",
        "1, 2, 3, 4, 5, 6, 7, 8, 9",
    ],
)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    assert scrub(text) == text


around = st.sampled_from(
    ["", " ", "x ", "=", ": ", '"', "'", "(", "/", "\n", "to:", "|", "%2B", "n"]
)


@given(around, st.from_regex(r"\+[1-9][0-9]{6,14}", fullmatch=True), around)
@settings(max_examples=300)
def test_no_number_in_e164_survives(before: str, number: str, after: str) -> None:
    for written in (number, number[1:]):
        scrubbed = scrub(f"{before}{written}{after}")
        assert written[1:-2] not in scrubbed
        assert f"•••••{number[-2:]}" in scrubbed


@given(around, st.from_regex(r"[A-Za-z0-9+/]{16,60}={0,2}", fullmatch=True))
@settings(max_examples=200)
def test_no_access_key_survives(before: str, key: str) -> None:
    text = f"{before}endpoint=https://a.communication.azure.com/;accesskey={key}"
    assert key not in scrub(text)
    assert scrub(text).endswith("accesskey=•••••")


@given(st.datetimes(), st.uuids(), st.text(max_size=10), st.integers(0, 65535))
@settings(max_examples=200)
def test_instants_and_ids_survive(instant: datetime, some: uuid.UUID, part: str, port: int) -> None:
    stamp = instant.isoformat()
    text = f"{stamp}Z turn={derive('turn', part)} id={some} http://host:{port}/"
    assert scrub(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "1 " * 50_000,
        "+1-" * 30_000,
        "://a:" * 20_000,
        "0" * 100_000,
        "token " * 20_000,
        "a" * 100_000,
    ],
    ids=["digits", "plus", "urls", "zeros", "names", "hex"],
)
def test_a_hostile_text_takes_no_unreasonable_time(text: str) -> None:
    start = time.perf_counter()
    scrub(text)
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("said", "words", "left"),
    [
        ("400 cannot send See you at nine! to x", "See you at nine!", "400 cannot send ••••• to x"),
        ("400 cannot send See you at nine", "See you at nine! Bye.", "400 cannot send •••••"),
        ("Yes and Yes", "Yes", "••••• and •••••"),
        ("Ok", "O", "Ok"),
        ("503 unavailable", "See you at nine!", "503 unavailable"),
        ("", "See you at nine!", ""),
    ],
)
def test_what_is_quoted_of_a_text_goes_and_the_rest_stays(said: str, words: str, left: str) -> None:
    assert unquote(said, words) == left
