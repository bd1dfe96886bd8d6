"""Recipients: national and international forms become E.164, impossible ones are refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.addresses import AddressKind, kind_of
from common.phone import InvalidRecipient, Recipient, normalise_recipient
from heliograph.codes import OutcomeCode

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("raw", "region", "e164"),
    [
        ("5551234567", "US", "+15551234567"),
        ("(555) 123-4567", "US", "+15551234567"),
        ("555.123.4567", "US", "+15551234567"),
        ("555\u2011123\u20114567", "US", "+15551234567"),
        ("15551234567", "US", "+15551234567"),
        ("1-555-123-4567", "US", "+15551234567"),
        ("+1 555 123 4567", "DE", "+15551234567"),
        ("+15550100142", "US", "+15550100142"),  # reserved for films, yet possible
        ("07700 900123", "GB", "+447700900123"),
        ("+44 7700 900123", "US", "+447700900123"),
        ("00447700900123", "DE", "+447700900123"),
        ("011447700900123", "US", "+447700900123"),
        ("0171 1234567", "DE", "+491711234567"),
        ("06 6982", "IT", "+39066982"),  # Italy keeps its leading zero
        ("+80012345678", "US", "+80012345678"),
        ("٥٥٥١٢٣٤٥٦٧", "US", "+15551234567"),  # what an Arabic keyboard types
        (" +15551234567\n", "US", "+15551234567"),
    ],
)
def test_a_recipient_is_read_in_the_region_of_the_sending_number(
    raw: str, region: str, e164: str
) -> None:
    assert normalise_recipient(raw, region) == Recipient(e164=e164, original=raw)


@pytest.mark.parametrize(
    ("raw", "region", "problem"),
    [
        ("", "US", "not written as a phone number"),
        ("   ", "US", "not written as a phone number"),
        ("Alice", "US", "not written as a phone number"),
        ("call me on 5551234567", "US", "not written as a phone number"),
        ("1-800-FLOWERS", "US", "not written as a phone number"),
        ("5551234567 ext 5", "US", "not written as a phone number"),
        ("5551234567, 5551234568", "US", "not written as a phone number"),
        ("5551234567/5551234568", "US", "not written as a phone number"),
        ("+", "US", "not written as a phone number"),
        ("++15551234567", "US", "not written as a phone number"),
        ("+015551234567", "US", "not written as a phone number"),
        ("5551234567", "ZZ", "not written as a phone number"),
        ("911", "US", "too few digits"),
        ("12345", "US", "too few digits"),
        ("5551234", "US", "lacks its area code"),
        ("112", "DE", "lacks its area code"),
        ("447700900123", "US", "too many digits"),
        ("5551234567 5551234568", "US", "not written as a phone number"),
        ("555123456789", "US", "too many digits"),
        ("+155512345678", "US", "too many digits"),
        ("1" * 300, "US", "not written as a phone number"),
    ],
)
def test_an_impossible_recipient_is_refused_with_its_reason(
    raw: str, region: str, problem: str
) -> None:
    with pytest.raises(InvalidRecipient) as caught:
        normalise_recipient(raw, region)
    assert caught.value.code is OutcomeCode.INVALID_RECIPIENT
    assert problem in caught.value.what
    assert caught.value.remedy in str(caught.value)
    assert raw not in str(caught.value) or len(raw.strip()) <= 1


@given(st.text(max_size=30) | st.from_regex(r"\+?[0-9() .\-]{0,24}", fullmatch=True))
@settings(deadline=None, max_examples=200)
def test_any_text_becomes_valid_e164_or_is_refused(raw: str) -> None:
    try:
        recipient = normalise_recipient(raw, "US")
    except InvalidRecipient:
        return
    assert kind_of(recipient.e164) is AddressKind.E164
    assert normalise_recipient(recipient.e164, "DE").e164 == recipient.e164
