"""Promises of reading ACS connection strings."""

from __future__ import annotations

import pytest

from common.providers.acs_credentials import parse_connection_string, read_credentials
from common.providers.port import UnusableCredentials

KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
HOST = "https://contoso.communication.azure.com"


@pytest.mark.parametrize(
    "text",
    [
        f"endpoint={HOST}/;accesskey={KEY}",
        f"  endpoint = {HOST} ; accesskey = {KEY} ;\n",
        f"AccessKey={KEY};Endpoint={HOST}/;other=thing",
    ],
)
def test_the_usual_forms_are_read(text: str) -> None:
    access = parse_connection_string(text)
    assert (access.endpoint, access.key, access.loopback) == (HOST, KEY, False)


@pytest.mark.parametrize("host", ["127.0.0.1:8099", "localhost:8099", "[::1]:8099"])
def test_a_simulator_on_this_machine_may_do_without_tls(host: str) -> None:
    access = parse_connection_string(f"endpoint=http://{host}/;accesskey={KEY}")
    assert (access.endpoint, access.loopback) == (f"http://{host}", True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        f"accesskey={KEY}",
        f"endpoint={HOST}",
        f"endpoint=;accesskey={KEY}",
        f"endpoint={HOST};accesskey=",
        f"endpoint={HOST};accesskey={KEY[:-3]}",
        f"endpoint={HOST};accesskey=secret words",
        f"endpoint={HOST};endpoint={HOST};accesskey={KEY}",
        f"endpoint=contoso.communication.azure.com;accesskey={KEY}",
        f"endpoint=http://contoso.communication.azure.com;accesskey={KEY}",
        f"endpoint=ftp://127.0.0.1;accesskey={KEY}",
        f"endpoint=https://user:pass@contoso.azure.com;accesskey={KEY}",
        f"endpoint={HOST}/sms?x=1;accesskey={KEY}",
        f"endpoint=https://;accesskey={KEY}",
        f"endpoint=https://host:notaport;accesskey={KEY}",
        f"endpoint=https://ho st;accesskey={KEY}",
    ],
)
def test_anything_else_is_refused_by_its_field_and_never_by_its_value(text: str) -> None:
    with pytest.raises(UnusableCredentials) as caught:
        read_credentials(
            {
                "connection_string": f"endpoint={HOST};accesskey={KEY}",
                "secondary_connection_string": text or ";",
            }
        )
    said = str(caught.value)
    assert said.startswith("secondary_connection_string")
    for secret in (KEY, KEY[:-3], "contoso", "secret words", "pass"):
        assert secret not in said


def test_a_missing_connection_string_is_named() -> None:
    with pytest.raises(UnusableCredentials, match="connection_string is missing"):
        read_credentials({})


def test_both_keys_are_read_in_order() -> None:
    first, second = read_credentials(
        {
            "connection_string": f"endpoint={HOST};accesskey={KEY}",
            "secondary_connection_string": f"endpoint={HOST};accesskey=QUJD",
        }
    )
    assert (first.key, second.key) == (KEY, "QUJD")


def test_the_key_is_in_no_representation() -> None:
    assert KEY not in repr(parse_connection_string(f"endpoint={HOST};accesskey={KEY}"))


SLIPS = [
    (f"{HOST}/;accesskey={KEY}", "endpoint="),
    (f"Endpoint {HOST}/;accesskey={KEY}", "endpoint="),
    (KEY, "endpoint="),
    (f"endpoint={HOST}/", "accesskey="),
    (f"endpoint={HOST}/;accesskey={KEY[:20]}\n{KEY[20:]}", "accesskey holds a blank or a line"),
    (f"endpoint={HOST}/;accesskey={KEY[:20]} {KEY[20:]}", "accesskey holds a blank or a line"),
    (f"endpoint={HOST}/;accesskey={KEY}\u200b", "accesskey holds a blank or a line"),
    (
        f"endpoint=https://contoso.\ncommunication.azure.com;accesskey={KEY}",
        "endpoint holds a blank",
    ),
    (f"endpoint={HOST}/;accesskey={KEY[:-3]}", "not base64"),
    (f"endpoint={HOST}/;accesskey=%%%%", "not base64"),
    (f"endpoint=http://contoso.communication.azure.com/;accesskey={KEY}", "not with http://"),
    (f"{HOST}/", "only the address of the endpoint"),
    (f"{HOST}", "only the address of the endpoint"),
    (f'"endpoint={HOST}/;accesskey={KEY}"', "quotation marks"),
    (f"\u201cendpoint={HOST}/;accesskey={KEY}\u201d", "quotation marks"),
    (f"'endpoint={HOST}/;accesskey={KEY}", "quotation marks"),
    (f"endpoint={HOST}/;accesskey={KEY};accesskey={KEY}", "accesskey= twice"),
]


@pytest.mark.parametrize(("text", "said"), SLIPS)
def test_each_slip_of_copying_is_told_by_its_own_words(text: str, said: str) -> None:
    with pytest.raises(UnusableCredentials) as caught:
        parse_connection_string(text)
    assert said in str(caught.value)
    assert caught.value.field == "connection_string"
    assert "contoso" not in str(caught.value)
    assert KEY[:12] not in str(caught.value)
