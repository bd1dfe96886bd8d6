"""Promises of the rules on parameters, numbers and names, before anybody is asked."""

from __future__ import annotations

from typing import Any

import pytest

from common.providers.specs import SPECS
from common.store.control import NewNumber, NumberType
from health.desk.numbering import region_of, valid_number, valid_numbers
from health.desk.parameters import Credentials, read_parameters
from health.desk.wording import valid_description, valid_name
from health.web.problems import Problem, ProblemCode

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
CONNECTION_STRING = f"endpoint=https://contoso.communication.azure.com/;accesskey={KEY}"
LINK = {
    "platform_id": "1",
    "platform_partner_id": "2",
    "gate_id": "3",
    "username": "u",
    "password": "p",
    "base_url": "wsx.sp247.net/sms",
}


def read(
    provider: str, parameters: dict[str, str], partner: str | None = None, *, loopback: bool = False
) -> Credentials:
    return read_parameters(SPECS[provider], parameters, partner, loopback=loopback)


def number(address: str, kind: NumberType, **changes: Any) -> NewNumber:
    fields: dict[str, Any] = {
        "address": address,
        "name": "",
        "type": kind,
        "owners": (),
        "region": "",
        "agent_id": "support",
    }
    return NewNumber(**(fields | changes))


def refused(code: ProblemCode, *fields: str) -> Any:
    return pytest.raises(
        Problem, check=lambda it: it.code is code and set(fields) <= set(it.fields)
    )


def test_of_acs_the_endpoint_is_shown_and_the_rest_is_secret() -> None:
    credentials = read(
        "acs",
        {"connection_string": CONNECTION_STRING, "secondary_connection_string": "  "},
    )
    assert credentials.shown == {"endpoint": "contoso.communication.azure.com"}
    assert credentials.secrets == ("connection_string",)
    assert credentials.values == {"connection_string": CONNECTION_STRING}
    assert KEY not in repr(credentials)


def test_of_the_others_what_is_no_secret_is_shown_in_its_normal_form() -> None:
    credentials = read("link", LINK)
    assert credentials.shown["base_url"] == "https://wsx.sp247.net"
    assert "password" not in credentials.shown
    assert credentials.secrets == ("password",)
    assert credentials.values == LINK | {"base_url": "https://wsx.sp247.net"}


def test_a_partners_key_comes_with_the_partner_and_only_then() -> None:
    given = {"connection_string": CONNECTION_STRING, "partner_key": "k"}
    credentials = read("acs", given, "infobip")
    assert credentials.partner == "infobip"
    assert credentials.secrets == ("connection_string", "partner_key")
    assert credentials.values == given | {"partner": "infobip"}
    with refused(ProblemCode.INVALID, "parameters"):
        read("acs", given)
    with refused(ProblemCode.INVALID, "parameters.partner_key"):
        read("acs", {"connection_string": CONNECTION_STRING}, "infobip")
    with refused(ProblemCode.INVALID, "partner"):
        read("link", LINK, "infobip")
    with refused(ProblemCode.INVALID, "partner"):
        read("acs", given, "Info bip")


def test_parameters_are_exactly_the_providers() -> None:
    with refused(ProblemCode.INVALID, "parameters.connection_string"):
        read("acs", {})
    with refused(ProblemCode.INVALID, "parameters.connection_string"):
        read("acs", {"connection_string": " \n"})
    with refused(ProblemCode.INVALID, "parameters") as caught:
        read("acs", {"connection_string": CONNECTION_STRING, KEY: "x"})
    assert KEY not in str(caught.value)
    with refused(ProblemCode.INVALID, "parameters.connection_string"):
        read("acs", {"connection_string": CONNECTION_STRING + "x" * 1_000})


def test_a_slip_names_its_field_and_never_a_value() -> None:
    with refused(ProblemCode.INVALID_CREDENTIALS, "parameters.connection_string") as caught:
        read("acs", {"connection_string": f"accesskey={KEY}"})
    assert KEY not in str(caught.value.document())
    with refused(ProblemCode.INVALID_CREDENTIALS, "parameters.username"):
        read("link", LINK | {"username": "a\nb"})
    with refused(ProblemCode.INVALID_CREDENTIALS, "parameters.base_url"):
        read("link", LINK | {"base_url": "https://evil.example"})


def test_both_connection_strings_are_of_one_resource_at_the_service() -> None:
    other = CONNECTION_STRING.replace("contoso", "fabrikam")
    with refused(ProblemCode.INVALID_CREDENTIALS, "parameters.secondary_connection_string"):
        read(
            "acs",
            {"connection_string": CONNECTION_STRING, "secondary_connection_string": other},
        )
    local = f"endpoint=http://127.0.0.1:8500/;accesskey={KEY}"
    with refused(ProblemCode.INVALID_CREDENTIALS, "parameters.connection_string"):
        read("acs", {"connection_string": local})
    assert read("acs", {"connection_string": local}, loopback=True).shown == {
        "endpoint": "127.0.0.1:8500"
    }


