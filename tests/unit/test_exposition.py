"""The expositions of all services: lint-clean, and the check on them finds what is wrong."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from exposition import findings, unused
from prometheus_client import CollectorRegistry, Counter, ProcessCollector, generate_latest

from common.metrics import Metrics
from common.metrics.declaring import EVERY

pytestmark = pytest.mark.unit


def shown(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


@pytest.mark.parametrize("service", EVERY)
def test_an_exposition_has_its_services_metrics_with_declared_labels(service: str) -> None:
    metrics = Metrics(service=service)
    ProcessCollector(registry=metrics.registry)
    metrics.build_info.labels(service, "0.1.0", "unknown", "3.11.2").set(1)
    assert findings(service, shown(metrics)) == []


def test_a_value_that_no_label_may_have_is_found() -> None:
    metrics = Metrics(service="sender")
    metrics.provider_calls.labels("+15551230001", "accepted").inc()
    metrics.outcomes.labels("sent", "acme").inc()
    found = findings("sender", shown(metrics))
    assert "heliograph_provider_calls_total has provider='+15551230001'" in found
    assert "heliograph_outcomes_total has code='acme'" in found


def test_metrics_of_another_service_missing_ones_and_strangers_are_found() -> None:
    registry = CollectorRegistry()
    Counter("heliograph_surprises_total", "Surprises.", registry=registry)
    text = shown(Metrics(registry, service="health"))
    found = findings("webhook", text)
    assert "heliograph_surprises is declared for nobody" in found
    assert "heliograph_held_texts is not for webhook" in found
    assert "heliograph_webhook_requests is missing" in found


def test_what_was_never_counted_is_found() -> None:
    metrics = Metrics(service="processor")
    assert "heliograph_inbound_texts_total" in unused("processor", shown(metrics))
    assert "heliograph_processor_batch_messages" in unused("processor", shown(metrics))
    metrics.inbound_texts.labels("busy").inc()
    metrics.batch_size.observe(3)
    left = unused("processor", shown(metrics))
    assert "heliograph_inbound_texts_total" not in left
    assert "heliograph_processor_batch_messages" not in left


def test_promtool_finds_nothing_to_mend() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    for service in EVERY:
        metrics = Metrics(service=service)
        judged = subprocess.run(
            [promtool, "check", "metrics"],
            input=shown(metrics),
            capture_output=True,
            text=True,
            check=False,
        )
        assert judged.returncode == 0, judged.stdout + judged.stderr
