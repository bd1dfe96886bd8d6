"""Promises of the sender's handler where another replica, a fault or the clock comes in between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest
from sender_desk import LEASE, Desk, delivery
from sender_stand_ins import NUMBER, command

from common.bus.messages import BusUnavailable
from common.bus.verdicts import Defer, Done, Park
from common.errors import StoreUnavailable
from common.ids import derive_uuid
from common.providers.port import Ambiguous, NotProcessed, Refused
from common.store.memory import MemoryOutbound
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus
from sender import carrying
from sender.clients import Outdated
from sender.texts import now

PHONE = "+15551230001"
THROTTLED = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "slow down")


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.prepare()
    return made


async def test_a_text_in_another_replicas_hand_is_left_alone(desk: Desk) -> None:
    desk.client.blocking = True
    first = asyncio.create_task(desk.replica("a").handle(delivery()))
    await desk.client.busy.wait()
    assert await desk.replica("b").handle(delivery()) == Defer(1.0)
    desk.client.release.set()
    assert await first == Done()
    assert await desk.replica("b").handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    first_told, again = desk.told()
    assert first_told == again


async def test_what_a_crash_left_behind_is_sent_again_with_the_same_values(desk: Desk) -> None:
    desk.client.answers.append(RuntimeError("as if the plug were pulled"))
    with pytest.raises(RuntimeError):
        await desk.replica("a").handle(delivery())
    assert await desk.replica("b").handle(delivery()) == Defer(1.0)
    desk.wind(LEASE + 1)
    assert await desk.replica("b").handle(delivery()) == Done()
    one, two = desk.client.sent
    assert one == two
    assert one.request_id == derive_uuid("repeatability", one.reference)
    assert [outcome.status for outcome in desk.told()] == [OutcomeStatus.SENT]


async def test_what_a_crash_left_behind_stays_uncertain_without_deduplication() -> None:
    desk = Desk(deduplicates=False)
    await desk.prepare()
    desk.client.answers.append(RuntimeError("as if the plug were pulled"))
    with pytest.raises(RuntimeError):
        await desk.replica("a").handle(delivery())
    desk.wind(LEASE + 1)
    assert await desk.replica("b").handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.status for outcome in desk.told()] == [OutcomeStatus.UNCERTAIN]


async def test_a_lost_answer_is_uncertain_at_once_without_deduplication() -> None:
    desk = Desk(deduplicates=False)
    await desk.prepare()
    desk.client.answers.append(Ambiguous("no answer"))
    assert await desk.replica(in_place=5.0).handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.AMBIGUOUS]


async def test_a_number_that_moved_to_another_connection_is_not_tried_there_again(
    desk: Desk,
) -> None:
    desk.client.answers.append(Ambiguous("no answer"))
    assert isinstance(await desk.replica().handle(delivery()), Defer)
    await desk.connect("second", {"key": "good"})
    assert await desk.replica().handle(delivery()) == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.AMBIGUOUS]


async def test_a_replica_that_lost_its_lease_sends_nothing(desk: Desk) -> None:
    asked, slow = asyncio.Event(), asyncio.Event()
    get = desk.connections.get

    async def slow_get(tenant_id: str, connection_id: str) -> Any:
        asked.set()
        await slow.wait()
        return await get(tenant_id, connection_id)

    desk.connections.get = slow_get  # type: ignore[method-assign]
    late = asyncio.create_task(desk.replica("a").handle(delivery()))
    await asked.wait()
    desk.wind(LEASE + 1)
    desk.connections.get = get  # type: ignore[method-assign]
    assert await desk.replica("b").handle(delivery()) == Done()
    slow.set()
    assert await late == Defer(1.0)
    assert len(desk.client.sent) == 1


async def test_a_replica_that_lost_its_lease_says_nothing_of_what_another_may_be_sending(
    desk: Desk,
) -> None:
    desk.client.blocking = True
    desk.client.answers.append(Refused(OutcomeCode.PROVIDER_REJECTED, "no"))
    late = asyncio.create_task(desk.replica("a").handle(delivery()))
    await desk.client.busy.wait()
    (document,) = desk.memory.messages.values()
    document["lease_owner"] = "b"
    desk.client.release.set()
    assert await late == Defer(1.0)
    assert desk.told() == []


async def test_a_reused_command_id_tells_nothing_of_the_command_that_has_it(desk: Desk) -> None:
    await desk.replica().handle(delivery(command(to="+15551230009", body="first")))
    assert await desk.replica().handle(delivery(command(body="second"))) == Done()
    refused = desk.told()[1]
    assert (refused.code, refused.to, refused.body) == (
        OutcomeCode.COMMAND_ID_REUSED,
        PHONE,
        None,
    )


async def test_long_waits_are_spent_in_the_queue_and_attempts_are_counted(desk: Desk) -> None:
    desk.client.answers += [THROTTLED, NotProcessed(THROTTLED.code, "", 45.0), THROTTLED]
    handler = desk.replica(attempts=3)
    assert await handler.handle(delivery()) == Defer(2.0)
    assert desk.told() == []
    desk.wind(10)
    assert await handler.handle(delivery()) == Defer(45.0)
    # A 429 is the number's: until it may send again, looking uses up no attempt.
    assert await handler.handle(delivery()) == Defer(30.0)
    desk.wind(46)
    assert await handler.handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.PROVIDER_THROTTLED]
    assert len(desk.client.sent) == 3


async def test_short_waits_are_made_in_place_with_the_same_values(desk: Desk) -> None:
    away = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "away")
    desk.client.answers += [away, Ambiguous("no answer")]
    assert await desk.replica(in_place=5.0).handle(delivery()) == Done()
    assert len({(text.request_id, text.first_sent) for text in desk.client.sent}) == 1
    assert len(desk.client.sent) == 3


async def test_a_command_that_expires_while_it_waits_is_not_sent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = command(expires_at=datetime.now(UTC) + timedelta(hours=1))
    desk.client.answers.append(THROTTLED)
    assert isinstance(await desk.replica().handle(delivery(order)), Defer)
    monkeypatch.setattr(carrying, "now", lambda: now() + timedelta(hours=1))
    assert await desk.replica().handle(delivery(order)) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.COMMAND_EXPIRED]
    assert len(desk.client.sent) == 1


async def test_an_outcome_that_the_bus_did_not_take_is_told_when_it_is_back(desk: Desk) -> None:
    desk.broker.stop()
    with pytest.raises(BusUnavailable):
        await desk.replica().handle(delivery())
    desk.broker.start()
    assert await desk.replica().handle(delivery()) == Done()
    assert [outcome.status for outcome in desk.told()] == [OutcomeStatus.SENT]
    assert len(desk.client.sent) == 1


async def test_without_the_store_nothing_leaves(desk: Desk) -> None:
    desk.memory.away = True
    with pytest.raises(StoreUnavailable):
        await desk.replica().handle(delivery())
    assert desk.client.sent == []


async def test_an_agent_that_was_switched_off_sends_nothing(desk: Desk) -> None:
    desk.memory.agents["acme/support"]["active"] = False
    assert await desk.replica().handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.NOT_AUTHORISED]
    assert desk.client.sent == []


async def test_a_disconnected_number_sends_nothing(desk: Desk) -> None:
    desk.memory.connections["acme/line"]["status"] = "disconnected"
    assert await desk.replica().handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.CONNECTION_INACTIVE]
    assert desk.client.sent == []


async def test_credentials_that_no_client_can_be_built_from_are_a_final_refusal() -> None:
    desk = Desk()
    await desk.prepare({"key": "bad"})
    assert await desk.replica().handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.CREDENTIALS_UNREADABLE]


async def test_an_unproven_command_is_parked_and_only_its_publisher_told(desk: Desk) -> None:
    stranger = delivery()
    stranger.user_id = "mallory"
    verdict = await desk.replica().handle(stranger)
    assert isinstance(verdict, Park)
    assert verdict.code == "not_authorised"
    assert desk.told() == []


async def test_every_outcome_is_counted_once_however_often_it_is_told(desk: Desk) -> None:
    handler = desk.replica()
    for _ in range(3):
        await handler.handle(delivery())
    assert len(desk.told()) == 3
    assert desk.metrics.registry.get_sample_value(
        "heliograph_outcomes_total", {"status": "sent", "code": "sent"}
    ) == pytest.approx(1)


async def route_of(desk: Desk) -> Any:
    route = await MemoryOutbound(desk.memory).route("acme", NUMBER)
    assert route is not None
    return route


async def test_one_client_serves_a_connection_until_its_credentials_change(desk: Desk) -> None:
    route = await route_of(desk)
    for _ in range(3):
        async with desk.clients.use(route) as client:
            assert client is desk.client
    assert (desk.provider.connected, desk.client.closed) == (1, 0)
    await desk.clients.drop("acme", "line")
    assert desk.client.closed == 1
    async with desk.clients.use(route):
        pass
    assert desk.provider.connected == 2


async def test_no_client_is_built_of_newer_credentials_than_the_route_names(desk: Desk) -> None:
    old = await route_of(desk)
    await desk.connect("line", {"key": "good", "client": "of another account"})
    async with desk.clients.use(old) as client:
        assert client == Outdated()
    assert desk.provider.connected == 0


async def test_a_text_whose_route_is_out_of_date_looks_again_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = await route_of(desk)
    await desk.connect("line", {"key": "good"})
    monkeypatch.setattr(desk.store, "route", AsyncMock(return_value=old))
    assert await desk.replica().handle(delivery()) == Defer(0.5)
    assert desk.client.sent == []
    monkeypatch.undo()
    assert await desk.replica().handle(delivery()) == Done()
    assert len(desk.client.sent) == 1


async def test_a_dropped_client_is_closed_only_after_its_last_call(desk: Desk) -> None:
    route = await route_of(desk)
    async with desk.clients.use(route):
        await desk.clients.drop("acme", "line")
        assert desk.client.closed == 0
    assert desk.client.closed == 1


async def test_the_pool_keeps_no_more_clients_than_its_size(desk: Desk) -> None:
    for _ in range(3):
        await desk.connect("line", {"key": "good"})
        async with desk.clients.use(await route_of(desk)):
            pass
    assert desk.client.closed == 1
    await desk.clients.close()
    assert desk.client.closed == 3
