"""ACS connection strings, read strictly.

The SDK's own reader is not used: it takes no blank around a key, always puts `https://` in front,
so that no simulator can be addressed, and finds out that a key is no base64 at the first send only.
Source of the form: Microsoft docs, "Authenticate to Communication Services".
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, urlsplit

from common.providers.hosts import is_loopback
from common.providers.port import UnusableCredentials

_PRIMARY: Final = "connection_string"
_SECONDARY: Final = "secondary_connection_string"

_FORM: Final = "Copy the whole connection string: endpoint=https://…;accesskey=…"

_SLIPS: Final = (
    (
        re.compile(r"""^["'`\u201c\u201d\u2018\u2019]|["'`\u201c\u201d\u2018\u2019]$"""),
        " has quotation marks around it. Leave them out.",
    ),
    (
        re.compile(r"^https?://[^;]*;?$", re.IGNORECASE),
        f" is only the address of the endpoint. {_FORM}",
    ),
)
"""What people paste instead, as forms of the whole text, with what they are told."""


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
        raise _unusable(_PRIMARY, " is missing.")
    given = [name for name in (_PRIMARY, _SECONDARY) if credentials.get(name)]
    return tuple(parse_connection_string(credentials[name], name) for name in given)


def parse_connection_string(text: str, name: str = _PRIMARY) -> Access:
    """Read `endpoint=https://<host>/;accesskey=<base64>`: names in any case and order, blanks
    around items ignored, unknown items too. `http://` is for a simulator on this machine only.

    Raises:
        UnusableCredentials: naming the field `name` and which slip it is, never its value.
    """
    whole = text.strip()
    _refuse_slips(whole, name)
    items: dict[str, str] = {}
    for item in whole.split(";"):
        key, _, value = (part.strip() for part in item.partition("="))
        if key.lower() in items and (key or value):
            raise _unusable(name, f" gives {_known(key)} twice. {_FORM}")
        items[key.lower()] = value
    endpoint, loopback = _endpoint(items.get("endpoint", ""), name)
    return Access(endpoint, _key(items.get("accesskey", ""), name), loopback)


def _refuse_slips(whole: str, name: str) -> None:
    for slip, what in _SLIPS:
        if slip.search(whole):
            raise _unusable(name, what)


def _unusable(name: str, what: str) -> UnusableCredentials:
    return UnusableCredentials(f"{name}{what}", field=name)


def _known(key: str) -> str:
    # Any other name may be a piece of a key that was pasted at the wrong place.
    return f"{key.lower()}=" if key.lower() in {"endpoint", "accesskey"} else "an item"


def _endpoint(text: str, name: str) -> tuple[str, bool]:
    if not text:
        raise _unusable(name, f" has no endpoint: the part endpoint= is missing. {_FORM}")
    _refuse_breaks(text, name, "endpoint")
    url = _split(text)
    if url is None or not url.hostname:
        raise _unusable(name, ": its endpoint is not a URL with a host and nothing more.")
    loopback = is_loopback(url.hostname)
    if url.scheme == "http" and not loopback:
        raise _unusable(name, ": its endpoint must begin with https://, not with http://.")
    if url.scheme not in {"https", "http"}:
        raise _unusable(name, ": its endpoint must begin with https://.")
    return f"{url.scheme}://{url.netloc.lower()}", loopback


def _refuse_breaks(value: str, name: str, part: str) -> None:
    if any(character.isspace() or not character.isprintable() for character in value):
        raise _unusable(
            name,
            f": its {part} holds a blank or a line break, as a copy of a wrapped line does. "
            "Copy it with the portal's copy button.",
        )


def _split(text: str) -> SplitResult | None:
    """The parts of a URL that has none but scheme, host and port."""
    try:
        url = urlsplit(text)
        too_much = url.path not in {"", "/"} or url.query or url.fragment or "@" in url.netloc
        usable = url.port != 0 and not too_much and not any(c.isspace() for c in text)
    except ValueError:
        return None
    return url if usable else None


def _key(text: str, name: str) -> str:
    if not text:
        raise _unusable(name, f" has no accesskey: the part accesskey= is missing. {_FORM}")
    _refuse_breaks(text, name, "accesskey")
    try:
        usable = bool(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        usable = False
    if not usable:
        raise _unusable(
            name,
            ": its accesskey is not base64, so a part of it is missing or something is added. "
            "Copy it again, to the = at its end.",
        )
    return text
