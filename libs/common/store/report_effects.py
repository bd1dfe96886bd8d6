"""What a delivery report does to its text. Pure; both stores use it.

A text of one part takes a report by rank. A text of several parts keeps the best report of each:
it is delivered when every part is, it has failed when any part failed for good, and until then it
is sent, once the provider is known to have taken every part. Good news of a part says nothing of
the parts that may never have left. Parts are made by us, each a call of its own, or by a provider
that splits a long text and reports on each part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from common.store.documents import report_document
from common.store.records import RANK_FINAL, REPORT_RANK, NewReport
from heliograph.models import ReportStatus

WAITING: Final = ("report_due_at", "report_missing_at", "report_sweep")
"""What a text bears while it waits for its final report, or waited in vain."""


def of_the_text(report: NewReport) -> NewReport:
    """Good news of the last part that was missing, as what it says of the whole text."""
    return replace(report, status=ReportStatus.SENT)


def parts_of(own: int, report: NewReport) -> int:
    """How many parts have to be delivered, of a text that we have split into so many: where a
    provider splits one of those again, as many as if it had split them all, for a text that is
    called delivered too late does less harm than one that never was."""
    return max(own, 1) * max(report.parts, 1)


def part_key(report: NewReport) -> str:
    """The part that a report is about."""
    if report.part is None:
        return report.provider_message_id
    return f"{report.provider_message_id}${report.part}"


def part_report(report: NewReport) -> dict[str, Any]:
    """A report, as a text of several parts keeps it for the one that it is about."""
    return report_document(report) | {
        "part": part_key(report),
        "rank": REPORT_RANK[report.status],
    }


def apply_report(document: dict[str, Any], report: NewReport) -> None:
    """Change a text's document, as `common.store.report_pipeline` does in MongoDB."""
    if document["provider_message_id"] is None:
        document["provider_message_id"] = report.provider_message_id
    own = len(document.get("parts") or ())
    news = report if parts_of(own, report) <= 1 else _news_of_part(document, report, own)
    if news is not None and (rank := REPORT_RANK[news.status]) > document["rank"]:
        document |= {"rank": rank, "status": news.status.value, "report": report_document(news)}
    if document["rank"] >= RANK_FINAL:
        for name in WAITING:
            document.pop(name, None)


def _news_of_part(document: dict[str, Any], report: NewReport, own: int) -> NewReport | None:
    """Keep the best report of each part; returns what this one says of the text, if anything."""
    noted: Sequence[Mapping[str, Any]] = document.get("part_reports") or ()
    part, rank = part_key(report), REPORT_RANK[report.status]
    if any(item["part"] == part and item["rank"] >= rank for item in noted):
        return None
    best = [*(item for item in noted if item["part"] != part), part_report(report)]
    document["part_reports"] = best
    delivered = sum(item["status"] == ReportStatus.DELIVERED.value for item in best)
    known = {item["part"] for item in best} | set(document.get("part_ids") or ()) - {""}
    if rank == RANK_FINAL or delivered >= parts_of(own, report):
        return report
    # What one call brought out, the provider took whole, however it splits it.
    taken = own <= 1 or len(known) >= own
    return of_the_text(report) if taken else None


def text_of(report: NewReport, named: str, command: Mapping[str, str]) -> str | None:
    """The text that a report is about, of those of one command (remote by ID), of which its
    reference named one: what one provider call sent to many bears the first one's name.

    A text that is alone in its command is the one, however the provider writes its recipient.
    """
    if not report.remote or len(command) <= 1 or command.get(named) == report.remote:
        return named
    return next((text_id for text_id, remote in command.items() if remote == report.remote), None)
