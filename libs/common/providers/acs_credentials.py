"""ACS connection strings, read strictly.

The SDK's own reader is not used: it takes no blank around a key, always puts `https://` in front,
so that no simulator can be addressed, and finds out that a key is no base64 at the first send only.
Source of the form: Microsoft docs, "Authenticate to Communication Services".
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from common.providers.port import UnusableCredentials

_PRIMARY: Final = "connection_string"
_SECONDARY: Final = "secondary_connection_string"


@dataclass(frozen=True, slots=True)
class Access:
    """An endpoint without a trailing slash (with one, the SDK signs a wrong host), and its key."""

    endpoint: str
    key: str = field(repr=False)
    loopback: bool = False


def read_credentials(credentials: Mapping[str, str]) -> tuple[Access, ...]:
    """The accesses of a connection, the one to try first in front.

    Raises:
        UnusableCredentials: naming the field and what is wrong with it, never its value.
    """
    if not credentials.get(_PRIMARY):
        raise UnusableCredentials(f"{_PRIMARY} is missing.")
    given = [name for name in (_PRIMARY, _SECONDARY) if credentials.get(name)]
    return tuple(parse_connection_string(credentials[name], name) for name in given)


def parse_connection_string(text: str, name: str = _PRIMARY) -> Access:
    """Read `endpoint=https://<host>/;accesskey=<base64>`: names in any case and order, blanks
    around items ignored, unknown items too. `http://` is for a simulator on this machine only.

    Raises:
        UnusableCredentials: naming the field `name`, never its value.
    """
    items: dict[str, str] = {}
    for item in text.split(";"):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not (key or value):
            continue
        if not equals or key.lower() in items:
            raise UnusableCredentials(
                f"{name} does not have the form endpoint=https://…;accesskey=…"
            )
        items[key.lower()] = value
    endpoint, loopback = _endpoint(items.get("endpoint", ""), name)
    return Access(endpoint, _key(items.get("accesskey", ""), name), loopback)


def _endpoint(text: str, name: str) -> tuple[str, bool]:
    if not text:
        raise UnusableCredentials(f"{name} has no endpoint.")
    url = _split(text)
    if url is None or not url.hostname:
        raise UnusableCredentials(
            f"{name}: its endpoint is not a URL with a host and nothing more."
        )
    loopback = _is_loopback(url.hostname)
    if url.scheme != "https" and not (url.scheme == "http" and loopback):
        raise UnusableCredentials(f"{name}: its endpoint must begin with https://.")
    return f"{url.scheme}://{url.netloc.lower()}", loopback


def _split(text: str) -> SplitResult | None:
    """The parts of a URL that has none but scheme, host and port."""
    try:
        url = urlsplit(text)
        too_much = url.path not in {"", "/"} or url.query or url.fragment or "@" in url.netloc
        usable = url.port != 0 and not too_much and not any(c.isspace() for c in text)
    except ValueError:
        return None
    return url if usable else None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _key(text: str, name: str) -> str:
    if not text:
        raise UnusableCredentials(f"{name} has no accesskey.")
    try:
        usable = bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        usable = False
    if not usable:
        raise UnusableCredentials(f"{name}: its accesskey is not base64.")
    return text
