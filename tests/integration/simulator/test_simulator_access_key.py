"""The access-key scheme accepts and refuses as the SDK's own signatures say."""

import base64
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from multidict import CIMultiDict
from simulator_world import KEY, NUMBER, PHONE, SECOND_KEY

from local.simulator import Simulator, access_key, clock

pytestmark = pytest.mark.unit

SIGNED_AT = datetime(2024, 3, 26, 16, 6, 51, tzinfo=UTC)
# The scheme of Microsoft docs, "Sign an HTTP request"; computed once with `openssl dgst`.
VECTOR = {
    "body": b'{"from": "+18005550100"}',
    "path": "/sms?api-version=2021-03-07",
    "host": "fabrikam.communication.azure.com",
    "date": "Tue, 26 Mar 2024 16:06:51 GMT",
    "hash": "R4HCbdQyQ2dYRRfatN/jnhyWmbvfmHdJ3KAI4Ygb+QM=",
    "signature": "TxneJ0bQcGSgvRn230Xk6DrMUj7x0cyLzjQ3WI9TglI=",
}


class Tap(SansIOHTTPPolicy):  # type: ignore[type-arg]
    """Keeps what the SDK really sent, and may spoil it after it was signed."""

    def __init__(self, spoil: Callable[[Any], None] = lambda request: None) -> None:
        self.spoil = spoil
        self.request: Any = None

    def on_request(self, request: Any) -> None:
        self.request = request.http_request
        self.spoil(request.http_request)


def headers_of(vector: dict[str, Any], **changes: str) -> CIMultiDict[str]:
    scheme = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature="
    headers = {
        "Host": vector["host"],
        "x-ms-date": vector["date"],
        "x-ms-content-sha256": vector["hash"],
        "Authorization": scheme + vector["signature"],
    }
    return CIMultiDict(headers | {name.replace("_", "-"): text for name, text in changes.items()})


def refusal_of(headers: CIMultiDict[str], **changes: Any) -> Any:
    call = {
        "method": "POST",
        "path": VECTOR["path"],
        "headers": headers,
        "body": VECTOR["body"],
        "keys": [base64.b64decode(KEY)],
        "now": SIGNED_AT,
    }
    return access_key.refusal(**call | changes)


def test_the_vector_is_accepted() -> None:
    assert refusal_of(headers_of(VECTOR)) is None


@pytest.mark.parametrize("skew", [timedelta(minutes=15), timedelta(minutes=-15)])
def test_a_clock_may_be_off_by_fifteen_minutes_and_no_more(skew: timedelta) -> None:
    assert refusal_of(headers_of(VECTOR), now=SIGNED_AT + skew) is None
    assert refusal_of(headers_of(VECTOR), now=SIGNED_AT + skew * 1.01).status == 401


@pytest.mark.parametrize(
    ("spoiled", "text"),
    [
        ({"Host": "fabrikam.communication.azure.com:443"}, b"resource provider"),
        ({"x_ms_date": "Tue, 26 Mar 2024 16:06:52 GMT"}, b"resource provider"),
        ({"x_ms_date": "2024-03-26T16:06:51Z"}, b"resource provider"),
        ({"x_ms_date": "Mon, 26 Mar 2024 16:06:51 GMT"}, b"resource provider"),
        ({"x_ms_content_sha256": access_key.content_hash(b"")}, b"generated content hash"),
        ({"Authorization": "HMAC-SHA256 Signature=AAAA"}, b"resource provider"),
        ({"Authorization": "Bearer token"}, b"resource provider"),
        ({"Authorization": ""}, b"resource provider"),
    ],
)
def test_any_spoiled_header_is_denied(spoiled: dict[str, str], text: bytes) -> None:
    refusal = refusal_of(headers_of(VECTOR, **spoiled))
    assert refusal.status == 401
    assert b'"Denied"' in refusal.body
    assert text in refusal.body


def test_another_path_or_method_is_denied() -> None:
    assert refusal_of(headers_of(VECTOR), path="/sms?api-version=2026-01-23") is not None
    assert refusal_of(headers_of(VECTOR), method="PUT") is not None


def test_the_published_vector_of_the_sdk_is_recomputed() -> None:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE is not set")
    vector = orjson.loads((Path(folder) / "specs/acs-hmac-test-vector.json").read_bytes())
    digest = access_key.content_hash(vector["body"].encode())
    split = urlsplit(vector["url"])
    signature = access_key.signature(
        base64.b64decode(vector["accessKeyBase64"]),
        method=vector["method"],
        path=f"{split.path}?{split.query}",
        date=vector["xMsDate"],
        host=vector["host"],
        digest=digest,
    )
    assert digest == vector["xMsContentSha256"]
    assert signature == vector["signature"]
    assert vector["authorization"].endswith(signature)


async def test_what_the_sdk_signs_is_recomputed(sim: Simulator, clients: Any) -> None:
    tap = Tap()
    client = clients(custom_hook_policy=tap)
    await client.send(NUMBER, PHONE, "Grüße – 你好")
    sent = tap.request.headers
    signature = access_key.signature(
        base64.b64decode(KEY),
        method="POST",
        path="/sms?api-version=2021-03-07",
        date=sent["x-ms-date"],
        host=sim.url.removeprefix("http://"),
        digest=access_key.content_hash(tap.request.data.encode()),
    )
    assert sent["Authorization"].endswith(f"&Signature={signature}")


@pytest.mark.parametrize("key", [KEY, SECOND_KEY])
async def test_both_keys_work(clients: Any, key: str) -> None:
    [result] = await clients(key).send(NUMBER, PHONE, "hello")
    assert result.successful


async def test_a_wrong_key_is_denied(sim: Simulator, clients: Any) -> None:
    wrong = base64.b64encode(b"wrong").decode()
    with pytest.raises(ClientAuthenticationError) as caught:
        await clients(wrong).send(NUMBER, PHONE, "hello")
    assert caught.value.error.code == "Denied"
    assert not sim.phone(PHONE).received


async def test_a_body_changed_after_signing_is_denied(clients: Any) -> None:
    def spoil(request: Any) -> None:
        request.set_json_body({"from": NUMBER})

    with pytest.raises(ClientAuthenticationError) as caught:
        await clients(custom_hook_policy=Tap(spoil)).send(NUMBER, PHONE, "hello")
    assert "x-ms-content-sha256" in caught.value.error.message


async def test_an_old_signature_is_denied(clients: Any) -> None:
    old = clock.rfc1123(clock.now() - timedelta(minutes=16))

    def spoil(request: Any) -> None:
        request.headers["x-ms-date"] = old

    with pytest.raises(ClientAuthenticationError):
        await clients(custom_hook_policy=Tap(spoil)).send(NUMBER, PHONE, "hello")


@pytest.mark.parametrize(
    ("query", "code"), [("", "ApiVersionUnspecified"), ("?api-version=1", "UnsupportedApiVersion")]
)
async def test_a_known_api_version_is_required(clients: Any, query: str, code: str) -> None:
    class Version(SansIOHTTPPolicy):  # type: ignore[type-arg]
        def on_request(self, request: Any) -> None:
            request.http_request.url = request.http_request.url.partition("?")[0] + query

    with pytest.raises(HttpResponseError) as caught:
        await clients(per_call_policies=[Version()]).send(NUMBER, PHONE, "hello")
    assert caught.value.status_code == 400
    assert caught.value.error.code == code
