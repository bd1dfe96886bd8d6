"""Spans: free where nobody wants them, decided alike by all, never in a text's way."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import timeit
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tracing_world import Recorder, recording, says, trace_of

from common import trace, tracing
from common.settings import ServiceSettings, UnusableSetting, load
from common.spans import ALL, CALL, DECIDE, DELIVER, MEANINGS, PROCESS, Attribute
from common.tracing_export import OtlpExporter, address_of

pytestmark = pytest.mark.unit

TRACE = "0af7651916cd43dd8448eb211c80319c"
SAMPLED = f"00-{TRACE}-b7ad6b7169203331-01"
UNSAMPLED = f"00-{TRACE}-b7ad6b7169203331-00"
NUMBER = "+15551230142"
A_SERVICE = """
import sys
import webhook.app, processor.app, sender.app, health.app
from common import tracing
from common.lifecycle import run
from common.settings import ServiceSettings
from common.spans import DECIDE

async def serve(settings, runtime):
    with tracing.span(DECIDE):
        pass
    print(sorted(name for name in sys.modules if name.startswith("opentelemetry")))

run("tiny", ServiceSettings, serve)
"""


def started(**chosen: str) -> subprocess.CompletedProcess[str]:
    environment = {"HELIOGRAPH_MANAGEMENT_HOST": "127.0.0.1", "HELIOGRAPH_MANAGEMENT_PORT": "0"}
    environment |= {f"HELIOGRAPH_{name.upper()}": value for name, value in chosen.items()}
    return subprocess.run(
        [sys.executable, "-c", A_SERVICE],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
    )


def test_a_started_service_without_a_collector_has_imported_nothing_of_opentelemetry() -> None:
    done = started()
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_with_a_collector_that_is_away_a_service_starts_works_and_stops_all_the_same() -> None:
    done = started(otlp_endpoint="http://127.0.0.1:9")
    assert done.returncode == 0, done.stderr
    assert "opentelemetry.sdk.trace" in done.stdout
    assert "Traceback" not in done.stderr
    assert "traces.not_exported" in done.stderr or "traces.lost_at_stop" in done.stderr


@pytest.mark.parametrize(
    "chosen",
    [
        {"otlp_endpoint": "collector:4317"},
        {"otlp_endpoint": "http://user:geheim@collector"},
        {"trace_ratio": "1.5"},
        {"trace_ratio": "some"},
    ],
)
def test_an_unusable_setting_is_one_line(
    chosen: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in chosen.items():
        monkeypatch.setenv(f"HELIOGRAPH_{name.upper()}", value)
        with pytest.raises(UnusableSetting) as caught:
            load(ServiceSettings)
        assert str(caught.value).startswith(f"HELIOGRAPH_{name.upper()}: ")
        assert "geheim" not in str(caught.value)


def test_a_span_that_nobody_wants_costs_about_a_comparison() -> None:
    """Against a call that does no more than to compare; a text passes about a dozen of them."""

    def compares(kind: object, of: str = "", *, parent: object = None) -> object:
        return tracing.NOTHING if tracing._exporter is None else kind

    with_spans = min(timeit.repeat(lambda: tracing.begin(PROCESS, "q", parent=None), number=20_000))
    bare = min(timeit.repeat(lambda: compares(PROCESS, "q", parent=None), number=20_000))
    assert with_spans < 4 * bare
    assert tracing.begin(PROCESS) is tracing.NOTHING
    assert tracing.span(PROCESS) is tracing.NOTHING
    assert tracing.here() is tracing.NOTHING
    assert tracing.moment() is None
    assert tracing.exemplar(SAMPLED) is None


# --- Who is exported ------------------------------------------------------------------------------


async def flags_after(parent: str, ratio: float) -> str:
    async with recording(ratio=ratio):
        return str(tracing.begin(PROCESS, parent=parent).traceparent)[-2:]


@settings(max_examples=25)
@given(trace_id=st.integers(1, 2**128 - 1), ratio=st.floats(0, 1))
def test_all_services_decide_alike_for_one_trace(trace_id: int, ratio: float) -> None:
    """Each by itself, and each that comes after another."""

    async def decide() -> None:
        parent = f"00-{trace_id:032x}-b7ad6b7169203331-00"
        first = await flags_after(parent, ratio)
        assert await flags_after(parent, ratio) == first
        follower = f"00-{trace_id:032x}-00f067aa0ba902b7-{first}"
        assert await flags_after(follower, ratio) == first

    asyncio.run(decide())


async def test_what_somebody_has_recorded_goes_on_whatever_the_ratio() -> None:
    assert await flags_after(SAMPLED, 0.0) == "01"
    assert await flags_after(UNSAMPLED, 0.0) == "00"
    assert await flags_after(UNSAMPLED, 1.0) == "01"


async def test_of_many_traces_about_the_ratio_is_exported_and_the_others_have_no_exemplar() -> None:
    async with recording(ratio=0.25) as recorder:
        spans = [tracing.begin(DELIVER, "acs") for _ in range(2000)]
        for span in spans:
            span.end()
        exported = {trace_of(span) for span in await recorder.spans()}
        assert 400 < len(exported) < 600
        for span in spans:
            trace_id = tracing.id_of(span.traceparent)
            wanted = {"trace_id": trace_id} if trace_id in exported else None
            assert tracing.exemplar(span.traceparent) == wanted


# --- What a span is -------------------------------------------------------------------------------


async def test_a_block_is_the_parent_of_what_happens_in_it_and_of_nothing_after_it() -> None:
    async with recording() as recorder:
        with tracing.span(PROCESS, "q", parent=UNSAMPLED) as outer:
            assert trace.current.get() == outer.traceparent
            with tracing.span(DECIDE):
                tracing.here().note({Attribute.VERDICT: "send"})
        assert trace.current.get() is None
        decide, process = await recorder.one("decide"), await recorder.one("process q")
    assert process.parent is not None
    assert process.parent.is_remote
    assert trace_of(process) == TRACE
    assert decide.parent is not None
    assert decide.parent.span_id == process.context.span_id
    assert says(decide, Attribute.VERDICT) == "send"


async def test_an_exception_fails_the_span_by_its_class_and_not_by_its_text() -> None:
    async with recording() as recorder:
        with pytest.raises(ValueError, match="canary"), tracing.span(CALL, "acs"):
            raise ValueError(f"canary {NUMBER}")
        span = await recorder.one("call acs")
    assert not span.status.is_ok
    assert says(span, Attribute.ERROR_TYPE) == "ValueError"
    assert "canary" not in span.to_json()
    assert not span.events


async def test_values_are_scrubbed_as_in_logs_and_bounded() -> None:
    async with recording() as recorder:
        with tracing.span(DECIDE, attributes={Attribute.COMMAND_ID: f"for {NUMBER}"}) as span:
            span.note({Attribute.MESSAGE_ID: "x" * 5000, Attribute.CODE: None})
        kept = await recorder.one("decide")
    assert says(kept, Attribute.COMMAND_ID) == "for •••••42"
    assert says(kept, Attribute.MESSAGE_ID) == "x" * 128
    assert Attribute.CODE.value not in (kept.attributes or {})


def test_every_attribute_and_every_span_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Attribute)
    assert len({kind.name for kind in ALL}) == len(ALL)


# --- The collector --------------------------------------------------------------------------------


class Collector:
    """Takes OTLP over HTTP; what came is read by OpenTelemetry's own definition."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[tuple[str, Any]] = []
        self.frozen = False

    async def take(self, request: web.Request) -> web.Response:
        if self.frozen:
            await asyncio.sleep(60)
        assert request.content_type == "application/x-protobuf"
        said = ExportTraceServiceRequest.FromString(await request.read())
        self.requests.append((request.path, said))
        return web.Response()


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/{path:.*}", collector.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()


