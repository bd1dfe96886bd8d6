"""The table of alerts in docs/operations/monitoring.md, made from the rules."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from deploy.checks.alerts.rules import Alert, Rules

BEGIN: Final = (
    "<!-- Alerts: written by `python -m deploy.checks.alerts --write` from rules.yaml. -->"
)
END: Final = "<!-- End of the alerts. -->"


def table(rules: Rules) -> str:
    """One line an alert, in the order of the rules."""
    lines = ["| alert | severity | after | runbook |", "| --- | --- | --- | --- |"]
    for name, group in groupby(rules.alerts, key=lambda alert: alert.name):
        lines.append(_line(name, list(group)))
    return "\n".join(lines)


def _line(name: str, alerts: list[Alert]) -> str:
    page = alerts[0].runbook.rpartition("/")[2]
    severities = dict.fromkeys(alert.severity for alert in alerts)
    after = dict.fromkeys(alert.lasting for alert in alerts)
    link = f"[{page.removesuffix('.md')}](runbooks/{page})"
    return f"| `{name}` | {', '.join(severities)} | {', '.join(after)} | {link} |"


def stale_table(rules: Rules, page: Path) -> Iterator[str]:
    """Whether the page's table is not that of the rules."""
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    if written(text, rules) != text or BEGIN not in text:
        yield f"{page.name}: its table is not what `python -m deploy.checks.alerts --write` writes"


def written(text: str, rules: Rules) -> str:
    """The page with the table of these rules."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n\n{table(rules)}\n\n{end}{after}" if begin and end else text
