"""Recipients: national and international forms become E.164; who must get no text is refused."""

from __future__ import annotations

import itertools
import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.addresses import AddressKind, kind_of
from common.phone import InvalidRecipient, Recipient, normalise_recipient
from common.reach import region_of
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
    recipient = normalise_recipient(raw, region)
    assert recipient == Recipient(
        e164=e164, original=raw, region=region_of(e164), landline=recipient.landline
    )


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
        ("12345", "US", "too few digits"),
        ("5551234", "US", "lacks its area code"),
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


@pytest.mark.parametrize(
    ("raw", "region", "found"),
    [
        ("5551234567", "US", "US"),
        ("+15550100142", "DE", "US"),
        ("+16135550142", "US", "CA"),
        ("+17875550142", "US", "PR"),
        ("07700 900123", "GB", "GB"),
        ("+80012345678", "US", None),
    ],
)
def test_a_recipient_has_the_region_of_its_own_number(
    raw: str, region: str, found: str | None
) -> None:
    assert normalise_recipient(raw, region).region == found


@pytest.mark.parametrize(
    ("raw", "landline"),
    [
        ("+442079460958", True),
        ("+4930123456", True),
        ("+390669821234", True),
        ("+447911123456", False),
        ("+4915112345678", False),
        ("+12065550142", False),  # nothing in a North American number tells
        ("+15551230142", False),  # nobody has it
        ("+18005550199", False),
    ],
)
def test_a_landline_is_allowed_and_told(raw: str, landline: bool) -> None:
    assert normalise_recipient(raw, "US").landline is landline


@pytest.mark.parametrize(
    ("raw", "region"),
    [
        ("+19002345678", "US"),
        ("900-555-0123", "US"),
        ("+1 212 976 1234", "US"),
        ("416 976 1234", "CA"),
        ("+1 555 976 1234", "US"),
        ("09001 123456", "DE"),
        ("0909 8790123", "GB"),
        ("0844 123 4567", "GB"),  # shared cost
        ("0180 2 123456", "DE"),  # shared cost
        ("+33 891 123456", "US"),
    ],
)
def test_a_premium_or_shared_cost_number_is_refused(raw: str, region: str) -> None:
    refused(raw, region, OutcomeCode.PREMIUM_RECIPIENT)


@pytest.mark.parametrize("raw", ["+19762345678", "+12129751234", "+12129021234", "+18005550199"])
def test_what_only_looks_premium_is_allowed(raw: str) -> None:
    assert normalise_recipient(raw, "US").e164 == raw


@pytest.mark.parametrize(
    ("raw", "region"),
    [
        *itertools.product(["911", "112", "999", "000", "988"], ["US", "GB", "DE", "JP"]),
        *itertools.product(["1-911", "0911", "1988", "0112"], ["US", "GB"]),
        ("9-1-1", "US"),
        (" (911) ", "US"),
        ("9 1 1", "US"),
        ("9.1.1", "US"),
        ("٩١١", "US"),
        ("+911", "US"),
        ("+112", "US"),
        ("+999", "US"),
        ("+1911", "DE"),
        ("+1 911", "US"),
        ("+1-9-1-1", "US"),
        ("+44999", "US"),
        ("+44 112", "US"),
        ("+49110", "US"),
        ("+81 119", "US"),
        ("011 44 999", "US"),
        ("00 1 911", "DE"),
        ("110", "US"),
        ("10111", "ZA"),
        ("9999", "OM"),
    ],
)
def test_an_emergency_number_is_refused_however_it_is_written(raw: str, region: str) -> None:
    refused(raw, region, OutcomeCode.EMERGENCY_RECIPIENT)


def emergency_numbers(region: str) -> list[str]:
    """Every number that the plan of a region says is an emergency number."""
    metadata = phonenumbers.PhoneMetadata.short_metadata_for_region(region)
    if metadata is None or metadata.emergency is None:
        return []
    pattern = re.compile(metadata.emergency.national_number_pattern)
    lengths = [length for length in metadata.emergency.possible_length if length > 0]
    assert max(lengths) <= 6, "longer than the code takes any emergency number to be"
    return [
        digits
        for length in lengths
        if length <= 4
        for digits in map("".join, itertools.product("0123456789", repeat=length))
        if pattern.fullmatch(digits)
    ] + [metadata.emergency.example_number]


SERVICES_OF_THE_US = {"211", "311", "411", "511", "611", "711", "811"}


@pytest.mark.parametrize("raw", sorted(SERVICES_OF_THE_US))
def test_a_service_code_of_the_us_is_no_emergency_number_there(raw: str) -> None:
    refused(raw, "US", OutcomeCode.INVALID_RECIPIENT)
    refused(f"+1 {raw}", "US", OutcomeCode.INVALID_RECIPIENT)


def test_what_is_a_service_in_the_us_may_be_the_police_elsewhere() -> None:
    refused("211", "BB", OutcomeCode.EMERGENCY_RECIPIENT)


REGIONS = sorted(phonenumbers.SUPPORTED_SHORT_REGIONS)


@pytest.mark.parametrize("region", REGIONS)
def test_the_emergency_numbers_of_each_region_are_refused(region: str) -> None:
    code = phonenumbers.country_code_for_region(region)
    numbers = emergency_numbers(region)
    assert numbers or region == "GN"
    for number in numbers:
        for raw in (number, "-".join(number), f"({number})"):
            refused(raw, region, OutcomeCode.EMERGENCY_RECIPIENT)
        if number in SERVICES_OF_THE_US:
            continue
        if code:
            refused(f"+{code}{number}", "US", OutcomeCode.EMERGENCY_RECIPIENT)
        refused(number, "US", OutcomeCode.EMERGENCY_RECIPIENT)


def test_a_number_that_somebody_has_is_no_emergency_number_of_elsewhere() -> None:
    """New Caledonia has numbers of six digits, and so have emergency numbers of Eritrea."""
    refused("201606", "ER", OutcomeCode.EMERGENCY_RECIPIENT)
    refused("201606", "US", OutcomeCode.EMERGENCY_RECIPIENT)
    assert normalise_recipient("201606", "NC").e164 == "+687201606"
    assert normalise_recipient("+687201606", "US").e164 == "+687201606"


def test_each_code_has_its_own_words() -> None:
    words = set()
    for raw in ("911", "+19005550123", "Alice"):
        with pytest.raises(InvalidRecipient) as caught:
            normalise_recipient(raw, "US")
        assert str(caught.value) == f"{caught.value.what} {caught.value.remedy}"
        words.add((caught.value.code, caught.value.what, caught.value.remedy))
    assert [len(set(column)) for column in zip(*words, strict=True)] == [3, 3, 3]


def refused(raw: str, region: str, code: OutcomeCode) -> None:
    with pytest.raises(InvalidRecipient) as caught:
        normalise_recipient(raw, region)
    assert caught.value.code is code, raw
    for digits in {raw, "".join(filter(str.isdigit, raw))}:
        assert digits not in str(caught.value)


@given(st.text(max_size=30) | st.from_regex(r"\+?[0-9() .\-]{0,24}", fullmatch=True))
@settings(max_examples=200)
def test_any_text_becomes_valid_e164_or_is_refused(raw: str) -> None:
    try:
        recipient = normalise_recipient(raw, "US")
    except InvalidRecipient:
        return
    assert kind_of(recipient.e164) is AddressKind.E164
    assert normalise_recipient(recipient.e164, "DE").e164 == recipient.e164