def exporting(url: str, counted: dict[str, int] | None = None) -> OtlpExporter:
    def count(result: str, spans: int) -> None:
        if counted is not None:
            counted[result] = counted.get(result, 0) + spans

    exporter = OtlpExporter(
        url, ratio=1.0, service="sender", version="1.2.3", instance="host:1", count=count
    )
    tracing.export_to(exporter)
    return exporter


async def test_a_collector_reads_service_span_parent_and_link_at_the_latest_at_the_stop() -> None:
    counted: dict[str, int] = {}
    async with collecting() as collector:
        exporting(collector.url, counted)
        with tracing.span(
            CALL, "acs", parent=SAMPLED, links=[UNSAMPLED], attributes={Attribute.MESSAGE_ID: "m"}
        ):
            pass
        await tracing.close(5)
    ((path, request),) = collector.requests
    assert path == "/v1/traces"
    (resource,) = request.resource_spans
    told = {it.key: it.value.string_value for it in resource.resource.attributes}
    assert told["service.name"] == "heliograph-sender"
    assert told["service.version"] == "1.2.3"
    assert told["service.instance.id"] == "host:1"
    (span,) = resource.scope_spans[0].spans
    assert (span.name, span.kind) == ("call acs", span.SPAN_KIND_CLIENT)
    assert span.trace_id.hex() == TRACE
    assert span.parent_span_id.hex() == "b7ad6b7169203331"
    assert [link.trace_id.hex() for link in span.links] == [TRACE]
    assert span.end_time_unix_nano >= span.start_time_unix_nano > 0
    assert {it.key: it.value.string_value for it in span.attributes} == {
        "heliograph.message_id": "m"
    }
    assert counted == {"exported": 1}


async def test_a_stopping_service_sends_what_it_still_has() -> None:
    async with collecting() as collector:
        done = await asyncio.to_thread(started, otlp_endpoint=collector.url)
    assert done.returncode == 0, done.stderr
    ((_, request),) = collector.requests
    (span,) = request.resource_spans[0].scope_spans[0].spans
    assert span.name == "decide"


async def test_an_sdk_that_is_switched_off_leaves_a_trace_as_it_came(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    async with recording() as recorder:
        with tracing.span(PROCESS, "q", parent=UNSAMPLED) as span:
            assert span.traceparent == UNSAMPLED
        assert tracing.begin(PROCESS, "q").traceparent is None
        assert await recorder.spans() == []


@pytest.mark.parametrize("frozen", [True, False])
async def test_a_collector_that_is_frozen_or_away_keeps_nobody_waiting(frozen: bool) -> None:
    loop = asyncio.get_running_loop()
    async with collecting() as collector:
        collector.frozen = frozen
        exporting(collector.url if frozen else "http://127.0.0.1:9")
        began = loop.time()
        for _ in range(5000):  # More than the queue takes.
            with tracing.span(DECIDE):
                pass
        assert loop.time() - began < 10
        began = loop.time()
        await tracing.close(0.5)
        assert loop.time() - began < 2
    assert not tracing.on()


def test_the_usual_path_is_added_to_a_collectors_address_once() -> None:
    assert address_of("http://c:4318") == "http://c:4318/v1/traces"
    assert address_of("http://c:4318/") == "http://c:4318/v1/traces"
    assert address_of("https://c/otlp/v1/traces") == "https://c/otlp/v1/traces"


def test_a_recorder_is_an_exporter() -> None:
    exporter: tracing.Exporter = Recorder(1.0).exporter
    assert exporter
