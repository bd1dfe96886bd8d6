"""The opt-out ledger's documents, and what an entry makes of what stands. Both stores keep these.

A ledger entry is inserted once and never changed. The consent beside it, one a conversation, is
what the newest entry made of it, so that a send costs one read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from common.sending_rules import OptOutScope
from common.store.approvals import decided
from common.store.clock import milliseconds
from common.store.consent_heard import (
    heard_after,
    heard_word,
    heard_words,
    hearing,
    is_own_opt_out,
)
from common.store.consent_sync import sync_state
from common.store.consents import ConsentSource, LedgerEntry, NewConsent, standing
from common.store.control import SYSTEM, Actor
from common.store.documents import outbound_document
from common.store.records import (
    ApprovalDecision,
    Consent,
    ConversationFacts,
    HeardWord,
    NewOutbound,
    PastText,
    SendState,
    turn_id,
)
from heliograph.models import Direction, Keyword

_ENTRY: Final = (
    "tenant_id",
    "number",
    "remote",
    "opted_out",
    "rule",
    "who",
    "message_id",
    "note",
    "in_doubt",
)

CANCELLABLE: Final = (
    SendState.HELD.value,
    SendState.WAITING.value,
    SendState.CLAIMED.value,
    SendState.RELEASED.value,
)
"""States of texts for which no call has begun, or none that was taken; `sending` may have left."""


def entry_document(entry: NewConsent, now: datetime) -> dict[str, Any]:
    """A ledger entry, recorded `now`."""
    return {name: getattr(entry, name) for name in _ENTRY} | {
        "_id": entry.id,
        "conversation_id": entry.conversation_id,
        "at": milliseconds(entry.at),
        "source": entry.source.value,
        "recorded_at": now,
    }


def read_entry(document: Mapping[str, Any]) -> LedgerEntry:
    """A ledger entry with the instant of its recording."""
    entry = NewConsent(
        at=document["at"],
        source=ConsentSource(document["source"]),
        **{name: document[name] for name in _ENTRY},
    )
    return LedgerEntry(entry=entry, recorded_at=document["recorded_at"])


def read_consent(document: Mapping[str, Any]) -> Consent:
    """What stands. Documents of earlier releases have neither cause nor the instant of noting,
    for which the instant of the word stands in."""
    out = bool(document["opted_out"])
    return Consent(
        tenant_id=document["tenant_id"],
        number=document["number"],
        remote=document["remote"],
        opted_out=out,
        at=document["at"],
        opted_out_at=document.get("opted_out_at") or (document["at"] if out else None),
        in_doubt=bool(document.get("in_doubt", False)),
        cause=document.get("cause"),
        opposed_at=document.get("opposed_at"),
        heard=tuple(HeardWord(**word) for word in heard_words(document)),
    )


def superseded(
    old: Mapping[str, Any] | None, entry: NewConsent, now: datetime
) -> dict[str, Any] | None:
    """What stands after an entry; None where the entry changes nothing, because a newer word, or
    at the same instant an opt-out, stands already.

    A word that says what stands already moves the instant and takes doubt away, unless it is as
    doubtful itself; the cause and the instant of the opt-out stay those of the first. The remote's
    own opt-out is heard also where a provider's newer word stands.
    """
    at = milliseconds(entry.at)
    if old is None:
        return _turned(entry, now, fence=None, opposed_at=None)
    before = read_consent(old)
    overtaken = at < old["at"] or (at == old["at"] and not entry.opted_out)
    if before.opted_out is entry.opted_out:
        heard = heard_after(old, entry, now)
        if overtaken:
            return {**old, "heard": heard}
        doubt = before.in_doubt and entry.in_doubt
        changes = {"at": at, "opted_out_at": before.opted_out_at, "in_doubt": doubt}
        return {**old, **changes, "heard": heard}
    if overtaken:
        return None
    return _turned(entry, now, fence=before.opted_out_at, opposed_at=old["at"])


def _turned(
    entry: NewConsent, now: datetime, *, fence: datetime | None, opposed_at: datetime | None
) -> dict[str, Any]:
    """A standing that an entry makes."""
    return {
        "_id": entry.conversation_id,
        "tenant_id": entry.tenant_id,
        "number": entry.number,
        "remote": entry.remote,
        "opted_out": entry.opted_out,
        "at": milliseconds(entry.at),
        "opted_out_at": now if entry.opted_out else fence,
        "opposed_at": opposed_at,
        "in_doubt": entry.in_doubt,
        "cause": entry.id,
        "heard": [heard_word(entry, now)] if is_own_opt_out(entry) else [],
        "message_id": entry.message_id,
        "sync": sync_state(entry.source, now),
    }


def superseding(entry: NewConsent, now: datetime) -> list[dict[str, Any]]:
    """`superseded` as an update of MongoDB, which does it in one step (an update with an
    aggregation pipeline)."""
    at = milliseconds(entry.at)
    newer = {"$gt": [at, "$at"]}
    same_instant = {"$and": [{"$eq": [at, "$at"]}, entry.opted_out]}
    fence = {"$ifNull": ["$opted_out_at", {"$cond": ["$opted_out", "$at", None]}]}
    doubt = {"$and": [{"$ifNull": ["$in_doubt", False]}, entry.in_doubt]}
    same = {"$eq": ["$opted_out", entry.opted_out]}
    heard = {"heard": hearing(entry, now, fence)}
    moved = {"at": at, "opted_out_at": fence, "in_doubt": doubt}
    repeated = {"$mergeObjects": ["$$ROOT", moved, heard]}
    kept: dict[str, Any] = {"opposed_at": {"$ifNull": ["$at", None]}}
    kept |= {} if entry.opted_out else {"opted_out_at": fence}
    literal = {"$literal": _turned(entry, now, fence=None, opposed_at=None)}
    turned = {"$mergeObjects": [literal, kept]}
    new = {"$cond": [same, repeated, turned]}
    overtaken = {"$cond": [same, {"$mergeObjects": ["$$ROOT", heard]}, "$$ROOT"]}
    return [{"$replaceWith": {"$cond": [{"$or": [newer, same_instant]}, new, overtaken]}}]


def fence_of(
    consents: Sequence[Mapping[str, Any]], number: str, scope: OptOutScope
) -> datetime | None:
    """Until when a text to a remote must have been ordered for the noted opt-outs to cancel it."""
    return standing([read_consent(item) for item in consents], number, scope).fence


def is_confirmation(text: Mapping[str, Any], consents: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a text is the confirmation of an opt-out that stands."""
    said = {item.get("message_id") for item in consents}
    said |= {word["message_id"] for item in consents for word in heard_words(item)}
    answered = {turn_id(message_id) for message_id in said if message_id}
    return text.get("notice") == Keyword.OPT_OUT.value and text["in_reply_to"] in answered


