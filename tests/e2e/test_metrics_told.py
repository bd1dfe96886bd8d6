"""What every service's `/metrics` says after a conversation with its mishaps: each of its metrics,
with the labels' values that are declared, and nobody's number in any."""

from __future__ import annotations

import ast
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import aiohttp
import exposition
from promises import check_promises
from scene import World
from test_secrets_stay_secret import metrics_of, park_something
from witnesses import Fate

from local.house import SERVICES

PATIENCE: Final = 30.0
TESTS: Final = Path(__file__).parents[1]

WORK: Final = "unit/test_bus_counting.py"
TEXTS: Final = "unit/test_metrics_of_texts.py"
RARE: Final[Mapping[tuple[str, str], str]] = {
    ("health", "heliograph_bus_publishes_total"): WORK,
    ("health", "heliograph_connection_checks_total"): "integration/test_health_validation.py",
    ("health", "heliograph_overdue_reports_total"): "unit/test_report_sweep.py",
    ("processor", "heliograph_cancelled_texts_total"): TEXTS,
    ("processor", "heliograph_deferred_total"): WORK,
    ("processor", "heliograph_notices_total"): TEXTS,
    ("processor", "heliograph_parked_total"): WORK,
    ("processor", "heliograph_retries_total"): WORK,
    ("processor", "heliograph_uncertain_total"): TEXTS,
    ("sender", "heliograph_circuits_opened_total"): "unit/test_sender_circuits.py",
    ("sender", "heliograph_deferred_total"): WORK,
    ("sender", "heliograph_failovers_total"): "unit/test_sender_failover.py",
    ("sender", "heliograph_limited_texts_total"): TEXTS,
    ("sender", "heliograph_retries_total"): WORK,
    ("sender", "heliograph_uncertain_total"): TEXTS,
}
"""What such a conversation need not bring about, and the test that does."""
EXPORTING: Final = {(name, "heliograph_spans_total") for name in SERVICES}
"""Only a process that exports traces counts these; `unit/test_tracing.py` has one do it."""


async def test_every_metric_is_told_and_no_label_has_another_value_than_it_may(
    world: World,
) -> None:
    await world.ensure(*SERVICES)
    await converse(world)
    await check_promises(world)
    shown = {name: await metrics_of(world, name) for name in SERVICES}
    assert [it for name in SERVICES for it in exposition.findings(name, shown[name])] == []
    unused = {(name, it) for name in SERVICES for it in exposition.unused(name, shown[name])}
    assert sorted(unused - RARE.keys() - EXPORTING) == []


def test_what_is_rare_is_shown_by_the_test_that_is_named() -> None:
    for (_, name), test in RARE.items():
        assert is_read(name, (TESTS / test).read_text(encoding="utf-8")), f"{test}: not {name}"


def test_a_metric_that_is_only_spoken_of_is_not_shown() -> None:
    name = "heliograph_retries_total"
    assert is_read(name, 'assert sample(metrics, "retries_total", queue="q") == 1')
    for text in ("# retries_total", '"""retries_total"""', 'sample(metrics, "my_retries_total")'):
        assert not is_read(name, text)


def is_read(name: str, text: str) -> bool:
    """Whether a test gives the metric's name, with or without our prefix, to what reads a value."""
    names = {name, name.removeprefix("heliograph_")}
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    given = [argument for call in calls for argument in call.args]
    return any(isinstance(it, ast.Constant) and it.value in names for it in given)


async def converse(world: World) -> None:
    """A text that comes twice and is answered, an answer whose provider is away at first, a STOP,
    nonsense, and a stranger at the console."""
    phone = world.new_phone()
    await world.text("Hello", phone=phone, copies=2)
    await world.notebook.wait_for_texts(world.sent, PATIENCE)
    world.simulator.fault("error_before_accept", phone=phone, count=1)
    await world.text("Hello again", phone=phone)
    await world.notebook.wait_for_texts(world.sent, PATIENCE)
    await world.text("STOP", phone=phone, fate=Fate.SILENT)
    await park_something(world, f"canary-{secrets.token_hex(8)}", phone)
    url = f"{world.house.console_url}/api/v1/tenants"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        assert answer.status == 401
