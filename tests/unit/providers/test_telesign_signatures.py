"""Which callbacks are Telesign's: its own package and its own vectors say so too."""

from __future__ import annotations

import base64
import hmac
import os
from pathlib import Path

import pytest
from conformance.provider_world import INSTANT, keys, with_headers
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from telesign.util import verify_telesign_callback_signature
from telesign_payloads import API_KEY, CUSTOMER_ID, GIVEN, reference, signature

from common.providers.callbacks import CallbackRequest
from common.providers.telesign_callbacks import CALLBACKS


def signed_with(body: bytes, **headers: str) -> CallbackRequest:
    request = CallbackRequest(url="", headers=CIMultiDict(), body=body, received_at=INSTANT)
    return with_headers(request, **headers)


RIGHT = signature(b"{}")
OTHER = "0" * 8 + CUSTOMER_ID[8:]


@pytest.mark.parametrize(
    "headers",
    [
        {"X_TS_Authorization": RIGHT},
        {"X_TS_Authorization": f" {RIGHT} "},
        {"X_TS_Authorization": f"{CUSTOMER_ID}:{RIGHT}"},
        {"X_TS_Authorization": f"TSA {CUSTOMER_ID}:{RIGHT}"},
        {"X_TS_Authorization": RIGHT, "Authorization": "Basic bGFtcDpvaWw="},
        {"X_TS_Authorization": "", "Authorization": f"TSA {CUSTOMER_ID}:{RIGHT}"},
        {"Authorization": f"TSA {CUSTOMER_ID}:{RIGHT}"},
        {"Authorization": f"tsa  {CUSTOMER_ID.lower()}:{RIGHT}"},
    ],
)
def test_a_signature_is_found_in_either_header(headers: dict[str, str]) -> None:
    assert CALLBACKS.verify(signed_with(b"{}", **headers), keys(GIVEN)) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": f"Basic {CUSTOMER_ID}:{RIGHT}"},
        {"Authorization": RIGHT},
        {"Authorization": f"TSA {OTHER}:{RIGHT}"},
        {"Authorization": f"TSA {CUSTOMER_ID}:"},
        {"X_TS_Authorization": f"{OTHER}:{RIGHT}"},
        {"X_TS_Authorization": RIGHT, "Authorization": f"TSA {OTHER}:{RIGHT}"},
        {"X_TS_Authorization": "x", "Authorization": f"TSA {CUSTOMER_ID}:{RIGHT}"},
        {"X_TS_Authorization": signature(b"{}", API_KEY[::-1])},
        {"X_TS_Authorization": signature(b"{} ")},
        {"X_TS_Authorization": RIGHT.rstrip("=")},
        {"X_TS_Authorization": RIGHT.swapcase()},
        {"X_TS_Authorization": base64.b16encode(base64.b64decode(RIGHT)).decode()},
    ],
)
def test_what_is_not_signed_by_the_connections_own_customer_is_refused(
    headers: dict[str, str],
) -> None:
    assert CALLBACKS.verify(signed_with(b"{}", **headers), keys(GIVEN)) is not None


@pytest.mark.parametrize("key", ["", "----", "=", "a", "é", "\ud800"])
def test_without_a_key_nothing_is_let_in(key: str) -> None:
    """An empty key would let everybody sign."""
    made = base64.b64encode(hmac.digest(b"", b"{}", "sha256")).decode()
    request = signed_with(b"{}", X_TS_Authorization=made)
    assert CALLBACKS.verify(request, keys(GIVEN | {"api_key": key})) is not None
    assert CALLBACKS.verify(request, keys({})) is not None


@given(st.text(max_size=60), st.sampled_from([API_KEY, "AB----CD", "q-q_8=" + API_KEY[:62]]))
def test_the_official_package_verifies_the_same(body: str, key: str) -> None:
    made = signature(body.encode("utf-8", "replace"), key)
    for given_signature in (made, made[::-1], made[:-1]):
        ours = CALLBACKS.verify(
            signed_with(body.encode("utf-8", "replace"), X_TS_Authorization=given_signature),
            keys(GIVEN | {"api_key": key}),
        )
        theirs = verify_telesign_callback_signature(
            key, given_signature, body.encode("utf-8", "replace").decode()
        )
        assert (ours is None) is theirs


def test_the_signatures_of_the_reference_are_genuine() -> None:
    vectors = reference("callbacks", "telesign", "signature_vectors.json")
    folder = Path(os.environ["HELIOGRAPH_REFERENCE"], "callbacks", "telesign")
    own = keys({name: vectors[name] for name in ("customer_id", "api_key")})
    made = [(item["body"].encode(), item["signature"]) for item in vectors["callback_official"]]
    made += [((folder / name).read_bytes(), it) for name, it in vectors["callback_files"].items()]
    assert len(made) >= 7
    for body, given_signature in made:
        for headers in (
            {"X_TS_Authorization": given_signature},
            {"Authorization": f"TSA {vectors['customer_id']}:{given_signature}"},
        ):
            assert CALLBACKS.verify(signed_with(body, **headers), own) is None
            assert CALLBACKS.verify(signed_with(body + b"\n", **headers), own) is not None
