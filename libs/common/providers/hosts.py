"""Where a tenant may send us: base URLs that tenants supply, limited to their provider's hosts.

A service that calls any address it is given can be made to call what only it can reach (OWASP,
"Server-Side Request Forgery Prevention Cheat Sheet": allow a list of hosts). What is allowed is
narrower than what a URL can say: https, a host name of the provider, nothing else.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from common.providers.port import UnusableCredentials

_HTTPS_PORTS: Final = (None, 443)
_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")


@dataclass(frozen=True, slots=True)
class Hosts:
    """A provider's hosts: names, and suffixes before which something must stand. `endings` are
    paths that people copy along, longest first."""

    names: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    endings: tuple[str, ...] = ()

    def have(self, host: str) -> bool:
        """Whether a host, in lower case, is one of them."""
        if not _NAME.fullmatch(host) or len(host) > 253:
            return False
        return host in self.names or any(
            host.endswith(suffix) and len(host) > len(suffix) for suffix in self.suffixes
        )

    def __str__(self) -> str:
        return ", ".join((*self.names, *(f"*{suffix}" for suffix in self.suffixes)))


NO_HOSTS: Final = Hosts()


def provider_url(hosts: Hosts, text: str, *, field: str, loopback: bool = False) -> str:
    """A tenant's base URL in normal form: `https://<host>`, without a trailing slash.

    Args:
        hosts: the provider's.
        text: as it was pasted, with or without `https://`.
        field: the parameter's name, for the error.
        loopback: whether this machine may be named as well, over http and with a port: for
            simulators.

    Raises:
        UnusableCredentials: it is not an address of the provider.
    """
    url = _split(text.strip())
    if url is None:
        raise UnusableCredentials(f"{field} is not an address of a host.", field=field)
    host = (url.hostname or "").lower()
    if _without(hosts.endings, url.path.rstrip("/")):
        raise UnusableCredentials(
            f"{field} holds more than the address of a host: leave the path out.", field=field
        )
    if loopback and is_loopback(host):
        return f"{url.scheme}://{url.netloc.lower()}"
    if url.scheme != "https":
        raise UnusableCredentials(f"{field} must begin with https://.", field=field)
    if not hosts.have(host) or url.port not in _HTTPS_PORTS:
        raise UnusableCredentials(
            f"{field} is not one of the provider's addresses ({hosts}).", field=field
        )
    return f"https://{host}"


def _split(text: str) -> SplitResult | None:
    """The parts of a URL without user, query and fragment, whose characters leave nothing to
    interpretation (`urlsplit` drops line breaks, and some clients read `\\` as `/`)."""
    if not text.isascii() or any(not "!" <= character <= "~" for character in text):
        return None
    if any(character in text for character in "\\@?#%"):
        return None
    try:
        url = urlsplit(text if "://" in text else f"https://{text}")
        usable = bool(url.hostname) and url.port != 0
    except ValueError:
        return None
    return url if usable and url.scheme in {"https", "http"} else None


def _without(endings: tuple[str, ...], path: str) -> str:
    return next((path[: -len(end)] for end in endings if path.lower().endswith(end)), path)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
