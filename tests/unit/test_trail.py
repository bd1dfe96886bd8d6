"""Following one text by an ID over spans, logs and metrics, on files and a receiver of our own."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import aiohttp
import orjson
import pytest
from prometheus_client.openmetrics.exposition import generate_latest

from common import tracing
from common.metrics import Metrics
from common.spans import APPLY_REPORT, CALL, DELIVER, PROCESS, Attribute
from common.tracing_export import OtlpExporter
from local.receiver import FILE, Receiver, Seen, kept, receiving
from local.trail import PLACES, add_exemplars, exemplars_in, follow_in, shown

pytestmark = pytest.mark.unit

MESSAGE, ANSWER = "1" * 32, "2" * 32
TRACE, REPORTS, OTHER = "a" * 32, "b" * 32, "c" * 32


def seen(name: str, span_id: str, parent_id: str = "", **changes: object) -> Seen:
    began = 1_700_000_000_000_000_000 + int(span_id, 16) * 1_000_000
    span = Seen(
        trace_id=TRACE,
        span_id=span_id,
        parent_id=parent_id,
        name=name,
        kind="internal",
        service="heliograph-sender",
        began=began,
        ended=began + 2_500_000,
        failed=False,
        attributes={},
        links=[],
    )
    return replace(span, **changes)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The logs of a stage on which a text was answered, and another one came."""
    Receiver(tmp_path).keep(
        [
            seen("call acs", "3", "2", attributes={"heliograph.message_id": ANSWER}, failed=True),
            seen("process sender.commands", "2", "1"),
            seen("deliver acs", "1", attributes={"heliograph.message_id": MESSAGE}),
            seen("apply report", "5", "2", links=[REPORTS]),
            seen("deliver acs", "4", trace_id=REPORTS),
            seen("deliver acs", "6", trace_id=OTHER),
        ]
    )
    console = f"2026-01-01T00:00:02.5Z [debug ] text.finished message_id={ANSWER} trace_id={TRACE}"
    other = f"2026-01-01T00:00:01.5Z [debug ] text.finished trace_id={OTHER}"
    (tmp_path / "sender.log").write_text(f"{console}\n{other}\nno line of ours\n")
    line = {"timestamp": "2026-01-01T00:00:01.5Z", "message_id": MESSAGE, "trace_id": TRACE}
    (tmp_path / "webhook.log").write_bytes(orjson.dumps(line))
    return tmp_path


@pytest.mark.parametrize("wanted", [MESSAGE, ANSWER, TRACE])
def test_any_id_leads_to_the_whole_trace_and_to_the_reports_own(folder: Path, wanted: str) -> None:
    trail = follow_in(folder, wanted)
    assert trail.traces == [TRACE, REPORTS]
    assert [span.span_id for span in trail.spans] == ["1", "2", "3", "4", "5"]
    assert [line.service for line in trail.lines] == ["webhook", "sender"]


def test_spans_stand_below_their_parents_in_order_of_time(folder: Path) -> None:
    lines = list(shown(follow_in(folder, MESSAGE)))
    assert lines[0] == f"Trace {TRACE}"
    assert [line[40:].strip().split("  ")[0] for line in lines[1:5]] == [
        "deliver acs",
        "process sender.commands",
        "call acs",
        "apply report",
    ]
    indents = [len(line[40:]) - len(line[40:].lstrip()) for line in lines[1:5]]
    assert [indent - indents[0] for indent in indents] == [0, 2, 4, 4]
    assert "2.5 ms" in lines[3]
    assert lines[3].endswith("FAILED")
    assert f"message_id={ANSWER}" in lines[3]


def test_an_unknown_id_is_one_clear_line(folder: Path) -> None:
    command = [sys.executable, "-m", "local", "follow", "d" * 32, "--dir", str(folder.parent)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "d" * 32 in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [["follow"], ["run", "d" * 32]])
def test_an_id_belongs_to_follow(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "local", *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "follow takes the ID" in done.stderr


def test_exemplars_lead_from_a_bucket_to_a_trace() -> None:
    metrics = Metrics(service="sender")
    seconds = metrics.provider_seconds.labels("acs")
    seconds.observe(0.02, exemplar={"trace_id": TRACE})
    seconds.observe(0.4)
    (found,) = exemplars_in(generate_latest(metrics.registry).decode(), "sender")
    assert found.metric == "heliograph_provider_call_seconds"
    assert found.trace_id == TRACE
    assert "provider=acs" in found.labels
    assert "le=0.025" in found.labels
    assert found.value == 0.02


async def test_a_service_that_is_gone_is_named(folder: Path) -> None:
    (folder / PLACES).write_bytes(orjson.dumps({"sender": 9}))
    trail = follow_in(folder, MESSAGE)
    await add_exemplars(trail, folder)
    assert list(shown(trail))[-1] == "  no answer from: sender"


async def test_what_is_exported_is_what_is_kept(tmp_path: Path) -> None:
    async with receiving(tmp_path) as receiver:
        exporter = OtlpExporter(
            receiver.url, ratio=1.0, service="sender", version="1", instance="one"
        )
        tracing.export_to(exporter)
        with tracing.span(DELIVER, "acs"):
            with tracing.span(PROCESS, "q", attributes={Attribute.TOGETHER: 3}) as inner:
                inner.fail("no_agent")
            with tracing.span(APPLY_REPORT, links=[f"00-{REPORTS}-b7ad6b7169203331-01"]):
                pass
        with pytest.raises(ValueError, match="cut"), tracing.span(CALL, "acs"):
            raise ValueError("cut")
        await tracing.close(5)
    spans = {span.name: span for span in kept(tmp_path)}
    deliver, process = spans["deliver acs"], spans["process q"]
    assert (process.trace_id, process.parent_id) == (deliver.trace_id, deliver.span_id)
    assert deliver.parent_id == ""
    assert (deliver.kind, process.kind) == ("server", "consumer")
    assert deliver.service == "heliograph-sender"
    assert process.attributes == {"messaging.batch.message_count": 3, "error.type": "no_agent"}
    assert (process.failed, deliver.failed, spans["call acs"].failed) == (True, False, True)
    assert spans["apply report"].links == [REPORTS]
    assert deliver.milliseconds >= process.milliseconds >= 0


async def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    async with receiving(tmp_path) as receiver, aiohttp.ClientSession() as http:
        url = f"{receiver.url}/v1/traces"
        async with http.post(url, json={}) as answer:
            assert answer.status == 415
        headers = {"Content-Type": "application/x-protobuf"}
        async with http.post(url, data=b"\xff\xff", headers=headers) as answer:
            assert answer.status == 400
    assert kept(tmp_path) == []


def test_the_file_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, most=3)
    receiver.keep([seen("a", f"{number:x}") for number in range(1, 12)])
    assert [span.span_id for span in kept(tmp_path)] == ["7", "8", "9", "a", "b"]
    assert len((tmp_path / FILE).read_bytes().splitlines()) <= 3
