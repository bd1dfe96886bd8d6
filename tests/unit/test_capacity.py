"""The capacity plan is arithmetic over measured costs and over what the manifests give; its page
shows what the command prints."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import orjson
import pytest

from bench import deployed
from bench.capacity import BEGIN, END, main, output, usual, written
from bench.planning import RESULTS, Assumptions, Costs, plan

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


def test_memory_disks_and_the_brokers_room_are_planned_in_bytes() -> None:
    given = Assumptions(
        peak=2, remembered_days=3, kept_months=4, waiting_hours=1, message_bytes=1024
    )
    planned = plan(2 * MONTH * 100, COSTS, given)
    assert planned.remembered_gib == pytest.approx(planned.stored_gib / 10)
    assert planned.kept_gib == pytest.approx(planned.stored_gib * 4)
    assert planned.waiting_gib == pytest.approx(200 * 3600 * 1024 / 1024**3)


# What is deployed


def manifests(**changes: float | str) -> Any:
    """The manifests with fields changed, by what they are called with underscores."""
    objects = copy.deepcopy(deployed.read())
    for item in objects:
        if item["kind"] == "MongoDBCommunity":
            (member,) = (
                it
                for it in item["spec"]["statefulSet"]["spec"]["template"]["spec"]["containers"]
                if it["name"] == "mongod"
            )
            member["resources"]["requests"]["cpu"] = changes.get("cores", "1000")
            member["resources"]["limits"]["memory"] = changes.get("memory", "100Ti")
        if item["kind"] == "ScaledObject" and item["metadata"]["name"] == "sender":
            item["spec"]["maxReplicaCount"] = changes.get("senders", 1000)
    return objects


def field(what: str) -> deployed.Field:
    return next(it for it in deployed.fields(0) if it.what == what)


def test_what_a_field_carries_is_the_most_that_the_plan_allows_it() -> None:
    given = Assumptions(peak=2, busy=0.5, provider_seconds=0.001)
    senders = field("senders at most")
    texts = deployed.carried(senders, manifests(senders=4), COSTS, given)
    assert plan(texts, COSTS, given).sender == 4
    assert plan(texts + 1, COSTS, given).sender == 5
    memory = field("memory of a MongoDB member")
    texts = deployed.carried(memory, manifests(memory="8Gi"), COSTS, given)
    assert plan(texts, COSTS, given).remembered_gib == pytest.approx(3.5, rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"cores": "20m"}, "cores of a MongoDB member"),
        ({"memory": "1100Mi"}, "memory of a MongoDB member"),
        ({"senders": 2}, "senders at most"),
    ],
)
def test_the_summary_names_what_ends_first(changes: dict[str, float | str], first: str) -> None:
    # Disks that are never full, so that only what the test changes can end.
    given = Assumptions(kept_months=1e-6, waiting_hours=1e-6, provider_seconds=9)
    said = deployed.summary(manifests(**changes), COSTS, given)
    assert said.endswith(f"What ends first: {first}.")


def test_what_is_too_small_as_shipped_is_in_bold() -> None:
    months = (1_000_000, 1_000_000_000)
    lines = deployed.raising(manifests(senders=3), COSTS, Assumptions(), months).splitlines()
    (senders,) = (line for line in lines if "senders" in line)
    _, _, shipped, small, large, _, _ = (cell.strip() for cell in senders.split("|"))
    assert (shipped, small) == ("3", "2")
    assert large == f"**{plan(months[1], COSTS, Assumptions()).sender}**"


def test_a_field_that_is_gone_is_an_error() -> None:
    objects = manifests()
    for item in objects:
        if item["kind"] == "RabbitmqCluster":
            del item["spec"]["persistence"]
    with pytest.raises(deployed.FieldMissing):
        field("disk of a RabbitMQ node").shipped(objects)
    with pytest.raises(deployed.FieldMissing):
        field("webhooks at most").shipped([])


@pytest.mark.parametrize(
    ("written_as", "value"), [("250m", 0.25), ("2", 2), (12, 12), ("512Mi", 0.5), ("1Ti", 1024)]
)
def test_quantities_are_read_as_cores_and_gib(written_as: str | int, value: float) -> None:
    assert deployed.quantity(written_as) == value


# The page


def test_the_page_shows_what_the_command_prints() -> None:
    costs = Costs.of(orjson.loads(RESULTS.read_bytes()))
    page = PAGE.read_text(encoding="utf-8")
    assert written(page, output(costs, usual())) == page, (
        "python -m bench.capacity --write docs/operations/capacity.md"
    )


def test_writing_replaces_what_stands_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    for _ in range(2):
        main(["--texts", "1000000", "--write", str(page)])
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{BEGIN}\n\n| texts a month")
    assert text.endswith(f"\n\n{END}\nafter\n")
    assert "old" not in text
    with pytest.raises(ValueError, match="lacks"):
        written("no marks", "text")
