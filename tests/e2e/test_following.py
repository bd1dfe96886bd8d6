"""A person follows one text on the local stack by its ID alone: through the log lines of every
service that it passed, one trace from Event Grid's delivery to the report, and a metric."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import pymongo
from test_local_stage import PATIENCE, free_ports, read_until, stage

from local.receiver import Seen, kept
from local.trail import follow_in

ORDER = {
    "deliver acs": None,
    "publish heliograph.inbound": "deliver acs",
    "process processor.inbound": "publish heliograph.inbound",
    "record text": "process processor.inbound",
    "hand over text": "process processor.inbound",
    "process sender.commands": "publish heliograph.agents",
    "claim texts": "process sender.commands",
    "decide": "process sender.commands",
    "call acs": "process sender.commands",
    "record outcome": "process sender.commands",
    "apply report": "process sender.commands",
}
"""The spans of a text that is answered, each with its parent. The agent, which is not ours, passes
the trace on."""
SERVICES = {
    "deliver acs": "heliograph-webhook",
    "record text": "heliograph-processor",
    "call acs": "heliograph-sender",
    "apply report": "heliograph-processor",
}


async def followed(directory: Path, wanted: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local", "follow", wanted, "--dir", str(directory)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


def of_trace(spans: list[Seen], trace_id: str) -> dict[str, tuple[Seen, Seen | None]]:
    """The spans of a trace by name, each with its parent."""
    own = [span for span in spans if span.trace_id == trace_id]
    by_id = {span.span_id: span for span in own}
    return {span.name: (span, by_id.get(span.parent_id)) for span in own}


def one_trace(directory: Path, message_id: str) -> None:
    """The text's trace is whole, and in order."""
    trail = follow_in(directory / "logs", message_id)
    found = of_trace(trail.spans, trail.traces[0])
    parents = {name: (parent and parent.name) for name, (_, parent) in found.items()}
    assert {name: parents.get(name, "missing") for name in ORDER} == ORDER
    for name, service in SERVICES.items():
        assert found[name][0].service == service
    for span, parent in found.values():
        assert parent is None or parent.began <= span.began, span.name
    applied = found["apply report"][0]
    assert applied.attributes["heliograph.status"] == "delivered"
    reports = of_trace(kept(directory / "logs"), applied.links[0])
    assert {"deliver acs", "process processor.inbound"} <= set(reports)


async def test_one_text_is_followed_through_log_trace_and_metric_by_its_id(
    tmp_path: Path, vhost_url: str, mongo_uri: str, mongo_database: str
) -> None:
    servers = {
        "HELIOGRAPH_RABBITMQ_URL": vhost_url,
        "HELIOGRAPH_MONGODB_URI": mongo_uri,
        "HELIOGRAPH_MONGODB_DATABASE": mongo_database,
    }
    async with stage("run", tmp_path, *free_ports(), **servers) as process:
        await read_until(process, "/simulator/texts\n")
        with pymongo.MongoClient[dict[str, str]](mongo_uri) as client:
            texts = client[mongo_database]["messages"]
            newest = texts.find_one({"direction": "INBOUND"}, sort=[("seq", -1)])
            answer = texts.find_one({"direction": "OUTBOUND"}, sort=[("seq", -1)])
        assert newest is not None
        assert answer is not None
        async with asyncio.timeout(PATIENCE):
            while True:  # Spans come a second later, and other processes write them.
                code, told = await followed(tmp_path, newest["_id"])
                if "apply report" in told and "exemplar" in told:
                    break
                await asyncio.sleep(0.2)
        assert code == 0, told
        trace_id = newest["traceparent"].split("-")[1]
        assert answer["traceparent"].split("-")[1] == trace_id
        assert told.startswith(f"Trace {trace_id}\n")
        lines, _, metrics = told.partition("Log lines\n")[2].partition("Metrics")
        for service, event in (
            ("webhook", "event.published"),
            ("processor", "text.handed_over"),
            ("sender", "provider.answered"),
            ("sender", "text.finished"),
            ("processor", "report.applied"),
        ):
            assert re.search(rf"^ +{service} .* {event} ", lines, re.MULTILINE), (
                service,
                event,
                lines,
            )
        assert re.search(rf"processor +heliograph_hand_over_seconds.*{trace_id}", metrics)
        assert re.search(rf"sender +heliograph_provider_call_seconds.*{trace_id}", metrics)
        one_trace(tmp_path, newest["_id"])
        for told_nobody in (newest["body"], newest["remote"].lstrip("+"), answer["body"]):
            assert told_nobody not in told
        assert trace_id in (await followed(tmp_path, answer["_id"]))[1]
        os.killpg(process.pid, signal.SIGINT)
        async with asyncio.timeout(PATIENCE):
            _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
