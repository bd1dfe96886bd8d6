"""How a tenant is doing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from heliograph.cli.columns import Column, instant
from heliograph.cli.session import Session

_COUNTED: Final = ("received", "sent", "held", "blocked", "failed", "uncertain")
CONNECTIONS = (
    Column("name", "name"),
    Column("provider", "provider"),
    Column("status", "status"),
    Column("checked", "checked_at", instant),
    *(Column(what, f"counts.{what}") for what in _COUNTED),
)


def overview(
    session: Session,
    hours: Annotated[
        int, typer.Option("--hours", min=1, max=168, help="How far back to count texts.")
    ] = 24,
) -> None:
    """Show each connection with its state and its texts, and what needs a person."""
    found = session.api.get(session.at("overview"), hours=hours).body
    if session.out.wants_json:
        session.out.document(found)
        return
    counts = counted(found.get("hours", []))
    rows = [
        {**connection, "counts": counts.get(connection["id"], Counter())}
        for connection in found.get("connections", [])
    ]
    if rows:
        session.out.table(rows, CONNECTIONS)
    else:
        session.out.note("No connection yet: heliograph connect")
    session.out.say(f"{number_of(found.get('held'))} held for approval: heliograph approvals list")
    session.out.say(
        f"{number_of(found.get('uncertain'))} uncertain: "
        "heliograph messages search --status uncertain"
    )
    session.out.say(
        f"{number_of(found.get('report_missing'))} without a delivery report: "
        "heliograph messages search --report-missing"
    )
    session.out.say(f"{number_of(found.get('errors'))} in error: heliograph connections list")


def counted(hours: Sequence[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """The sums over all hours, by connection."""
    sums: dict[str, Counter[str]] = {}
    for hour in hours:
        own = sums.setdefault(hour["connection_id"], Counter(dict.fromkeys(_COUNTED, 0)))
        own.update({what: hour.get(what, 0) for what in _COUNTED})
    return sums


def number_of(value: Any) -> int:
    """A count, or how long a list is."""
    return len(value) if isinstance(value, list) else int(value or 0)
