"""Faults that are nobody's message's fault."""

from __future__ import annotations


class Unavailable(Exception):
    """Something that everybody needs is away; the message in hand is not to blame and the work is
    tried again in place."""

    code = "unavailable"


class StoreUnavailable(Unavailable):
    """MongoDB is away, has no primary, or did not answer in time."""

    code = "store_unavailable"