def cancelled(text: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The fields that change in an open text when an opt-out cancels it: it is decided on, so that
    the sender carries that out and tells its agent."""
    changes = decided(text, ApprovalDecision.CANCELLED, body=None, reason=None, by=SYSTEM, now=now)
    return changes | {"held_outcome": text["outcome"] or text.get("held_outcome")}


def cancelling(text: Mapping[str, Any], now: datetime) -> list[dict[str, Any]]:
    """`cancelled` as an update of MongoDB, true also of what changes before it is carried out."""
    changes = {name: {"$literal": value} for name, value in cancelled(text, now).items()}
    changes["held_outcome"] = {"$ifNull": ["$outcome", "$held_outcome", None]}
    return [{"$set": changes}]


def is_cancelled(text: Mapping[str, Any]) -> bool:
    """Whether an opt-out has cancelled a text before."""
    return (text.get("approval") or {}).get("decision") == ApprovalDecision.CANCELLED.value


def notice_document(text: NewOutbound, *, seq: int, by: Actor, now: datetime) -> dict[str, Any]:
    """A text of ours, approved, which no sender has in hand yet."""
    document = outbound_document(text, text_id=text.id, seq=seq, now=now, owner="", lease_until=now)
    return document | decided(
        document, ApprovalDecision.APPROVED, body=None, reason=None, by=by, now=now
    )


def conversation_facts(
    hold: Mapping[str, Any] | None, recent: Sequence[PastText], ours: Sequence[datetime]
) -> ConversationFacts:
    """A conversation's hold, if it has ever had one, its newest texts, newest first, and the
    instants of those of ours that may count as replies."""
    inbound = (text.at for text in recent if text.direction is Direction.INBOUND)
    known = hold or {}
    resumed_at = known.get("resumed_at")
    return ConversationFacts(
        held_since=known.get("held_since"),
        resumed_at=resumed_at,
        recent=tuple(recent),
        last_inbound_at=next(inbound, None),
        replies=sum(resumed_at is None or at > resumed_at for at in ours),
    )
