"""Alerts, dashboards and runbooks hold, and each thing that can be wrong with them is found."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from common.metrics import Metrics
from deploy.checks.alerts import findings
from deploy.checks.alerts.expressions import Reader
from deploy.checks.alerts.outside import FAMILIES, SOURCES, TARGET
from deploy.checks.alerts.places import MONITORING, Places
from deploy.checks.alerts.promtool import (
    PromtoolMissing,
    find_promtool,
    judge_rules,
    judge_tests,
)
from deploy.checks.alerts.rules import read_rules
from deploy.checks.alerts.series import OURS, known_series
from deploy.dashboards.__main__ import PAGES
from deploy.dashboards.__main__ import main as dashboards
from health.settings import HealthSettings
from tests.deploy.continuous import give_up
from webhook.settings import WebhookSettings

pytestmark = pytest.mark.filterwarnings("ignore:Use of Enum")


@pytest.fixture(scope="session")
def promtool() -> Path:
    """The real one. Where continuous integration runs it has to be had."""
    try:
        return find_promtool()
    except PromtoolMissing as missing:
        give_up(f"nothing can judge the rules: {missing}", could_be_had=True)


@pytest.fixture
def copy(tmp_path: Path) -> Places:
    """A copy of everything that is checked, to be broken."""
    places = Places(
        rules=tmp_path / "rules.yaml",
        dashboards=tmp_path / "dashboards",
        tests=tmp_path / "promtool",
        runbooks=tmp_path / "docs" / "operations" / "runbooks",
        page=tmp_path / "docs" / "operations" / "monitoring.md",
        links=tmp_path,
    )
    real = Places()
    shutil.copy2(real.rules, places.rules)
    for folder in ("dashboards", "tests", "runbooks"):
        shutil.copytree(getattr(real, folder), getattr(places, folder))
    shutil.copy2(real.page, places.page)
    return places


def change(path: Path, old: str, new: str) -> None:
    """Change a file at the first place where it says `old`."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_rules_dashboards_and_runbooks_hold_as_promtool_and_the_check_judge(promtool: Path) -> None:
    assert list(findings(promtool)) == []


def test_an_untouched_copy_has_no_finding(copy: Places) -> None:
    assert list(findings(None, copy)) == []


RULE_SLIPS: Mapping[str, tuple[str, str, str]] = {
    "a metric that nobody exports": (
        "max by (namespace, queue) (heliograph_dead_letter_messages)",
        "max by (namespace, queue) (heliograph_dead_letters)",
        "HeliographDeadLetters: there is no series heliograph_dead_letters",
    ),
    "a label that the metric has not": (
        'heliograph_webhook_events_total{type="received"}[1h] offset 1w',
        'heliograph_webhook_events_total{kind="received"}[1h] offset 1w',
        "HeliographInboundSilent: heliograph_webhook_events_total has no label kind",
    ),
    "a value that the label never has": (
        'heliograph_connections{status="error"}',
        'heliograph_connections{status="broken"}',
        "HeliographConnectionInError: heliograph_connections: no status is broken",
    ),
    "a service that does not export the metric": (
        'heliograph_bus_connected{job="webhook"}',
        'heliograph_bus_connected{job="worker"}',
        "HeliographWebhookSnapshotCold: heliograph_bus_connected: no job is worker",
    ),
    "a bound that the histogram has not": (
        'heliograph_queue_wait_seconds_bucket{le="10.0"}',
        'heliograph_queue_wait_seconds_bucket{le="20.0"}',
        "HeliographQueueWait: heliograph_queue_wait_seconds_bucket: no le is 20.0",
    ),
    "grouping by a label that is not there": (
        "max by (namespace, pod) (heliograph_webhook_in_flight_requests)",
        "max by (namespace, queue) (heliograph_webhook_in_flight_requests)",
        "groups by queue, which is not there",
    ),
    "sides that never match": (
        'and max by (namespace, pod) (heliograph_bus_connected{job="webhook"})',
        'and max by (namespace) (heliograph_bus_connected{job="webhook"})',
        "the sides of `and` never match: {namespace, pod} and {namespace}",
    ),
    "a text that names a label which the alert has not": (
        '"{{ $labels.pod }} has {{ $value }} deliveries in hand."',
        '"{{ $labels.instance }} has {{ $value }} deliveries in hand."',
        "HeliographWebhookBusy: its text names instance, which the alert has not",
    ),
    "a metric of others in any namespace": (
        'rabbitmq_alarms_memory_used_watermark{namespace="heliograph"}',
        "rabbitmq_alarms_memory_used_watermark",
        "HeliographBrokerAlarm: rabbitmq_alarms_memory_used_watermark is anybody's",
    ),
    "a syntax error": (
        "expr: max by (namespace, job) (heliograph_ready) == 0\n",
        "expr: max by (namespace, job) (heliograph_ready == 0\n",
        "does not parse: unclosed left parenthesis",
    ),
    "no severity": (
        "severity: critical\n",
        "severity: urgent\n",
        "HeliographServiceAbsent: severity must be one of critical, warning, info",
    ),
    "no summary": (
        "summary: No replica of {{ $labels.job }} is seen.\n",
        "title: No replica of {{ $labels.job }} is seen.\n",
        "HeliographServiceAbsent: it has no summary",
    ),
    "a runbook that is not there": (
        "runbooks/service-absent.md",
        "runbooks/service-gone.md",
        "HeliographServiceAbsent: there is no runbook docs/operations/runbooks/service-gone.md",
    ),
    "a heading that the runbook has not": (
        "runbooks/service-absent.md",
        "runbooks/service-absent.md#what-to-drink",
        "service-absent.md has no heading #what-to-drink",
    ),
    "an alert that nobody tests and that has no line in the table": (
        "alert: HeliographServiceDown\n",
        "alert: HeliographServiceBroken\n",
        "HeliographServiceBroken (critical): no test fires it",
    ),
    "a second rule of a name, of another severity": (
        "for: 2m\n          labels:\n            severity: critical",
        "for: 2m\n          labels:\n            severity: info",
        "HeliographServiceDown (info): no test fires it",
    ),
    "another time in the rules than in the table": (
        "for: 5m\n",
        "for: 6m\n",
        "monitoring.md: its table is not what",
    ),
}


