"""Dashboards: Grafana would take each, and every query of one means something."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.checks.alerts.expressions import Reader
from deploy.checks.alerts.places import Places
from deploy.checks.alerts.series import Series

Json = Mapping[str, Any]

_SUBSTITUTES: Final = {"$__rate_interval": "5m", "$__range": "1h", "$namespace": "heliograph"}
_PLAIN: Final = ("row", "logs", "traces", "text")
"""Kinds of panel that have no queries of Prometheus, or no unit."""


@dataclass(frozen=True, slots=True)
class Target:
    """A query of Prometheus, with Grafana's variables filled in. Only a panel's has exemplars, or
    should have them."""

    where: str
    expr: str
    legend: str = ""
    exemplar: bool | None = None


def read_boards(folder: Path) -> Mapping[str, Json]:
    """The dashboards by the names of their files."""
    return {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.json"))
    }


def targets(name: str, board: Json) -> Iterator[Target]:
    """Every query of Prometheus on a dashboard: of its panels, and of what it marks in them."""
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            if target["datasource"]["type"] == "prometheus":
                yield Target(
                    f"{name}: {panel['title']}",
                    _filled(target["expr"]),
                    target["legendFormat"],
                    target["exemplar"],
                )
    for mark in board["annotations"]["list"]:
        yield Target(f"{name}: {mark['name']}", _filled(mark["expr"]), mark["titleFormat"])


def _filled(expr: str) -> str:
    for variable, value in _SUBSTITUTES.items():
        expr = expr.replace(variable, value)
    return expr


def malformed(boards: Mapping[str, Json], places: Places) -> Iterator[str]:
    """What Grafana would refuse or show as broken."""
    uids = Counter(board["uid"] for board in boards.values())
    for uid, times in uids.items():
        if times > 1:
            yield f"dashboards: {times} of them have the uid {uid}"
    for name, board in boards.items():
        yield from _malformed(name, board, places)


def _malformed(name: str, board: Json, places: Places) -> Iterator[str]:
    variables = {variable["name"]: variable for variable in board["templating"]["list"]}
    for panel_id, times in Counter(panel["id"] for panel in board["panels"]).items():
        if times > 1:
            yield f"{name}: {times} panels have the ID {panel_id}"
    for variable in re.findall(r"\$\{?([a-z]\w*)", json.dumps(board)):
        if variable not in variables:
            yield f"{name}: there is no variable {variable}"
    for panel in board["panels"]:
        for finding in _panel(panel, variables, places):
            yield f"{name}: {panel.get('title') or panel['id']}: {finding}"
    yield from (f"{name}: {finding}" for finding in _overlaps(board["panels"]))


def _panel(panel: Json, variables: Mapping[str, Json], places: Places) -> Iterator[str]:
    if not panel.get("title"):
        yield "it has no title"
    if panel["type"] == "row":
        return
    if not panel.get("description"):
        yield "it has no description"
    if not panel["targets"]:
        yield "it has no query"
    if panel["type"] not in _PLAIN and not panel["fieldConfig"]["defaults"].get("unit"):
        yield "it has no unit"
    for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
        variable = variables.get(source["uid"].strip("${}"), {})
        if variable.get("type") != "datasource" or variable.get("query") != source["type"]:
            yield f"{source['uid']} is no variable of {source['type']} sources"
    for link in panel["links"]:
        page = link["url"].removeprefix("${runbooks}/")
        if not (places.runbooks / page).is_file():
            yield f"there is no runbook {page}"


def _overlaps(panels: Sequence[Json]) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if (x, y) in taken or x >= 24:
                    yield f"{panel['title']} lies over {taken.get((x, y), 'the edge')}"
                    return
                taken[x, y] = panel["title"]


def meaningless(found: Sequence[Target], known: Mapping[str, Series]) -> Iterator[str]:
    """Queries of series that do not exist, and legends of labels that the result has not."""
    for target in found:
        reader = Reader(known)
        labels = reader.labels(target.expr) or frozenset()
        for finding in reader.findings:
            yield f"{target.where}: {finding}"
        for label in re.findall(r"\{\{\s*(\w+)\s*\}\}", target.legend):
            if label not in labels and not reader.findings:
                yield f"{target.where}: its legend names {label}, which the result has not"
        if "histogram_quantile" in target.expr and target.exemplar is False:
            yield f"{target.where}: a latency without exemplars leads to no trace"


def as_rules(found: Sequence[Target]) -> Sequence[Json]:
    """The queries as recording rules, so that promtool parses them too."""
    rules = [
        {"record": f"queries:asked:{place}", "expr": target.expr}
        for place, target in enumerate(found)
    ]
    return [{"name": "queries", "rules": rules}]
