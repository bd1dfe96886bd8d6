"""The benchmarks run, and both sides do the same work (they assert that themselves). No figure is
judged: a machine that runs tests has other things to do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(300)
def test_a_tiny_run_of_every_benchmark_ends_well_and_writes_its_results(tmp_path: Path) -> None:
    output = tmp_path / "results.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--smoke", "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = orjson.loads(output.read_bytes())
    judged = {figure["what"] for figure in results["figures"] if figure["wanted"] is not None}
    assert {what.partition(":")[0] for what in judged} == {
        "processor",
        "webhook",
        "POST to turn at 50 texts/s",
        "sender",
        "health",
    }
    against = [figure for figure in results["figures"] if figure["ratio"] is not None]
    assert all(figure["ours"] > 0 and figure["rival"] > 0 for figure in against)
    assert results["machine"]["RabbitMQ"]