@pytest.mark.parametrize("slip", RULE_SLIPS)
def test_a_slip_in_the_rules_is_found(copy: Places, slip: str) -> None:
    old, new, finding = RULE_SLIPS[slip]
    change(copy.rules, old, new)
    assert any(finding in found for found in findings(None, copy))


def test_an_alert_whose_silence_is_not_tested_is_found(copy: Places) -> None:
    path = copy.tests / "queues.yaml"
    old = r"alertname: HeliographAgentAway(\n +exp_alerts: \[\])"
    text, times = re.subn(old, r"alertname: HeliographQueueDeep\1", path.read_text("utf-8"))
    assert times == 1
    path.write_text(text, encoding="utf-8")
    assert "HeliographAgentAway: no test keeps it silent" in findings(None, copy)


def test_a_test_of_no_alert_is_found(copy: Places) -> None:
    change(copy.tests / "queues.yaml", "alertname: HeliographAgentAway", "alertname: Unheard")
    assert "Unheard: it is tested, and there is no such alert" in findings(None, copy)


BOOK_SLIPS: Mapping[str, tuple[str, str]] = {
    "Then run `heliograph queues list`.": "there is no command `heliograph queues`",
    "Then run `heliograph agents dismiss AGENT`.": (
        "there is no command `heliograph agents dismiss`"
    ),
    "Then run `heliograph agents show AGENT --loud`.": (
        "`heliograph agents show` has no option --loud"
    ),
    "Then run `heliograph agents`.": "`heliograph agents` needs a command",
    "Then run `make coffee`.": "there is no `make coffee`",
    "Then run `python -m health --heal`.": "`python -m health` has no option --heal",
    "Then run `python -m healer`.": "there is no program `python -m healer`",
    "Then raise `HELIOGRAPH_PATIENCE`.": "there is no setting HELIOGRAPH_PATIENCE",
    "Then look at `heliograph_moods_total`.": "there is no metric heliograph_moods_total",
    "```promql\nsum by (mood) (heliograph_ready)\n```": "groups by mood, which is not there",
    "## One more thing": "its sections are not What it means",
    "word " * 30: "the line is longer than 120 characters",
}


@pytest.mark.parametrize("words", BOOK_SLIPS)
def test_what_a_runbook_tells_one_to_type_exists(copy: Places, words: str) -> None:
    with (copy.runbooks / "agent-away.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{words}\n")
    assert any("agent-away.md" in one and BOOK_SLIPS[words] in one for one in findings(None, copy))


def test_a_runbook_of_no_alert_is_found(copy: Places) -> None:
    (copy.runbooks / "agent-away.md").rename(copy.runbooks / "agent-gone.md")
    found = list(findings(None, copy))
    assert "agent-gone.md: its heading is not no alert, which links to it" in found
    assert any("HeliographAgentAway: there is no runbook" in one for one in found)


