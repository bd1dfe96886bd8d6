"""Twilio's signature, judged as Twilio's own library judges it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from conformance.provider_world import FORM, JSON, PORTAL_URL, keys, with_headers
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, MultiDict
from twilio.request_validator import RequestValidator
from twilio_payloads import ACCOUNT, TOKEN

from common.providers.callbacks import CallbackRequest
from common.providers.twilio_signature import signature, verify

KEYS = keys({"account_sid": ACCOUNT, "auth_token": TOKEN})
ORACLE = RequestValidator(TOKEN)
URL = PORTAL_URL
PORT = PORTAL_URL.replace("example.com", "example.com:443")
OTHER_PORT = PORTAL_URL.replace("example.com", "example.com:8443")


def request(
    url: str, body: bytes, told: str, headers: dict[str, str] | None = None
) -> CallbackRequest:
    """A callback with this signature."""
    given_headers = CIMultiDict({**(headers or FORM), "X-Twilio-Signature": told})
    return CallbackRequest(url=url, headers=given_headers, body=body)


def accepts(url: str, fields: Sequence[tuple[str, str]], told: str) -> bool:
    return verify(request(url, urlencode(fields).encode(), told), KEYS) is None


def made(url: str, fields: Sequence[tuple[str, str]]) -> str:
    return str(ORACLE.compute_signature(url, MultiDict(fields)))


def test_the_part_of_our_address_that_tells_how_often_to_try_is_not_signed() -> None:
    """Twilio takes it off before it signs and calls; whoever leaves it on means the same."""
    fields = [("MessageSid", "SM1"), ("AccountSid", ACCOUNT)]
    for query in ("", "?ref=0123456789abcdef0123456789abcdef"):
        told = made(f"{URL}{query}", fields)
        assert accepts(f"{URL}{query}", fields, told)
        assert accepts(f"{URL}{query}#rc=3&rp=ct,rt,5xx", fields, told)


_NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8).filter(
    lambda name: name != "AccountSid"
)
_VALUES = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_FIELDS = st.lists(st.tuples(_NAMES, _VALUES), max_size=8)
_URLS = st.sampled_from(
    [URL, PORT, OTHER_PORT, f"{URL}?ref=1&b=%2B", f"{PORT}?a=&a=2", "http://h/"]
)


@given(_FIELDS, _URLS, _URLS, st.booleans())
def test_every_request_gets_the_verdict_of_twilios_own_library(
    fields: list[tuple[str, str]], called: str, seen: str, spoiled: bool
) -> None:
    told = made(called, fields)
    if spoiled:
        told = told[::-1]
    assert accepts(seen, fields, told) is ORACLE.validate(seen, MultiDict(fields), told)


@given(_FIELDS, _URLS)
def test_the_signature_is_the_one_that_twilios_own_library_makes(
    fields: list[tuple[str, str]], url: str
) -> None:
    assert signature(TOKEN, url, fields) == made(url, fields)


@pytest.mark.parametrize("called", [URL, PORT])
@pytest.mark.parametrize("seen", [URL, PORT])
def test_a_port_in_the_address_makes_no_difference(called: str, seen: str) -> None:
    fields = [("MessageSid", "SM1"), ("Body", "x")]
    assert accepts(seen, fields, made(called, fields))


def test_another_port_than_the_usual_one_has_to_be_the_called_one() -> None:
    fields = [("Body", "x")]
    assert accepts(OTHER_PORT, fields, made(OTHER_PORT, fields))
    assert not accepts(URL, fields, made(OTHER_PORT, fields))


def test_empty_values_are_signed_too() -> None:
    body = b"ToCity=&Body=x&ToZip="
    told = made(URL, [("ToCity", ""), ("Body", "x"), ("ToZip", "")])
    assert verify(request(URL, body, told), KEYS) is None
    assert verify(request(URL, body, made(URL, [("Body", "x")])), KEYS) is not None


def test_names_are_sorted_by_code_point_and_values_counted_once() -> None:
    fields = [("b", "2"), ("B", "1"), ("b", "1"), ("b", "2"), ("ä", ""), ("a", "🙂")]
    assert accepts(URL, fields, made(URL, sorted(set(fields))))


def test_a_fragment_is_not_part_of_the_address() -> None:
    fields = [("Body", "x")]
    assert accepts(f"{URL}#rc=3&rp=ct,rt,5xx", fields, made(URL, fields))


def hashed(body: bytes) -> str:
    return f"{URL}?ref=1&bodySHA256={hashlib.sha256(body).hexdigest()}"


def test_a_json_body_is_proven_by_its_hash_in_the_address() -> None:
    body = orjson.dumps({"property": "value"})
    url = hashed(body)
    told = made(url, [])
    assert ORACLE.validate(url, body.decode(), told)
    assert verify(request(url, body, told, JSON), KEYS) is None
    assert verify(request(url, body + b" ", told, JSON), KEYS) is not None
    assert verify(request(url + "0", body, made(url + "0", []), JSON), KEYS) is not None


def test_a_json_body_without_a_hash_is_refused() -> None:
    told = made(URL, [])
    assert verify(request(URL, b'{"a": 1}', told, JSON), KEYS) is not None
    assert verify(request(URL, b'{"a": 1}', told, FORM), KEYS) is not None


def test_a_hash_that_does_not_fit_is_refused_whatever_the_body_calls_itself() -> None:
    url = hashed(b"something else")
    assert verify(request(url, b"Body=x", made(url, [("Body", "x")]), FORM), KEYS) is not None


def test_a_callback_of_another_account_is_refused_though_the_token_fits() -> None:
    fields = [("AccountSid", "AC" + "0" * 32), ("Body", "x")]
    assert not accepts(URL, fields, made(URL, fields))
    own = [("AccountSid", ACCOUNT), ("Body", "x")]
    assert accepts(URL, own, made(URL, own))


@pytest.mark.parametrize("credentials", [{}, {"account_sid": ACCOUNT, "auth_token": ""}])
def test_nobody_is_let_in_where_there_is_no_token(credentials: dict[str, str]) -> None:
    told = RequestValidator("").compute_signature(URL, {"Body": "x"})
    assert verify(request(URL, b"Body=x", told), keys(credentials)) is not None


def reference_vectors() -> Iterator[Any]:
    """The vectors of the reference: address, fields or body, signature."""
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        yield pytest.param(None, marks=pytest.mark.skip("HELIOGRAPH_REFERENCE names no folder"))
        return
    files = Path(folder) / "callbacks/twilio"
    vectors = orjson.loads((files / "signature_vectors.json").read_bytes())
    for row in vectors["official"]:
        body = row.get("json_body") or urlencode([*map(tuple, row["params"])])
        headers = JSON if "json_body" in row else FORM
        yield row["url"], body.encode(), row["signature"], headers, vectors["auth_token"]
    for name, row in vectors["callback_files"].items():
        body = (files / name).read_bytes()
        yield row["url"], body, row["signature"], FORM, vectors["auth_token"]


@pytest.mark.parametrize("vector", list(reference_vectors()))
def test_each_published_vector_is_genuine_and_unlike_any_other(vector: Any) -> None:
    url, body, told, headers, token = vector
    given_keys = keys({"account_sid": "AC" + "a" * 32, "auth_token": token})
    genuine = request(url, body, told, headers)
    assert verify(genuine, given_keys) is None
    assert verify(replace(genuine, body=body + b"&x=1"), given_keys) is not None
    assert verify(replace(genuine, url=url + "x"), given_keys) is not None
    assert verify(with_headers(genuine, X_Twilio_Signature=told.lower()), given_keys) is not None
