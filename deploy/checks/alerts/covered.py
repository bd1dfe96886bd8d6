"""Whether each alert is tested: that it fires, and that it is silent beside what it is not for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.checks.alerts.rules import Alert, Rules, read_yaml

Expected = Mapping[str, Any]


def untested(rules: Rules, tests: Sequence[Path]) -> Iterator[str]:
    """Alerts that no test fires or no test keeps silent, and tests of alerts that do not exist."""
    asked = [
        question
        for path in tests
        for test in read_yaml(path)["tests"]
        for question in test.get("alert_rule_test", ())
    ]
    for alert in rules.alerts:
        own = [question for question in asked if question["alertname"] == alert.name]
        if not any(
            _is(alert, fired) for question in own for fired in question.get("exp_alerts") or ()
        ):
            yield f"{alert.name} ({_label(alert)}): no test fires it"
        if not any(not question.get("exp_alerts") for question in own):
            yield f"{alert.name}: no test keeps it silent"
    names = {alert.name for alert in rules.alerts}
    for name in sorted({question["alertname"] for question in asked} - names):
        yield f"{name}: it is tested, and there is no such alert"


def _is(alert: Alert, fired: Expected) -> bool:
    """Whether a fired alert is of this rule: rules of one name differ in their labels."""
    labels: Mapping[str, str] = fired["exp_labels"]
    return alert.labels.items() <= labels.items()


def _label(alert: Alert) -> str:
    return ", ".join(alert.labels.values())
