"""docs/operations/metrics.md says what the declared metrics say."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.metrics import Metrics
from local import metrics_page

pytestmark = pytest.mark.unit


def test_the_page_in_the_repository_is_what_is_declared() -> None:
    assert metrics_page.main(["--check"]) == 0, "run `python -m local.metrics_page`"


def test_every_metric_has_one_line_with_its_labels() -> None:
    lines = metrics_page.page().splitlines()
    for metric in Metrics().declared:
        rows = [line for line in lines if line.startswith(f"| `{metric.name}` | {metric.kind} |")]
        assert len(rows) == 1, metric.name
        assert all(f"`{label.name}`" in rows[0] for label in metric.labels)
        assert metric.tells in rows[0]


def test_a_stale_page_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "metrics.md"
    assert metrics_page.main([], target=page) == 0
    assert metrics_page.main(["--check"], target=page) == 0
    page.write_text(page.read_text().replace("heliograph_ready", "heliograph_steady"))
    assert metrics_page.main(["--check"], target=page) == 1
    assert "metrics.md is stale" in capsys.readouterr().err
