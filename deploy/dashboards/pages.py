"""A dashboard: rows of panels, laid out from left to right, with its variables and its links."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from deploy.dashboards.panels import PROMETHEUS, Json, Panel

TAG: Final = "heliograph"
COLUMNS: Final = 24
SCHEMA: Final = 39
"""Grafana 10's; newer ones migrate it when they load it."""

RUNBOOKS: Final = "docs/operations/runbooks"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard; `traced` adds what finds a trace and its log lines."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    traced: bool = False

    def json(self) -> Json:
        """The dashboard as Grafana keeps it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "timezone": "utc",
            "links": _links(),
            "annotations": {"list": [_FIRING]},
            "templating": {"list": list(self._variables())},
            "panels": list(self._panels()),
        }

    def _panels(self) -> Iterator[Json]:
        panel_id, y = 0, 0
        for row in self.rows:
            panel_id += 1
            yield _heading(row.title, panel_id, y)
            y += 1
            x = height = 0
            for panel in row.panels:
                if x + panel.width > COLUMNS:
                    x, y, height = 0, y + height, 0
                panel_id += 1
                yield panel.json(panel_id, x, y)
                x, height = x + panel.width, max(height, panel.height)
            y += height

    def _variables(self) -> Iterator[Json]:
        yield _source("datasource", "Metrics", "prometheus")
        yield {
            "name": "namespace",
            "label": "Namespace",
            "type": "query",
            "datasource": PROMETHEUS,
            "query": "label_values(heliograph_build_info, namespace)",
            "refresh": 2,
            "sort": 1,
        }
        yield _text("runbooks", "Runbooks", RUNBOOKS)
        if self.traced:
            yield _source("tempo", "Traces", "tempo")
            yield _source("loki", "Logs", "loki")
            yield _text("trace_id", "Trace ID", "")


_FIRING: Final[Json] = {
    "name": "Alerts",
    "datasource": PROMETHEUS,
    "enable": True,
    "iconColor": "red",
    "expr": 'ALERTS{alertname=~"Heliograph.+", alertstate="firing", severity=~"critical|warning"}',
    "titleFormat": "{{alertname}}",
    "textFormat": "{{severity}}",
    "step": "60s",
}


def _links() -> list[Json]:
    return [
        {
            "title": "Heliograph",
            "type": "dashboards",
            "tags": [TAG],
            "asDropdown": True,
            "includeVars": True,
            "keepTime": True,
        },
        {
            "title": "Runbooks",
            "type": "link",
            "url": "${runbooks}/README.md",
            "icon": "doc",
            "targetBlank": True,
        },
    ]


def _heading(title: str, panel_id: int, y: int) -> Json:
    place = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
    return {"id": panel_id, "type": "row", "title": title, "gridPos": place, "panels": []}


def _source(name: str, label: str, kind: str) -> Json:
    return {"name": name, "label": label, "type": "datasource", "query": kind, "refresh": 1}


def _text(name: str, label: str, value: str) -> Json:
    current = {"text": value, "value": value}
    return {
        "name": name,
        "label": label,
        "type": "textbox",
        "query": value,
        "current": current,
        "options": [current | {"selected": True}],
    }
