"""The PrometheusRule, read; and what each of its alerts has to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

SEVERITIES: Final = ("critical", "warning", "info")
ANNOTATIONS: Final = ("summary", "description", "runbook_url")


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording rule."""

    name: str
    expr: str


@dataclass(frozen=True, slots=True)
class Alert:
    """An alerting rule. One name may have several, of different severities or resources."""

    name: str
    expr: str
    lasting: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]

    @property
    def severity(self) -> str:
        return self.labels.get("severity", "")

    @property
    def runbook(self) -> str:
        return self.annotations.get("runbook_url", "")


@dataclass(frozen=True, slots=True)
class Rules:
    """All rules of a PrometheusRule, in its order. `groups` is what promtool reads."""

    groups: Sequence[Mapping[str, Any]]
    recordings: tuple[Recording, ...]
    alerts: tuple[Alert, ...]


def read_yaml(path: Path) -> Any:
    """A document; by the parser in C, which is ten times as fast."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def read_rules(path: Path) -> Rules:
    """The rules of a file with one PrometheusRule."""
    groups = read_yaml(path)["spec"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    return Rules(
        groups,
        tuple(Recording(rule["record"], rule["expr"]) for rule in rules if "record" in rule),
        tuple(
            Alert(
                rule["alert"],
                rule["expr"],
                rule.get("for", "0s"),
                rule.get("labels", {}),
                rule.get("annotations", {}),
            )
            for rule in rules
            if "alert" in rule
        ),
    )


def wording(rules: Rules) -> Iterator[str]:
    """What an alert does not say."""
    for alert in rules.alerts:
        if alert.severity not in SEVERITIES:
            yield f"{alert.name}: severity must be one of {', '.join(SEVERITIES)}"
        for name in ANNOTATIONS:
            if not alert.annotations.get(name, "").strip():
                yield f"{alert.name}: it has no {name}"
