"""Public URL shorteners, which carriers in the US block because they hide where a link leads.

A shortener on a domain of one's own is none of them.
"""

from __future__ import annotations

import re
from typing import Final

DOCUMENTED: Final = (
    "bit.ly",
    "goo.gl",
    "tinyurl.com",
    "tiny.cc",
    "lc.chat",
    "is.gd",
    "soo.gd",
    "s2r.co",
    "clicky.me",
    "budurl.com",
    "bc.vc",
)
"""Source: Microsoft docs, "SMS FAQ", "How to send shortened URLs in messages"."""

FURTHER: Final = (
    "bit.do",
    "bitly.com",
    "bitly.ws",
    "cutt.ly",
    "j.mp",
    "ow.ly",
    "rb.gy",
    "rebrand.ly",
    "shorturl.at",
    "shrtco.de",
    "t.ly",
    "v.gd",
)
"""Shared shorteners of the same kind. CTIA, "Messaging Principles and Best Practices", on embedded
website links, wants a shortener's domain to be for the sender's exclusive use, and T-Mobile's "Code
of Conduct" bans shared ones. Neither names any; these are those that messaging providers name."""

SHORTENERS: Final = frozenset({*DOCUMENTED, *FURTHER})

_RUN: Final = re.compile(r"[\w.\-]+")
_FULL_STOPS: Final = re.compile(r"\.{2,}")
_USER: Final = re.compile(r"(?<=://)[^\s/?#]*@")
"""Who a link says is visiting (RFC 3986, 3.2.1): it hides the host from a hasty reader."""
_MARKS: Final = "._-"
"""What may stand around a host without being part of it."""


def shortener_in(body: str) -> str | None:
    """The first public shortener whose domain stands in a text as a link's host, else None.

    Any case, with or without scheme, user, `www.` or another subdomain, port, path and punctuation.
    Takes time in proportion to the text.
    """
    body = _USER.sub("", body)
    hosts = (
        host.strip(_MARKS).lower()
        for run in _RUN.finditer(body)
        if not _in_path_or_mailbox(body, run.start())
        for host in _FULL_STOPS.split(run[0])
    )
    return next((domain for host in hosts if (domain := _domain(host)) in SHORTENERS), None)


def _in_path_or_mailbox(body: str, start: int) -> bool:
    """Whether what begins there is of an address that began before."""
    before = body[max(0, start - 2) : start]
    return before.endswith(("@", "/")) and before != "//"


def _domain(host: str) -> str:
    return ".".join(host.split(".")[-2:])