def broken_board(places: Places, change: Callable[[dict[str, object]], None]) -> list[str]:
    """The findings about a dashboard that was changed by hand."""
    path = places.dashboards / "broker.json"
    board = json.loads(path.read_text(encoding="utf-8"))
    change(board)
    path.write_text(json.dumps(board), encoding="utf-8")
    return list(findings(None, places))


BOARD_SLIPS: Mapping[str, tuple[tuple[object, ...], object, str]] = {
    "two panels of one ID": (("panels", 1, "id"), 3, "2 panels have the ID 3"),
    "no description": (("panels", 1, "description"), "", "it has no description"),
    "no title": (("panels", 1, "title"), "", "it has no title"),
    "no unit": (("panels", 1, "fieldConfig", "defaults", "unit"), "", "it has no unit"),
    "no query": (("panels", 1, "targets"), [], "it has no query"),
    "a source that is no variable": (
        ("panels", 1, "datasource", "uid"),
        "${metrics}",
        "${metrics} is no variable of prometheus sources",
    ),
    "a variable that is none": (
        ("panels", 1, "targets", 0, "expr"),
        'count(rabbitmq_identity_info{namespace="$cluster"})',
        "there is no variable cluster",
    ),
    "a metric that nobody exports": (
        ("panels", 1, "targets", 0, "expr"),
        "count(rabbitmq_nodes_total)",
        "there is no series rabbitmq_nodes_total",
    ),
    "a legend of a label that is gone": (
        ("panels", 1, "targets", 0, "legendFormat"),
        "{{pod}}",
        "its legend names pod, which the result has not",
    ),
    "a latency that leads to no trace": (
        ("panels", 1, "targets", 0, "expr"),
        "histogram_quantile(0.9, sum by (le) (rate(heliograph_hand_over_seconds_bucket[5m])))",
        "a latency without exemplars leads to no trace",
    ),
    "a runbook that is not there": (
        ("panels", 1, "links", 0, "url"),
        "${runbooks}/nothing.md",
        "there is no runbook nothing.md",
    ),
    "panels that lie over each other": (("panels", 1, "gridPos", "w"), 12, "lies over"),
    "two dashboards of one uid": (
        ("uid",),
        "heliograph-inbound",
        "2 of them have the uid heliograph-inbound",
    ),
}


@pytest.mark.parametrize("slip", BOARD_SLIPS)
def test_a_slip_in_a_dashboard_is_found(copy: Places, slip: str) -> None:
    where, value, finding = BOARD_SLIPS[slip]

    def slipped(board: dict[str, object]) -> None:
        inner: object = board
        for step in where[:-1]:
            inner = inner[step]  # type: ignore[index] # its JSON is what it is
        inner[where[-1]] = value  # type: ignore[index] # as above

    found = broken_board(copy, slipped)
    assert any(finding in one for one in found)
    assert "broker.json: it is not what `python -m deploy.dashboards` writes" in found


def test_a_dashboard_that_no_description_makes_is_found(copy: Places) -> None:
    shutil.copy2(copy.dashboards / "broker.json", copy.dashboards / "mine.json")
    assert "mine.json: no description makes it" in findings(None, copy)


def test_stale_dashboards_are_written_anew(tmp_path: Path) -> None:
    assert dashboards(["--check"], folder=tmp_path) == 1
    assert dashboards([], folder=tmp_path) == 0
    assert dashboards(["--check"], folder=tmp_path) == 0
    assert {path.name for path in tmp_path.glob("*.json")} == set(PAGES)


def test_promtool_refuses_a_template_that_does_not_work(promtool: Path, copy: Places) -> None:
    change(copy.rules, "No replica of {{ $labels.job }} is seen.", "No replica {{ .nothing is.")
    found = list(judge_rules(promtool, read_rules(copy.rules).groups, "rules"))
    assert len(found) == 1
    assert "promtool check rules" in found[0]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(heliograph_dead_letter_messages) > 0", "(heliograph_dead_letter_messages) > 5"),
        ("(heliograph_dead_letter_messages) > 0", "(heliograph_dead_letter_messages) >= 0"),
        ("{{ $value }} messages of", "{{ $value }} letters of"),
    ],
    ids=["deaf", "always on", "another text"],
)
def test_an_alert_that_does_not_do_as_its_test_says_is_found(
    promtool: Path, copy: Places, old: str, new: str
) -> None:
    path = copy.tests / "queues.yaml"
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    asked = content["tests"]
    content["tests"] = [
        test for test in asked if test["alert_rule_test"][0]["alertname"] == "HeliographDeadLetters"
    ]
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    assert list(judge_tests(promtool, read_rules(copy.rules).groups, [path])) == []
    change(copy.rules, old, new)
    found = list(judge_tests(promtool, read_rules(copy.rules).groups, [path]))
    assert len(found) == 1
    assert "promtool test rules" in found[0]


