"""Panels: what they show, in which unit, and what one should think of it. A panel becomes Grafana's
JSON when its page gives it an ID and a place (`deploy.dashboards.pages`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Json = dict[str, Any]

PROMETHEUS: Final = {"type": "prometheus", "uid": "${datasource}"}
TEMPO: Final = {"type": "tempo", "uid": "${tempo}"}
LOKI: Final = {"type": "loki", "uid": "${loki}"}

NS: Final = 'namespace="$namespace"'
"""The matcher that every query has: one installation at a time."""

QUANTILES: Final = (0.5, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Query:
    """An expression and the legend of its series; `exemplar` asks for traces of single values."""

    expr: str
    legend: str
    exemplar: bool = False

    def json(self, ref: str) -> Json:
        return {
            "refId": ref,
            "datasource": PROMETHEUS,
            "expr": self.expr,
            "legendFormat": self.legend,
            "exemplar": self.exemplar,
            "range": True,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel.

    Args:
        unit: Grafana's name of it: s, short, reqps, percentunit, bytes.
        warn, alarm: where the colour turns; the alert's threshold, where there is one.
        runbook: of the alert that this panel explains.
        width: of 24 columns.
    """

    title: str
    description: str
    kind: str = "timeseries"
    unit: str = "short"
    queries: tuple[Query, ...] = ()
    targets: tuple[Json, ...] = ()
    datasource: Mapping[str, str] = field(default_factory=lambda: PROMETHEUS)
    warn: float | None = None
    alarm: float | None = None
    low_is_bad: bool = False
    stacked: bool = False
    runbook: str = ""
    width: int = 8
    height: int = 8

    def json(self, panel_id: int, x: int, y: int) -> Json:
        """The panel as Grafana keeps it."""
        targets = [query.json(_ref(place)) for place, query in enumerate(self.queries)]
        return {
            "id": panel_id,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": dict(self.datasource),
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [*targets, *self.targets],
            "fieldConfig": {"defaults": self._field(), "overrides": []},
            "options": _OPTIONS[self.kind],
            "links": self._links(),
        }

    def _field(self) -> Json:
        return {
            "unit": self.unit,
            "min": 0,
            "color": {"mode": "thresholds" if self.kind == "stat" else "palette-classic"},
            "thresholds": {"mode": "absolute", "steps": self._steps()},
            "custom": self._drawing() if self.kind == "timeseries" else {},
        }

    def _steps(self) -> list[Json]:
        """Colours from the lowest value on. Where little is bad, they run the other way."""
        if self.low_is_bad:
            return [{"color": "red", "value": None}, {"color": "green", "value": self.alarm}]
        marks = [("yellow", self.warn), ("red", self.alarm)]
        steps = [{"color": color, "value": value} for color, value in marks if value is not None]
        return [{"color": "green", "value": None}, *steps]

    def _drawing(self) -> Json:
        marked = self.warn is not None or self.alarm is not None
        return {
            "drawStyle": "line",
            "fillOpacity": 30 if self.stacked else 8,
            "lineWidth": 1,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
            "thresholdsStyle": {"mode": "line" if marked else "off"},
        }

    def _links(self) -> list[Json]:
        if not self.runbook:
            return []
        url = f"${{runbooks}}/{self.runbook}.md"
        return [{"title": "What to do", "url": url, "targetBlank": True}]


_OPTIONS: Final[Mapping[str, Json]] = {
    "timeseries": {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "area",
        "textMode": "auto",
    },
    "logs": {"showTime": True, "wrapLogMessage": True, "sortOrder": "Ascending"},
    "traces": {},
}


def _ref(place: int) -> str:
    return chr(ord("A") + place)


def rate(metric: str, by: Sequence[str], *matchers: str) -> str:
    """Events a second, summed up over replicas."""
    inside = ", ".join((NS, *matchers))
    return f"sum by ({', '.join(by)}) (rate({metric}{{{inside}}}[$__rate_interval]))"


def latency(metric: str, *matchers: str, by: Sequence[str] = ()) -> tuple[Query, ...]:
    """Quantiles of a histogram, with exemplars: a click on a slow one leads to its trace."""
    legend = " ".join(["p{quantile}", *(f"{{{{{label}}}}}" for label in by)])
    buckets = rate(f"{metric}_bucket", ("le", *by), *matchers)
    return tuple(
        Query(
            f"histogram_quantile({quantile}, {buckets})",
            legend.replace("{quantile}", f"{quantile * 100:g}", 1),
            exemplar=True,
        )
        for quantile in QUANTILES
    )


def counted(metric: str, by: Sequence[str], *matchers: str) -> tuple[Query, ...]:
    """One line a value of the labels, in events a second."""
    legend = " ".join(f"{{{{{label}}}}}" for label in by) or "all"
    return (Query(rate(metric, by, *matchers), legend),)
