"""The capacity plan is arithmetic over measured costs; its page shows what the command prints."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from bench.capacity import RESULTS, Assumptions, Costs, plan, table
from sender.settings import SenderSettings

PAGE = Path(__file__).parents[2] / "docs/operations/capacity.md"
COSTS = Costs(webhook=1, processor=2, sender=10, rabbitmq=4, mongodb=8, stored=4096)
MONTH = 30 * 86_400
"""Seconds."""


def test_replicas_are_the_cores_that_the_peak_keeps_busy() -> None:
    given = Assumptions(peak=2, busy=0.5, provider_seconds=0.001, least=1)
    planned = plan(2 * MONTH * 100, COSTS, given)  # 100 pairs a second, 200 at the peak.
    assert planned.texts_a_second == pytest.approx(400)
    assert (planned.webhook, planned.processor, planned.sender) == (1, 1, 4)
    assert planned.rabbitmq_cores == pytest.approx(1.6)
    assert planned.mongodb_cores == pytest.approx(3.2)
    assert planned.messages_a_second == pytest.approx(1200)
    assert planned.stored_gib == pytest.approx(MONTH * 100 * 4096 / 1024**3)


def test_a_slow_provider_needs_more_senders_than_their_cores_do() -> None:
    given = Assumptions(peak=1, busy=0.5, provider_seconds=1.6, lanes=32, least=1)
    assert plan(2 * MONTH * 100, COSTS, given).sender == 10


def test_there_are_always_two_of_each() -> None:
    planned = plan(1000, COSTS, Assumptions())
    assert (planned.webhook, planned.processor, planned.sender) == (2, 2, 2)


def test_the_page_shows_what_the_command_prints() -> None:
    lanes = SenderSettings.model_fields["sender_lanes"].default
    costs = Costs.of(orjson.loads(RESULTS.read_bytes()))
    assert table(costs, Assumptions(lanes=lanes)) in PAGE.read_text(encoding="utf-8")
