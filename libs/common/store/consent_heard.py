"""Which opt-outs the remote itself has said since a standing began. Pure.

A provider's refusal or report may come before the text that says STOP, and is then the cause of the
standing; the STOP is confirmed nevertheless. So the standing keeps the remote's own words beside
its cause, in the order in which they were noted.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from common.store.clock import milliseconds
from common.store.consents import ConsentSource, NewConsent

_OWN: Final = frozenset({ConsentSource.KEYWORD, ConsentSource.WORDING})

_KEPT: Final = 7
"""Beside the first word, the latest few are enough: which one is confirmed is asked soon after it
was noted, but of the first one perhaps again when its text comes back."""


def is_own_opt_out(entry: NewConsent) -> bool:
    """Whether an entry is an opt-out in the remote's own words."""
    return entry.opted_out and entry.source in _OWN


def heard_word(entry: NewConsent, now: datetime) -> dict[str, Any]:
    """An entry as the standing keeps it."""
    return {
        "id": entry.id,
        "at": milliseconds(entry.at),
        "noted_at": now,
        "message_id": entry.message_id,
    }


def heard_words(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a standing has heard. In documents of earlier releases the cause of an opt-out stands in
    for it: that one they have confirmed."""
    known: list[dict[str, Any]] | None = document.get("heard")
    if known is not None:
        return known
    if not document["opted_out"]:
        return []
    return [
        {
            "id": document.get("cause") or "",
            "at": document["at"],
            "noted_at": document.get("opted_out_at") or document["at"],
            "message_id": document.get("message_id"),
        }
    ]


def heard_after(old: Mapping[str, Any], entry: NewConsent, now: datetime) -> list[dict[str, Any]]:
    """What a standing has heard after an entry that says the same. A word from before the newest
    one to the contrary belongs to an opt-out that was taken back."""
    known = heard_words(old)
    opposed_at = old.get("opposed_at")
    word = heard_word(entry, now)
    stale = opposed_at is not None and word["at"] < opposed_at
    if stale or not is_own_opt_out(entry) or any(it["id"] == entry.id for it in known):
        return known
    return [*known[:1], *[*known[1:], word][-_KEPT:]] if known else [word]


def hearing(entry: NewConsent, now: datetime, fence: object) -> dict[str, Any]:
    """`heard_after` as an expression of MongoDB. `fence` is that of the instant of noting."""
    cause = {
        "id": {"$ifNull": ["$cause", ""]},
        "at": "$at",
        "noted_at": fence,
        "message_id": {"$ifNull": ["$message_id", None]},
    }
    known = {"$ifNull": ["$heard", {"$cond": ["$opted_out", [cause], []]}]}
    if not is_own_opt_out(entry):
        return known
    word = heard_word(entry, now)
    # What is missing or null is before every instant.
    timely = {"$gte": [word["at"], "$opposed_at"]}
    new = {"$not": [{"$in": [entry.id, "$$known.id"]}]}
    later = {"$slice": ["$$known", 1, _KEPT + 1]}
    latest = {"$slice": [{"$concatArrays": [later, [{"$literal": word}]]}, -_KEPT]}
    longer = {
        "$cond": [
            {"$eq": ["$$known", []]},
            [{"$literal": word}],
            {"$concatArrays": [{"$slice": ["$$known", 1]}, latest]},
        ]
    }
    return {
        "$let": {
            "vars": {"known": known},
            "in": {"$cond": [{"$and": [timely, new]}, longer, "$$known"]},
        }
    }
