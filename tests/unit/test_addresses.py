"""Addresses: one normal form, three kinds, and masks that keep numbers out of logs."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.addresses import AddressKind, kind_of, mask, normalise_address

pytestmark = pytest.mark.unit

E164, SHORT, ALPHA = AddressKind.E164, AddressKind.SHORT_CODE, AddressKind.ALPHANUMERIC


@pytest.mark.parametrize(
    ("raw", "normal", "kind"),
    [
        ("+15551230142", "+15551230142", E164),
        ("15551230142", "+15551230142", E164),
        (" 1 555 123 0142 ", "+15551230142", E164),
        ("+1 555\u00a0123 0142", "+15551230142", E164),
        ("\t+447700900123\n", "+447700900123", E164),
        ("1234567", "+1234567", E164),
        ("123456789012345", "+123456789012345", E164),
        ("1234567890123456", "1234567890123456", None),
        ("+1234567890123456", "+1234567890123456", None),
        ("+123456", "+123456", None),
        ("+0123456789", "+0123456789", None),
        ("0123456789", "+0123456789", None),
        ("12345", "12345", SHORT),
        ("123456", "123456", SHORT),
        ("12 345", "12345", SHORT),
        ("1234", "1234", None),
        ("Heliograph", "Heliograph", ALPHA),
        (" My Shop 24 ", "My Shop 24", ALPHA),
        ("A", "A", ALPHA),
        ("Elevenchars", "Elevenchars", ALPHA),
        ("Twelve chars", "Twelve chars", None),
        ("A-B", "A-B", None),
        ("Müller", "Müller", None),
        ("", "", None),
        ("   ", "", None),
        ("+", "+", None),
        ("+1-555-123-0142", "+1-555-123-0142", None),
        ("١٢٣٤٥٦٧", "١٢٣٤٥٦٧", None),
        ("+15551230142\n+15551230143", "+15551230142\n+15551230143", None),
    ],
)
def test_an_address_has_one_normal_form_and_one_kind(
    raw: str, normal: str, kind: AddressKind | None
) -> None:
    assert normalise_address(raw) == normal
    assert kind_of(normal) is kind


@given(st.text() | st.from_regex(r"\s?\+?[0-9 ]{0,18}[a-z]?", fullmatch=True))
@settings(max_examples=200)
def test_normalising_twice_changes_nothing(raw: str) -> None:
    assert normalise_address(normalise_address(raw)) == normalise_address(raw)


@given(st.from_regex(r"[1-9][0-9]{6,14}", fullmatch=True))
@settings(max_examples=100)
def test_a_number_with_and_without_plus_is_the_same_address(digits: str) -> None:
    assert normalise_address(digits) == normalise_address(f"+{digits}") == f"+{digits}"
    assert kind_of(f"+{digits}") is E164


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("+15551230142", "+1•••••42"),
        ("15551230142", "+1•••••42"),
        ("+447700900123", "+4•••••23"),
        ("+1234567", "+1•••••67"),
        ("12345", "•••••45"),
        ("Heliograph", "He•••••"),
        ("call me on +15551230142", "•••••"),
        ("1234567890123456", "•••••"),
        ("1234", "•••••"),
        ("", "•••••"),
    ],
)
def test_a_mask_shows_as_much_as_its_kind_may(address: str, masked: str) -> None:
    assert mask(address) == masked


@given(st.text() | st.from_regex(r"\+?[0-9 ]{0,18}[a-z ]{0,3}", fullmatch=True))
@settings(max_examples=300)
def test_a_mask_never_shows_more_than_four_digits(address: str) -> None:
    masked = mask(address)
    assert len(re.findall(r"\d", masked)) <= 4
    assert "•••••" in masked
    assert len(masked) <= 9
