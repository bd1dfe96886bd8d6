"""Going through all parked messages of a queue: in rounds, each said as it ends, so that Ctrl-C
stops between two of them and nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from heliograph.cli.columns import Columns
from heliograph.cli.errors import Refused
from heliograph.cli.paths import path
from heliograph.cli.session import Session

_DONE: Final = {"replay": "replayed", "drop": "dropped"}
_STAYS: Final = frozenset({"parked_again", "superseded", "not_ours", "unsafe"})
"""Effects of messages that are left where they are."""


def forecast_many(session: Session, queue: str, only: Mapping[str, str], columns: Columns) -> None:
    """What a replay of those that are meant comes to."""
    asked = {"dry_run": True, **only}
    answer = session.api.send("POST", path("dead-letters", queue, "replay"), asked).body
    if session.out.wants_json:
        session.out.document(answer)
        return
    session.out.page({"items": answer["forecasts"]}, columns, empty="Nothing is parked.")
    if not answer["finished"]:
        session.out.note("There are more; these are the first.")


def go_through(
    session: Session, queue: str, verb: str, asked: Mapping[str, str], columns: Columns
) -> None:
    """Rounds until all that was there at the start has been seen once. What is parked meanwhile is
    left for the next time."""
    there = _count(session, queue)
    seen = done = rounds = 0
    mark = ""
    left: list[Any] = []
    failed: list[str] = []
    while True:
        body = {**asked, "round_id": mark}
        answer = session.api.send("POST", path("dead-letters", queue, verb), body).body
        rounds, mark = rounds + 1, answer["round_id"]
        seen, done = seen + answer["seen"], done + answer["done"]
        left += [it for it in answer["forecasts"] if it["effect"] in _STAYS]
        failed += answer["failed"]
        if not session.out.wants_json:
            session.out.note(
                f"{min(seen, there or seen)} of {there or seen} seen, {done} {_DONE[verb]}."
            )
        # None were counted where somebody else had them all in hand at that moment.
        if answer["finished"] or (there and seen >= there):
            break
    result = {"rounds": rounds, "seen": seen, "done": done, "left": left, "failed": failed}
    if session.out.wants_json:
        session.out.document(result)
    elif left:
        session.out.table(left, columns)
        session.out.note(f"{len(left)} stay parked, for the reason that stands beside each.")
    _expect_all(failed, seen=seen, there=there)


def _expect_all(failed: Sequence[str], *, seen: int, there: int) -> None:
    """Raises: Refused, where something of what was there was not seen, or not taken."""
    if failed:
        refs = ", ".join(failed)
        raise Refused(
            f"The broker did not take {len(failed)}, which are still parked: {refs}.",
            "Look whether it is full, then run this again.",
        )
    if seen < there:
        raise Refused(
            f"Not all were seen: {seen} of {there}.",
            "Somebody else has had the rest in hand, or taken it away; run this again.",
        )


def _count(session: Session, queue: str) -> int:
    items = session.api.get(path("dead-letters")).body.get("items", ())
    return next((int(item["count"]) for item in items if item["name"] == queue), 0)
