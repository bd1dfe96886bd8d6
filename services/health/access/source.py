"""Where a request comes from, as the throttle and the audit trail name it. Pure."""

from __future__ import annotations

import ipaddress
from typing import Final

UNKNOWN: Final = "unknown"
_NETWORK_BITS: Final = 64
"""What one subscriber of IPv6 has at least, to choose addresses from (RFC 6177, section 2)."""


def source_of(peer: str | None, forwarded: str, *, proxies: int) -> str:
    """The address of a client: an IPv4 address, or the /64 network of an IPv6 address.

    Args:
        peer: the other end of the connection.
        forwarded: the header `X-Forwarded-For`, to which each proxy adds whom it heard from at the
            end. All but the last `proxies` entries are the client's own words.
        proxies: how many proxies of ours are in front.
    """
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    address = hops[-min(proxies, len(hops))] if proxies and hops else peer
    try:
        found = ipaddress.ip_address((address or "").strip("[]"))
    except ValueError:
        return UNKNOWN
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found.packed, _NETWORK_BITS), strict=False))
