"""ACS events: whatever the spelling of names and numbers, the same plain values come out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webhook_world import OURS, THEIRS, pascal, received_data, report_data

from common.ids import derive
from common.providers.acs_events import (
    UnreadableEvent,
    fold,
    parse_received,
    parse_report,
    report_status,
)
from common.providers.reading import parse_instant
from heliograph.models import ReportStatus as S

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("spell", [lambda data: data, pascal, fold])
@pytest.mark.parametrize(
    "numbers", [{"from": THEIRS, "to": OURS}, {"from": THEIRS[1:], "to": OURS[1:]}]
)
def test_a_text_reads_the_same_in_every_spelling(spell: Any, numbers: dict[str, str]) -> None:
    text = parse_received(spell(received_data(**numbers)))
    assert (text.number, text.remote, text.body) == (OURS, THEIRS, "Is the heating on?")
    assert text.message_id.startswith("Incoming_2020")
    assert text.segments == 1
    assert text.at == datetime(2020, 9, 18, 0, 27, 45, 321234, UTC)


def test_our_number_is_the_recipient_of_a_text_and_the_sender_of_a_report() -> None:
    assert parse_received(received_data()).number == OURS
    assert parse_report(report_data()).number == OURS
    assert parse_report(report_data()).remote == THEIRS


@pytest.mark.parametrize(
    ("changes", "attribute", "value"),
    [
        ({"segmentCount": None}, "segments", None),
        ({"segmentCount": "many"}, "segments", None),
        ({"segmentCount": True}, "segments", None),
        ({"receivedTimestamp": "yesterday"}, "at", None),
        ({"receivedTimestamp": None}, "at", None),
        ({"receivedTimestamp": "0001-01-01T00:00:00+14:00"}, "at", None),
        ({"receivedTimestamp": "2020-09-18T00:00:00"}, "at", datetime(2020, 9, 18, tzinfo=UTC)),
        ({"message": ""}, "body", ""),
        ({"to": "12345"}, "number", "12345"),
        ({"from": "Heliograph"}, "remote", "Heliograph"),
    ],
)
def test_what_a_text_can_do_without_never_loses_it(
    changes: dict[str, Any], attribute: str, value: object
) -> None:
    assert getattr(parse_received(received_data(**changes)), attribute) == value


@pytest.mark.parametrize("name", ["to", "from", "message"])
@pytest.mark.parametrize("value", [None, 5, ["x"], {"x": 1}])
def test_a_text_without_a_needed_field_is_unreadable_and_the_reason_names_it(
    name: str, value: object
) -> None:
    with pytest.raises(UnreadableEvent, match=name):
        parse_received(received_data(**{name: value}))


@pytest.mark.parametrize("data", [None, "text", 5, [], [{}], {}])
def test_data_that_is_no_text_is_unreadable(data: object) -> None:
    with pytest.raises(UnreadableEvent):
        parse_received(data)
    with pytest.raises(UnreadableEvent):
        parse_report(data)


@pytest.mark.parametrize(
    "changes", [{"to": " "}, {"from": "x" * 65}, {"messageId": "x" * 513}, {"messageId": 7}]
)
def test_an_id_or_an_address_out_of_bounds_is_unreadable(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableEvent):
        parse_received(received_data(**changes))


def test_the_envelopes_id_stands_in_for_a_missing_message_id() -> None:
    assert parse_received(received_data(messageId=None), event_id="E1").message_id == "E1"
    with pytest.raises(UnreadableEvent, match="messageid"):
        parse_received(received_data(messageId=None), event_id=None)


@pytest.mark.parametrize(
    ("status", "details", "expected", "code"),
    [
        ("Delivered", "No error.", S.DELIVERED, None),
        ("delivered", "2000: No Error", S.DELIVERED, "2000"),
        ("Failed", "4000: fraud", S.REJECTED, "4000"),
        ("Failed", "4001: bad source", S.UNDELIVERABLE, "4001"),
        ("Failed", "4002: bad destination", S.UNDELIVERABLE, "4002"),
        ("Failed", "4003: unsupported", S.UNDELIVERABLE, "4003"),
        ("Failed", "4004: does not exist", S.UNDELIVERABLE, "4004"),
        ("Failed", "4005: blocked", S.REJECTED, "4005"),
        ("Failed", "4006: not reachable", S.UNDELIVERABLE, "4006"),
        ("Failed", "4007: Sender blocked for given recipient.", S.REJECTED, "4007"),
        ("Failed", "4008: too many", S.FAILED, "4008"),
        ("Failed", "4009: entitlement", S.REJECTED, "4009"),
        ("Failed", "4010: not verified", S.REJECTED, "4010"),
        ("Failed", "4020: volumetric", S.FAILED, "4020"),
        ("Failed", "5000", S.FAILED, "5000"),
        ("Failed", "5001: temporary", S.FAILED, "5001"),
        ("Failed", "5002: no report", S.SENT, "5002"),
        ("Unheard", "5002: no report", S.SENT, "5002"),
        ("Failed", "9999: unknown", S.FAILED, "9999"),
        ("Failed", "Something else.", S.FAILED, None),
        ("Failed", "40071: five digits are no code", S.FAILED, None),
        ("Failed", None, S.FAILED, None),
        ("Expired", None, S.EXPIRED, None),
        ("Unheard", "1234: of", S.FAILED, "1234"),
    ],
)
def test_every_delivery_status_has_one_normal_form(
    status: str, details: str | None, expected: S, code: str | None
) -> None:
    changes = {"deliveryStatus": status, "deliveryStatusDetails": details}
    report = parse_report(report_data(**changes))
    assert (report.status, report.code, report.details) == (expected, code, details)


@given(st.text(), st.text())
def test_whatever_a_provider_says_is_some_status(status: str, code: str) -> None:
    assert report_status(status, code) in S


@pytest.mark.parametrize("name", ["tag", "Tag", "TAG"])
@pytest.mark.parametrize(
    ("tag", "ours"),
    [
        (derive("outbound", "x"), True),
        ("a customer's own tag", False),
        (derive("outbound", "x").upper(), False),
        (derive("outbound", "x") + "0", False),
        ("", False),
        (None, False),
        (7, False),
    ],
)
def test_a_tag_is_a_reference_only_where_it_has_the_form_of_our_own_ids(
    name: str, tag: object, ours: bool
) -> None:
    data = report_data()
    del data["Tag"]
    assert parse_report(data | {name: tag}).reference == (tag if ours else None)


@given(st.text() | st.none() | st.integers())
def test_no_instant_is_so_odd_that_it_raises(value: object) -> None:
    instant = parse_instant(value)
    assert instant is None or instant.utcoffset() is not None
