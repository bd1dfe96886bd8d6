"""Promises of a number with two connections, on the real servers: one text each time, through the
connection that can carry it, and a connection that cannot is left in peace."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from sender_world import CONNECTION, KEY, NUMBER, PHONE, World, command

from common.bus.topology import CHANGES_EXCHANGE, Binding, Queue, Topology
from common.circuit import CLOSED, FAILURES, CircuitKind
from common.events import ConnectionChanged
from common.store.records import ConnectionStatus
from heliograph.codes import TEXTS, OutcomeCode
from heliograph.models import OutcomeStatus
from local.simulator import Simulator

BACKUP = "backup"
SENT = OutcomeStatus.SENT


@pytest.fixture
async def backup() -> AsyncIterator[Simulator]:
    async with Simulator(access_key=KEY, numbers=[NUMBER], time_scale=0.001, seed=2) as sim:
        yield sim


@pytest.fixture
async def two(world: World, backup: Simulator) -> World:
    """The world, its number's texts falling back on a second resource."""
    await world.put_line(BACKUP, backup.url)
    await world.fall_back_on(BACKUP)
    return world


def nobody() -> str:
    """An address that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def phones(*sims: Simulator) -> list[int]:
    return [len(sim.phone(PHONE).received) for sim in sims]


async def test_what_the_first_provider_does_not_even_hear_goes_through_the_second_once(
    two: World, backup: Simulator
) -> None:
    await two.put_line(CONNECTION, nobody())
    async with two.sender():
        outcome = await two.send(command())
        again = await two.send(command())
    assert (outcome.status, again) == (SENT, outcome)
    assert (two.sim.sends, phones(two.sim, backup)) == ([], [0, 1])
    text = await two.database.collection("messages").find_one({"_id": outcome.message_id})
    assert text is not None
    assert (text["connection_id"], text["detours"][0]["from"]) == (BACKUP, CONNECTION)
    samples = two.metrics.registry.get_sample_value
    ways = {"from_provider": "acs", "to_provider": "acs"}
    assert samples("heliograph_failovers_total", ways) == 1


@pytest.mark.parametrize("fault", ["cut_after_accept", "error_before_accept"])
async def test_after_an_ambiguous_answer_the_second_provider_is_never_called(
    two: World, backup: Simulator, fault: str
) -> None:
    two.sim.fault(fault)
    async with two.sender(sender_attempts=3):
        outcome = await two.send(command())
    assert outcome.code is OutcomeCode.AMBIGUOUS
    assert len(two.sim.sends) == 3
    assert backup.sends == []


async def test_a_conversation_stays_with_the_provider_that_carried_it(
    two: World, backup: Simulator
) -> None:
    two.sim.fault("recipient_error", count=1, http_status_code=503)
    async with two.sender():
        assert (await two.send(command("c-1"))).status is SENT
        assert (await two.send(command("c-2"))).status is SENT
        assert (await two.send(command("c-3", to="+15551230002"))).status is SENT
    assert phones(two.sim, backup) == [0, 2]
    assert len(two.sim.phone("+15551230002").received) == 1


async def test_a_refused_account_is_an_error_with_an_open_circuit_until_it_has_new_credentials(
    world: World,
) -> None:
    queue = Queue("test.changes", {"x-queue-type": "quorum"}, (Binding(CHANGES_EXCHANGE, ""),))
    await world.bus.declare(Topology((), (queue,)))
    changes = await world.bus.subscribe(queue.name, prefetch=10)
    await world.put_line(CONNECTION, world.sim.url, key="QUJD")
    async with world.sender():
        assert (await world.send(command("c-1"))).code is OutcomeCode.CREDENTIALS_REJECTED
        record = await world.connection()
        assert record.status is ConnectionStatus.ERROR
        assert record.error == TEXTS[OutcomeCode.CREDENTIALS_REJECTED].person
        assert record.circuit.kind is CircuitKind.ACCOUNT
        async with asyncio.timeout(10):
            change = await changes.deliveries.get()
        assert ConnectionChanged.decode(change.body).connection_id == CONNECTION
        await change.ack()
        assert (await world.send(command("c-2"))).code is OutcomeCode.CREDENTIALS_REJECTED
        assert len(world.sim.sends) == 1
        await world.put_line(CONNECTION, world.sim.url)
        assert (await world.send(command("c-3"))).status is SENT
    record = await world.connection()
    assert (record.status, record.circuit) == (ConnectionStatus.ACTIVE, CLOSED)


async def test_after_a_refused_account_this_text_and_the_next_go_through_the_second_provider(
    two: World, backup: Simulator
) -> None:
    two.sim.fault("key_revoked")
    async with two.sender():
        assert (await two.send(command("c-1"))).status is SENT
        assert (await two.send(command("c-2", to="+15551230002"))).status is SENT
    assert (len(two.sim.sends), len(backup.sends)) == (1, 2)
    assert (await two.connection()).status is ConnectionStatus.ERROR


async def test_of_two_replicas_texts_one_tries_a_connection_whose_rest_is_over(
    world: World,
) -> None:
    world.sim.fault("recipient_error", http_status_code=503)
    async with world.sender(sender_attempts=1), world.sender(sender_attempts=1):
        for place in range(FAILURES):
            outcome = await world.send(command(f"c-{place}", to=f"+1555123010{place}"))
            assert outcome.code is OutcomeCode.PROVIDER_UNAVAILABLE
        for place in range(8):
            await world.publish(command(f"w-{place}", to=f"+1555123020{place}").encode())
        await _until_waiting(world, 8)
        assert len(world.sim.sends) == FAILURES
        assert (await world.connection()).circuit.kind is CircuitKind.FAILING

        world.sim.clear_faults("recipient_error")
        world.sim.fault("slow", count=1, seconds=2)
        await world.end_rest()
        await world.sim.wait_for("send", FAILURES + 1, 15)
        await asyncio.sleep(1)  # While one tries, the others come and find that it does.
        assert len(world.sim.sends) == FAILURES + 1
        outcomes = [await world.outcome() for _ in range(8)]
    assert {outcome.status for outcome in outcomes} == {SENT}
    assert len(world.sim.sends) == FAILURES + 8
    assert (await world.connection()).circuit == CLOSED


async def _until_waiting(world: World, many: int) -> None:
    """Until so many texts wait for the connection."""
    messages = world.database.collection("messages")
    async with asyncio.timeout(15):
        while await messages.count_documents({"state": "waiting"}) < many:  # noqa: ASYNC110 - a database tells nobody
            await asyncio.sleep(0.05)
