"""The check of alerts and dashboards: `make alerts-check`.

promtool judges the rules, their tests and every query. The rest is what it cannot know: whether a
metric exists in the code and has the labels that are used, whether an alert has a test, a runbook
and a line in the documentation, and whether what a runbook tells one to type exists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.checks.alerts.boards import as_rules, malformed, meaningless, read_boards, targets
from deploy.checks.alerts.covered import untested
from deploy.checks.alerts.expressions import Reader
from deploy.checks.alerts.outside import SOURCES
from deploy.checks.alerts.places import Places
from deploy.checks.alerts.promtool import judge_rules, judge_tests
from deploy.checks.alerts.rules import Alert, Rules, read_rules, wording
from deploy.checks.alerts.runbooks import pages, queries, unknown_names, unresolved, unusable
from deploy.checks.alerts.series import Series, known_series
from deploy.checks.alerts.table import stale_table
from deploy.dashboards.__main__ import stale

NAMESPACE = 'namespace="heliograph"'
"""What every alert on others' metrics asks for: elsewhere the same names mean others' pods."""


def findings(promtool: Path | None, places: Places | None = None) -> Iterator[str]:
    """Everything that is wrong, one line each. Without promtool what it would judge is left out."""
    places = places or Places()
    rules = read_rules(places.rules)
    known, wrong = with_recordings(known_series(), rules)
    yield from wrong
    yield from wording(rules)
    for alert in rules.alerts:
        yield from _alert(alert, known)
    tests = sorted(places.tests.glob("*.yaml"))
    yield from untested(rules, tests)
    yield from unresolved(rules, places)
    for path in pages(places):
        yield from unusable(path, known)
    yield from stale_table(rules, places.page)
    if places.page.exists():
        page = places.page.read_text(encoding="utf-8")
        yield from (f"{places.page.name}: {name}" for name in unknown_names(page, known))
    boards = read_boards(places.dashboards)
    asked = [target for name, board in boards.items() for target in targets(name, board)]
    asked += [query for path in pages(places) for query in queries(path)]
    yield from stale(places.dashboards)
    yield from malformed(boards, places)
    yield from meaningless(asked, known)
    if promtool is not None:
        yield from judge_rules(promtool, rules.groups, places.rules.name)
        yield from judge_tests(promtool, rules.groups, tests)
        yield from judge_rules(promtool, as_rules(asked), "dashboards and runbooks")


def with_recordings(
    known: Mapping[str, Series], rules: Rules
) -> tuple[Mapping[str, Series], list[str]]:
    """The known series and those that recording rules make, with what is wrong with the latter."""
    found, wrong = dict(known), []
    for rule in rules.recordings:
        reader = Reader(found)
        found[rule.name] = Series(reader.labels(rule.expr) or frozenset())
        wrong += [f"{rule.name}: {finding}" for finding in reader.findings]
    return found, wrong


def _alert(alert: Alert, known: Mapping[str, Series]) -> Iterator[str]:
    """Series, and labels in the texts of an alert."""
    reader = Reader(known)
    labels = (reader.labels(alert.expr) or frozenset()) | alert.labels.keys()
    yield from (f"{alert.name}: {finding}" for finding in reader.findings)
    if not reader.findings:
        for text in alert.annotations.values():
            for label in re.findall(r"\$labels\.(\w+)", text):
                if label not in labels:
                    yield f"{alert.name}: its text names {label}, which the alert has not"
    for name in sorted(reader.names & _outside()):
        selectors = re.findall(rf"\b{name}\b({{[^}}]*}})?", alert.expr)
        if not all(NAMESPACE in selector for selector in selectors):
            yield f"{alert.name}: {name} is anybody's: it needs {NAMESPACE}"


def _outside() -> set[str]:
    return {name for source in SOURCES for name in source.metrics}
