"""Telling a provider's own opt-out list what our ledger says: what is told, and when it is tried
again. Pure.

A provider's list is filled by the keywords that the provider detects itself. What it does not see
(free wording, a person's entry, a keyword where it is ours to act on it) is told to it, so that it
also refuses what somebody sends from the same number past us. What comes from the provider is not
told back. The state is a part of the standing's document, `sync`, and is replaced with it: of two
words about a remote only the newest is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from common.store.consents import ConsentSource
from common.store.records import Consent

_TOLD: Final = frozenset({ConsentSource.KEYWORD, ConsentSource.WORDING, ConsentSource.PERSON})
"""Sources of which a provider may not know."""

_PAUSES: Final = tuple(
    timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 30, 60, 120, 240, 360)
)
"""Before the next try while the provider cannot be told; the last one for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Untold:
    """A standing that its provider may have to be told of, taken by one replica for a while."""

    consent: Consent
    source: ConsentSource
    rule: str
    tries: int
    """With this one."""
    again: bool = False
    """An older word may have reached the provider after this one, so this one is told whatever its
    source."""
    until: datetime
    """When another replica may take it."""


def sync_state(source: ConsentSource, now: datetime) -> dict[str, Any] | None:
    """What a new standing's document says of its provider's list: due at once, or nothing."""
    return {"next_at": now, "tries": 0} if source in _TOLD else None


def pause_after(tries: int) -> timedelta:
    """How long to wait after so many tries (at least one)."""
    return _PAUSES[min(tries, len(_PAUSES)) - 1]
