"""Secrets stay secret and texts stay with those who may read them, over the whole house: API,
console, command line, logs, metrics, bus, dead letters and database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

import pymongo
import pytest
from canaries import Kind
from persons import ROUTES
from secret_story import tell
from secret_world import Stage, open_stage
from sinks import (
    READ,
    STREAMS,
    dump,
    history_since,
    listening,
    newest_write,
    read_everything,
    sinks_of,
)

from common.store.control import CLEARED
from health.access.roles import Role
from local.nodes import MongoNode

RANKS: Final = list(Role)

pytestmark = pytest.mark.timeout(300)  # The first test waits for the whole story.


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was left behind when everything was over."""

    stage: Stage
    sinks: dict[str, str]
    opened: dict[str, set[str]]
    """Names of the routes that each person could read."""
    connections: list[dict[str, Any]]


@pytest.fixture(scope="module")
async def evidence(
    mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Evidence]:
    """The story is told once; each test looks for something else."""
    async with open_stage(mongo, tmp_path_factory.mktemp("canaries")) as stage:
        begin = newest_write(mongo.uri)
        async with listening(stage):
            await tell(stage)
            opened = await read_everything(stage)
        history = history_since(mongo.uri, begin)
        name = stage.world.mongo_database
        with pymongo.MongoClient[dict[str, Any]](mongo.uri) as client:
            connections = list(client[name]["connections"].find())
        sinks = stage.heard | await sinks_of(stage, history) | dump(mongo.uri, name)
        yield Evidence(stage, sinks, opened, connections)


async def test_no_secret_is_anywhere_but_in_the_one_answer_that_shows_it(
    evidence: Evidence,
) -> None:
    assert evidence.stage.cage.found(evidence.sinks, Kind.SECRET) == []


async def test_words_and_numbers_are_for_readers_of_conversations_only(evidence: Evidence) -> None:
    assert evidence.stage.cage.found(evidence.sinks, Kind.WORDS, Kind.REMOTE) == []


@pytest.mark.parametrize(
    "sink",
    ["log ", "metrics ", "spans", "stream ", "bus headers", "operator GET look_at_dead_letters"],
)
async def test_not_even_our_own_number_is_in(evidence: Evidence, sink: str) -> None:
    chosen = {name: text for name, text in evidence.sinks.items() if name.startswith(sink)}
    assert chosen
    ours = evidence.stage.world.seed.number.removeprefix("+")
    assert [name for name, text in chosen.items() if ours in text] == []


async def test_a_disconnected_connection_keeps_nothing_of_its_credentials(
    evidence: Evidence,
) -> None:
    assert len(evidence.connections) == 3
    for connection in evidence.connections:
        assert connection["sealed"] == CLEARED
        assert set(connection["public"].values()) <= {CLEARED}
    stored = "".join(text for name, text in evidence.sinks.items() if name.startswith("store "))
    pieces = {
        value.decode("latin-1") if isinstance(value, bytes) else value
        for sealed in evidence.stage.sealed
        if sealed != CLEARED
        for value in sealed.values()
        if isinstance(value, bytes | str) and len(value) > 20
    }
    assert len(pieces) > len(evidence.connections)
    assert [piece for piece in pieces if piece in stored] == []


async def test_everything_that_can_be_read_was_read(evidence: Evidence) -> None:
    """What no role can read would prove nothing; a new route has to be given what it needs."""
    for role in Role:
        may = {
            route.name
            for route in READ
            if route.needs is None or RANKS.index(role) >= RANKS.index(route.needs)
        }
        # Home leads elsewhere.
        assert may - evidence.opened[role.value] == {"home_page"}, role
    public = {route.name for route in READ if route.needs is None}
    assert evidence.opened["nobody"] == public
    mine = {route.name for route in ROUTES if route.of_tenant}
    assert not evidence.opened["stranger"] & mine
    for route in STREAMS:
        assert "data:" in evidence.sinks[f"stream {route.name}"]


async def test_the_canaries_were_where_they_had_to_be(evidence: Evidence) -> None:
    """Or the search would prove nothing."""
    cage, sinks = evidence.stage.cage, evidence.sinks
    everywhere = {"viewer GET read_thread", "viewer GET conversation_page", "store messages"}
    held = [it.value for it in cage.canaries if it.what.startswith(("held", "other words"))]
    assert len(held) == 7
    for sink in everywhere:
        assert [words for words in held if words not in sinks[sink]] == [], sink
    for log, event in {
        "webhook": "event.parked",
        "sender": "message.parked",
        "health": "access.refused",
        "health-2": "HELIOGRAPH_MASTER_KEY does not open",
    }.items():
        assert event in sinks[f"log {log}.log"], log
    for span in ("deliver acs", "process processor.inbound", "call acs", "apply report"):
        assert f"name='{span}'" in sinks["spans"], span
    for queue in ("sender.commands", "processor.inbound", "agent.acme.front-desk"):
        assert f'"parked_from":"{queue}"' in sinks["operator GET look_at_dead_letters"]
    for action in ("rotated", "credentials", "disconnected", "reconnected"):
        assert f"connection.{action}" in sinks["admin GET list_audit"]
