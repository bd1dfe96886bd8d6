"""Logs: contents, numbers and credentials are masked wherever they stand; ids stay."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import orjson
import pytest

from common.logging import mask

pytestmark = pytest.mark.unit

NUMBER = "+15551230142"
TURN = "0123456789abcdef0123456789abcdef"
TRACE = "01234567890123456789012345678901"

PROGRAM = f"""
import logging
import structlog
from common import trace
from common.logging import configure

configure(service="tiny", level="info", form="json")
log = structlog.get_logger("x")
trace.current.set("00-{TRACE}-00f067aa0ba902b7-01")

def fail():
    secret = "{NUMBER}"
    raise ValueError(f"cannot text {{secret}}; accesskey=canary")

log.debug("below the level")
log.info("nested", body="canary canary", found=[{{"to": "{NUMBER}", "text": "canary"}}],
         turn_id="{TURN}", count=12345678)
try:
    fail()
except ValueError as error:
    log.exception("caught", error=error)
    logging.getLogger("library").exception("library failed for %s", "{NUMBER}")
logging.getLogger("library").warning("accesskey=canary of %s", "{NUMBER}")
logging.getLogger("library").info("libraries are quiet below warning")
logging.getLogger("aiormq.connection").error("error when creating transport: %r", OSError())
logging.getLogger("aiormq.connection").warning("Connection was blocked")
"""


@pytest.mark.parametrize(
    ("field", "masked"),
    [
        ({"body": "Hello?"}, {"body": "<6 characters>"}),
        ({"original_body": "Hello?"}, {"original_body": "<6 characters>"}),
        ({"text": None}, {"text": "<hidden>"}),
        ({"details": ["Hello?"]}, {"details": "<hidden>"}),
        ({"event": f"to {NUMBER}"}, {"event": "to •••••42"}),
        ({"error": ValueError(NUMBER)}, {"error": "•••••42"}),
        ({"raw": b"to +15551230142"}, {"raw": "b'to •••••42'"}),
        ({"x": {"y": [{"body": "Hello?"}]}}, {"x": {"y": [{"body": "<6 characters>"}]}}),
        ({"x": {"body": {"deep": "Hello?"}}}, {"x": {"body": "<hidden>"}}),
        ({"x": ({"to": NUMBER}, NUMBER)}, {"x": [{"to": "•••••42"}, "•••••42"]}),
        ({"x": {NUMBER}}, {"x": ["•••••42"]}),
        ({"x": {NUMBER: {"sent": 1}}}, {"x": {"•••••42": {"sent": 1}}}),
        (
            {"x": [["amqp://guest:canary@localhost/"]]},
            {"x": [["amqp://guest:•••••@localhost/"]]},
        ),
    ],
)
def test_contents_and_numbers_are_masked_at_any_depth(
    field: dict[str, Any], masked: dict[str, Any]
) -> None:
    assert mask(None, "info", dict(field)) == masked


@pytest.mark.parametrize(
    "field",
    [
        {"turn_id": TURN},
        {"ids": [TURN, "Outgoing_202104072107376ce6db86-5c7d-47a6-b2ba-1f1b9e2f0a11_noam"]},
        {"trace_id": TRACE},
        {"timestamp": "2026-11-21T09:24:00.123456Z", "level": "info", "service": "sender"},
        {"count": 12345678, "seconds": 0.25, "warm": True, "problem": None},
    ],
)
def test_what_an_sre_reads_a_log_for_stays(field: dict[str, Any]) -> None:
    assert mask(None, "info", dict(field)) == field


@pytest.fixture(scope="module")
def lines() -> list[dict[str, Any]]:
    """What a process that logs as a service does wrote to standard error."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], check=True, capture_output=True, timeout=60
    )
    assert done.stdout == b""
    assert b"canary" not in done.stderr
    assert NUMBER.removeprefix("+").encode() not in done.stderr
    return [orjson.loads(line) for line in done.stderr.splitlines()]


def line_of(lines: list[dict[str, Any]], event: str) -> dict[str, Any]:
    (line,) = [line for line in lines if line["event"].startswith(event)]
    return line


def test_a_line_is_json_with_its_service_trace_and_ids(lines: list[dict[str, Any]]) -> None:
    line = line_of(lines, "nested")
    assert line.pop("timestamp")
    assert line == {
        "event": "nested",
        "level": "info",
        "service": "tiny",
        "trace_id": TRACE,
        "body": "<13 characters>",
        "found": [{"to": "•••••42", "text": "<6 characters>"}],
        "turn_id": TURN,
        "count": 12345678,
    }


@pytest.mark.parametrize("event", ["caught", "library failed for •••••42"])
def test_an_exception_keeps_its_traceback_without_what_it_quotes(
    lines: list[dict[str, Any]], event: str
) -> None:
    traceback = line_of(lines, event)["exception"]
    assert "in fail" in traceback
    assert "ValueError: cannot text •••••42; accesskey=•••••" in traceback


def test_lines_of_libraries_are_masked_and_are_lines_like_ours(
    lines: list[dict[str, Any]],
) -> None:
    line = line_of(lines, "accesskey=••••• of •••••42")
    assert (line["level"], line["service"]) == ("warning", "tiny")


def test_below_the_level_and_below_warning_of_libraries_nothing_is_logged(
    lines: list[dict[str, Any]],
) -> None:
    assert not [line for line in lines if "below" in line["event"]]


def test_the_librarys_line_for_each_lost_connection_is_left_out_and_its_others_stay(
    lines: list[dict[str, Any]],
) -> None:
    told = [line["event"] for line in lines]
    assert "Connection was blocked" in told
    assert not [event for event in told if "creating transport" in event]
