"""Whether a callback is Twilio's: its signature, and the form that it is computed over.

Source: Twilio docs, "Webhooks security" (validating signatures from Twilio); twilio-python,
`RequestValidator`, which accepts an address with and without its port.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from common.providers.callbacks import CallbackKeys, CallbackRequest

ACCOUNT_SID: Final = "account_sid"
AUTH_TOKEN: Final = "auth_token"  # noqa: S105 - the parameter's name

_SIGNATURE: Final = "X-Twilio-Signature"
_DEFAULT_PORTS: Final = {"https": ":443", "http": ":80"}

Fields = Sequence[tuple[str, str]]


def verify(request: CallbackRequest, keys: CallbackKeys) -> str | None:
    """Twilio's signature: HMAC-SHA1 over the address and the sorted fields, in base64. Twilio is
    not consistent about a port in the address, so either form passes."""
    token = keys.credentials.get(AUTH_TOKEN, "")
    if not token:
        return "no auth token to compare with"
    hashed = [value for name, value in query_of(request.url) if name == "bodySHA256"]
    if hashed and not _same(hashlib.sha256(request.body).hexdigest(), hashed[0]):
        return "the body has another hash"
    if "json" in request.headers.get("Content-Type", "").lower():
        if not hashed:
            return "nothing proves the body"
        fields: Fields = ()
    else:
        fields = fields_of(request.body)
    told = request.headers.get(_SIGNATURE, "")
    if not any(_same(signature(token, url, fields), told) for url in _spellings(request.url)):
        return "the signature does not match"
    account = first_of(fields).get("AccountSid", keys.credentials.get(ACCOUNT_SID))
    return None if account == keys.credentials.get(ACCOUNT_SID) else "another account"


def signature(token: str, url: str, fields: Fields) -> str:
    """The value of the header X-Twilio-Signature: for each name in order its values in order, each
    once, without anything in between."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    made = hmac.digest(_octets(token), _octets(signed), "sha1")
    return base64.b64encode(made).decode()


def _spellings(url: str) -> tuple[str, str]:
    """The address without a port, and with one."""
    scheme, mark, rest = url.partition("#")[0].partition("://")
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    host, tail = re.sub(r":[0-9]*$", "", authority), rest[len(authority) :]
    port = authority[len(host) :] or _DEFAULT_PORTS.get(scheme, "")
    return f"{scheme}{mark}{host}{tail}", f"{scheme}{mark}{host}{port}{tail}"


def fields_of(body: bytes) -> Fields:
    """The fields of a form, empty ones too: they are signed."""
    return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)


def query_of(url: str) -> Fields:
    return parse_qsl(url.partition("#")[0].partition("?")[2], keep_blank_values=True)


def first_of(fields: Fields) -> dict[str, str]:
    return dict(reversed(fields))


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(_octets(one), _octets(other))


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
