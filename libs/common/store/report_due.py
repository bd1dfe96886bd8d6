"""Texts whose final delivery report is overdue: what the sweep needs to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from common.store.records import RANK_FINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueText:
    """A text that the provider took, or may have taken, and of which no final report has come."""

    id: str
    tenant_id: str
    connection_id: str
    provider: str
    number: str
    remote: str
    finished_at: datetime
    open_ids: tuple[str, ...]
    """The provider's IDs of it, or of its parts, that have no final report; empty where the
    provider never told one."""


class OverdueReports(Protocol):
    """Texts of all tenants that wait for their final report."""

    async def take(
        self, *, after: float, lease: float, limit: int, provider: str | None = None
    ) -> Sequence[OverdueText]:
        """Texts without a final report `after` seconds after they left, of any provider or of one,
        the oldest first, each taken by one caller only. What is not flagged comes again in `lease`
        seconds."""
        ...

    async def flag(self, texts: Sequence[OverdueText]) -> int:
        """Wait no longer for these texts' reports, and say so of them; returns how many they were.
        One whose final report has come meanwhile is left alone; one that comes later takes the flag
        away."""
        ...


def read_overdue(document: Mapping[str, Any]) -> OverdueText:
    """A text as the sweep sees it."""
    ids = (*(document.get("part_ids") or ()), document["provider_message_id"] or "")
    settled = {
        item["part"] for item in document.get("part_reports") or () if item["rank"] >= RANK_FINAL
    }
    return OverdueText(
        id=document["_id"],
        tenant_id=document["tenant_id"],
        connection_id=document["connection_id"],
        provider=document["provider"],
        number=document["number"],
        remote=document["remote"],
        finished_at=document["finished_at"],
        open_ids=tuple(dict.fromkeys(item for item in ids if item and item not in settled)),
    )
