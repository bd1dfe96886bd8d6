"""What a delivery report does to its text, as an update of MongoDB: one atomic pipeline, which says
the same as `common.store.report_effects` (MongoDB docs, "Updates with Aggregation Pipeline")."""

from __future__ import annotations

from typing import Any, Final

from common.store.client import Document
from common.store.documents import report_document
from common.store.records import RANK_FINAL, REPORT_RANK, NewReport
from common.store.report_effects import WAITING, of_the_text, part_key, part_report
from heliograph.models import ReportStatus

_OWN: Final = {"$size": {"$ifNull": ["$parts", []]}}
_KNOWN: Final = {"$ifNull": ["$part_reports", []]}
_FINAL: Final = {"$gte": ["$rank", RANK_FINAL]}


def report_pipeline(report: NewReport) -> list[Document]:
    """Note the report where it raises the rank, and the provider's ID where none is known yet."""
    provider_id = {"$literal": report.provider_message_id}
    whole = _of_one_part(report)
    return [
        {
            "$set": {
                "part_reports": {"$cond": [whole, "$part_reports", _best_of_parts(report)]},
                "provider_message_id": {"$ifNull": ["$provider_message_id", provider_id]},
            }
        },
        {"$set": {"news": _rank_for_text(report)}},
        {"$set": _raised(report)},
        {"$set": {name: {"$cond": [_FINAL, "$$REMOVE", f"${name}"]} for name in WAITING}},
        {"$unset": "news"},
    ]


def _parts(report: NewReport) -> Document:
    """As `report_effects.parts_of`."""
    return {"$multiply": [{"$max": [_OWN, 1]}, max(report.parts, 1)]}


def _of_one_part(report: NewReport) -> Document:
    return {"$lte": [_parts(report), 1]}


def _best_of_parts(report: NewReport) -> Document:
    """The best report of each part; of two of one rank the first one stays."""
    mine = {"$eq": ["$$known.part", {"$literal": part_key(report)}]}
    as_good = {"$gte": ["$$known.rank", REPORT_RANK[report.status]]}
    noted = [_those({"$not": [mine]}), [{"$literal": part_report(report)}]]
    found = {"$ne": [_those({"$and": [mine, as_good]}), []]}
    return {"$cond": [found, _KNOWN, {"$concatArrays": noted}]}


def _rank_for_text(report: NewReport) -> Document:
    """The rank of what the report says of the whole text, -1 where that is nothing."""
    rank, parts_rank = REPORT_RANK[report.status], REPORT_RANK[of_the_text(report).status]
    if rank == RANK_FINAL:
        settled: Document | bool = True
    else:
        delivered = _those({"$eq": ["$$known.status", ReportStatus.DELIVERED.value]})
        settled = {"$gte": [{"$size": delivered}, _parts(report)]}
    ids = {"$setUnion": ["$part_reports.part", {"$ifNull": ["$part_ids", []]}]}
    known = {"$gte": [{"$size": {"$setDifference": [ids, [""]]}}, _OWN]}
    # What one call brought out, the provider took whole, however it splits it.
    taken = {"$or": [{"$lte": [_OWN, 1]}, known]}
    of_parts = {"$cond": [settled, rank, {"$cond": [taken, parts_rank, -1]}]}
    best_of_its_part = {"$ne": [_those({"$eq": ["$$known.id", report.id]}), []]}
    return {"$cond": [_of_one_part(report), rank, {"$cond": [best_of_its_part, of_parts, -1]}]}


def _raised(report: NewReport) -> dict[str, Any]:
    """The text's own state after the report."""
    of_text = of_the_text(report)
    raises = {"$gt": ["$news", "$rank"]}
    as_said = {"$eq": ["$news", REPORT_RANK[report.status]]}

    def if_raised(said: Any, of_all: Any, field: str) -> Document:
        new = {"$cond": [as_said, {"$literal": said}, {"$literal": of_all}]}
        return {"$cond": [raises, new, field]}

    return {
        "report": if_raised(report_document(report), report_document(of_text), "$report"),
        "status": if_raised(report.status.value, of_text.status.value, "$status"),
        "rank": {"$cond": [raises, "$news", "$rank"]},
    }


def _those(condition: Document) -> Document:
    return {"$filter": {"input": _KNOWN, "as": "known", "cond": condition}}