GOOD_NUMBERS = [
    ("+1 800 555 0100", NumberType.TOLL_FREE, "+18005550100", "US"),
    ("18005550100", NumberType.TOLL_FREE, "+18005550100", "US"),
    ("+12065550100", NumberType.LOCAL, "+12065550100", "US"),
    ("+447700900123", NumberType.PARTNER, "+447700900123", "GB"),
    ("12345", NumberType.SHORT_CODE, "12345", "US"),
    ("123 456", NumberType.SHORT_CODE, "123456", "US"),
    ("+448001111111", NumberType.TOLL_FREE, "+448001111111", "GB"),
    ("+14165550100", NumberType.LOCAL, "+14165550100", "CA"),
    *(
        (f"+1{code}5550100", NumberType.TOLL_FREE, f"+1{code}5550100", "US")
        for code in (800, 833, 844, 855, 866, 877, 888)
    ),
]
BAD_NUMBERS = [
    ("12345", NumberType.TOLL_FREE),
    ("+1800555010", NumberType.TOLL_FREE),
    ("+0123456789", NumberType.LOCAL),
    ("+999123456789", NumberType.LOCAL),
    ("+1234567890123456", NumberType.PARTNER),
    ("not a number", NumberType.LOCAL),
    ("", NumberType.LOCAL),
    ("1234", NumberType.SHORT_CODE),
    ("1234567", NumberType.SHORT_CODE),
    ("+18005550100", NumberType.SHORT_CODE),
    ("12345", NumberType.ALPHANUMERIC),
    ("TwelveLetter", NumberType.ALPHANUMERIC),
    ("Caf\u00e9", NumberType.ALPHANUMERIC),
    ("A/B", NumberType.ALPHANUMERIC),
    ("+12065550100", NumberType.TOLL_FREE),
    ("+18225550100", NumberType.TOLL_FREE),
    ("+447700900123", NumberType.TOLL_FREE),
    ("+18005550100", NumberType.LOCAL),
    ("+18885550100", NumberType.PARTNER),
]


@pytest.mark.parametrize(("given", "kind", "address", "region"), GOOD_NUMBERS)
def test_a_number_is_brought_to_its_normal_form(
    given: str, kind: NumberType, address: str, region: str
) -> None:
    valid = valid_number(number(given, kind), SPECS["acs"], partner="infobip")
    assert (valid.address, valid.region) == (address, region)


@pytest.mark.parametrize("address", ["ACME", "4 You 24"])
def test_an_alphanumeric_sender_is_for_where_carriers_take_it(address: str) -> None:
    kind = NumberType.ALPHANUMERIC
    assert valid_number(number(address, kind, region="gb"), SPECS["acs"]).region == "GB"
    for region in ("", "US", "CA"):
        with refused(ProblemCode.INVALID_NUMBER, "region"):
            valid_number(number(address, kind, region=region), SPECS["acs"])


def test_a_partners_number_needs_a_connection_with_a_partner() -> None:
    leased = number("+447700900123", NumberType.PARTNER)
    with refused(ProblemCode.INVALID_NUMBER, "type"):
        valid_number(leased, SPECS["acs"])
    with refused(ProblemCode.INVALID_NUMBER, "type"):
        valid_number(leased, SPECS["twilio"], partner="infobip")
    with refused(ProblemCode.INVALID_NUMBER, "numbers.0.type"):
        valid_numbers([leased], SPECS["acs"])
    assert valid_numbers([leased], SPECS["acs"], partner="infobip")[0].region == "GB"


@pytest.mark.parametrize(("given", "kind"), BAD_NUMBERS)
def test_a_number_is_judged_by_the_rule_of_its_type(given: str, kind: NumberType) -> None:
    with refused(ProblemCode.INVALID_NUMBER, "address"):
        valid_number(number(given, kind), SPECS["acs"], partner="infobip")


def test_a_provider_takes_its_own_types_only() -> None:
    with refused(ProblemCode.INVALID_NUMBER, "type"):
        valid_number(number("ACME", NumberType.ALPHANUMERIC), SPECS["vibes"])


def test_numbers_are_given_once_and_faults_name_their_place() -> None:
    one = number("+18005550100", NumberType.TOLL_FREE)
    again = number("1 800 555 0100", NumberType.TOLL_FREE)
    with refused(ProblemCode.INVALID_NUMBER, "numbers.1.address"):
        valid_numbers([one, again], SPECS["acs"])
    with refused(ProblemCode.INVALID, "numbers.1.region"):
        valid_numbers([one, number("12345", NumberType.SHORT_CODE, region="ZZ")], SPECS["acs"])
    with refused(ProblemCode.INVALID, "numbers"):
        valid_numbers([one] * 101, SPECS["acs"])


def test_names_and_owners_are_lines_of_text() -> None:
    kind = NumberType.TOLL_FREE
    valid = valid_number(
        number("+18005550100", kind, name=" Desk ", owners=(" a ", "a", "b"), region="de"),
        SPECS["acs"],
    )
    assert (valid.name, valid.owners, valid.region) == ("Desk", ("a", "b"), "DE")
    for changes in (
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"owners": ("",)},
        {"owners": ("x",) * 51},
    ):
        with refused(ProblemCode.INVALID):
            valid_number(number("+18005550100", kind, **changes), SPECS["acs"])
    assert valid_name(" a ") == "a"
    assert valid_description(" one\r\ntwo ") == "one\r\ntwo"
    for text in ("", " ", "x" * 101, "a\x00b", "a\nb"):
        with refused(ProblemCode.INVALID, "name"):
            valid_name(text)
    for text in ("x" * 1_001, "a\x00b"):
        with refused(ProblemCode.INVALID, "description"):
            valid_description(text)


@pytest.mark.parametrize(
    ("address", "region"),
    [("+491701234567", "DE"), ("+80012345678", "US"), ("+15555550100", "US"), ("ACME", "US")],
)
def test_a_number_tells_its_region_where_it_can(address: str, region: str) -> None:
    assert region_of(address) == region
