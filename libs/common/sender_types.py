"""The sender types: what a number is to carriers, which decides reach, limits and opt-outs."""

from __future__ import annotations

from enum import StrEnum


class NumberType(StrEnum):
    """The sender types."""

    TOLL_FREE = "toll_free"
    SHORT_CODE = "short_code"
    LOCAL = "local"
    """A local number, in the US registered for 10DLC."""
    ALPHANUMERIC = "alphanumeric"
    PARTNER = "partner"
    """A long code leased from a Messaging Connect partner."""