def test_a_machine_without_debian_is_told_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    monkeypatch.setattr("deploy.checks.alerts.promtool.KEPT", tmp_path / "promtool")
    with pytest.raises(PromtoolMissing, match="install Prometheus"):
        find_promtool()


@pytest.mark.parametrize(
    ("expr", "labels"),
    [
        ("heliograph_ready * on (pod) group_left (version) heliograph_build_info", {"version"}),
        ('label_replace(sum(heliograph_ready), "name", "$1", "job", "(.*)")', {"name"}),
        ("sum without (queue) (heliograph_bus_consumers)", {"pod"}),
        ("topk(3, max by (queue) (heliograph_bus_consumers))", {"queue"}),
        ("vector(1) or sum(heliograph_ready)", set()),
        ('absent(heliograph_ready{job="sender", pod=~"a.*"})', {"job"}),
    ],
)
def test_the_labels_of_a_result_are_known(expr: str, labels: set[str]) -> None:
    reader = Reader(known_series())
    found = reader.labels(expr)
    assert reader.findings == []
    assert found is not None
    assert labels <= found


def test_the_series_that_the_check_knows_are_those_that_a_process_exports() -> None:
    metrics = Metrics()
    for metric in vars(metrics).values():
        if isinstance(metric, MetricWrapperBase) and metric._labelnames:
            metric.labels(*("x" for _ in metric._labelnames))
    text = openmetrics.generate_latest(metrics.registry).decode()
    exported: dict[str, set[str]] = {}
    bounds: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            exported.setdefault(sample.name, set()).update(sample.labels)
            if "le" in sample.labels:
                bounds.setdefault(sample.name, set()).add(sample.labels["le"])
    known = {name: one for name, one in known_series().items() if name.startswith(OURS)}
    told = {name for name in exported if name.startswith(OURS) and not name.endswith("_created")}
    assert set(known) == told
    for name, series in known.items():
        assert series.labels - TARGET == exported[name] - TARGET
        assert set(series.values.get("le", ())) == bounds.get(name, set())


def test_others_metrics_are_declared_for_somebody_who_asks_for_them() -> None:
    places = Places()
    asked = "".join(
        path.read_text(encoding="utf-8")
        for path in (places.rules, *places.dashboards.iterdir(), *places.runbooks.iterdir())
    )
    for source in SOURCES:
        for name in source.metrics:
            assert re.search(rf"\b{name}\b", asked), f"nobody asks for {name} any more"


def test_a_quantile_without_bounds_is_found() -> None:
    reader = Reader(known_series())
    reader.labels("histogram_quantile(0.9, sum(rate(heliograph_hand_over_seconds_bucket[5m])))")
    assert reader.findings == ["histogram_quantile needs the label le, which is gone"]


def test_numbers_that_are_settings_are_those_of_the_settings() -> None:
    rules = Places().rules.read_text(encoding="utf-8")
    concurrency = WebhookSettings.model_fields["webhook_concurrency"].default
    hours = HealthSettings.model_fields["health_approval_ttl"].default
    assert f"HELIOGRAPH_WEBHOOK_CONCURRENCY, {concurrency} by default" in rules
    assert f"{hours:g} by default, they end undecided" in " ".join(rules.split())


def test_each_pod_monitor_scrapes_what_the_rules_count_on() -> None:
    text = "\n---\n".join(
        (MONITORING / name).read_text() for name in ("services.yaml", "broker.yaml")
    )
    monitors = {one["metadata"]["name"]: one["spec"] for one in yaml.safe_load_all(text)}
    assert set(monitors) == {"webhook", "processor", "sender", "health", "rabbitmq"}
    for name, spec in monitors.items():
        assert spec["jobLabel"] == "app.kubernetes.io/name"
        assert spec["selector"] == {"matchLabels": {"app.kubernetes.io/name": name}}
    families = monitors["rabbitmq"]["podMetricsEndpoints"][1]["params"]["family"]
    assert tuple(families) == FAMILIES


def test_every_dashboard_is_shipped() -> None:
    kustomization = yaml.safe_load((MONITORING / "kustomization.yaml").read_text())
    shipped = [name for one in kustomization["configMapGenerator"] for name in one["files"]]
    assert sorted(shipped) == sorted(f"dashboards/{name}" for name in PAGES)
    assert kustomization["generatorOptions"]["labels"]["grafana_dashboard"] == "1"


def test_a_page_without_its_table_is_found(copy: Places, tmp_path: Path) -> None:
    found = list(findings(None, replace(copy, page=tmp_path / "none.md")))
    assert any("none.md: its table" in one for one in found)
