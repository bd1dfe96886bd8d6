"""What every store promises about circuits, and about the connections that a number may fall back
on."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from conformance.store_connections import SEALED, connect, disconnect, put_number
from conformance.store_world import (
    LEASE,
    NUMBER,
    REMOTE,
    START,
    Stores,
    new_outbound,
    new_text,
    outcome_of,
    record,
    send,
)

from common.circuit import (
    CLOSED,
    FAILURES,
    Circuit,
    CircuitKind,
    CircuitState,
    Fuse,
)
from common.circuit_words import (
    AccountRefused,
    Failed,
    Said,
    Worked,
)
from common.store.records import (
    ConnectionStatus,
    Detour,
    NewOutbound,
    Noted,
    Route,
    Trying,
)
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus

AWAY = Failed(OutcomeCode.PROVIDER_UNAVAILABLE)
WRONG_KEY = AccountRefused(OutcomeCode.CREDENTIALS_REJECTED)
NOT_OURS = AccountRefused(OutcomeCode.SENDER_NOT_OWNED)
NEIGHBOUR = "+15550100055"
BACKUP = "backup"


async def route_of(stores: Stores) -> Route:
    route = await stores.outbound.route("acme", NUMBER)
    assert route is not None
    return route


async def note(stores: Stores, said: Said, *, version: str = "", number: str = NUMBER) -> Noted:
    """What a call that began just now has come to."""
    route = await route_of(stores)
    return await stores.circuits.note(
        "acme",
        "line",
        said,
        credentials_version=version or route.credentials_version,
        number=number,
        began=stores.clock(),
    )


async def take_try(stores: Stores, number: str = NUMBER) -> Trying:
    version = (await route_of(stores)).credentials_version
    return await stores.circuits.take_try(
        "acme", "line", credentials_version=version, number=number, seconds=9
    )


async def give_back(stores: Stores, until: datetime, number: str = NUMBER) -> None:
    version = (await route_of(stores)).credentials_version
    await stores.circuits.give_back(
        "acme", "line", credentials_version=version, number=number, until=until
    )


async def status_of(stores: Stores) -> tuple[ConnectionStatus, str | None]:
    record = await stores.connections.get("acme", "line")
    assert record is not None
    return record.status, record.error


class CircuitSuite:
    async def test_all_that_is_known_of_a_circuit_is_read_with_the_route(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        assert (await route_of(stores)).circuit == CLOSED
        await note(stores, AWAY)
        sender = Fuse(
            kind=CircuitKind.ACCOUNT,
            since=START,
            opened_at=START,
            rests_until=START + timedelta(seconds=60),
            code=OutcomeCode.SENDER_NOT_OWNED,
            opened=1,
            number=NUMBER,
        )
        noted = await note(stores, NOT_OURS)
        assert (await route_of(stores)).circuit == noted.after == Circuit(senders=(sender,))
        stores.clock.advance(1)
        await note(stores, WRONG_KEY)
        noted = await note(stores, NOT_OURS, number=NEIGHBOUR)
        assert (await route_of(stores)).circuit == noted.after
        assert [fuse.number for fuse in noted.after.fuses] == [None, NEIGHBOUR, NUMBER]
        record = await stores.connections.get("acme", "line")
        assert record is not None
        assert record.circuit == noted.after

    async def test_failures_in_a_row_open_it_and_leave_the_status(self, stores: Stores) -> None:
        await connect(stores)
        for _ in range(FAILURES - 1):
            assert not (await note(stores, AWAY)).opened
        noted = await note(stores, AWAY)
        assert (noted.opened, noted.status_changed) == (True, False)
        assert noted.after.kind is CircuitKind.FAILING
        assert await status_of(stores) == (ConnectionStatus.ACTIVE, None)

    async def test_failures_that_come_at_once_are_all_counted(self, stores: Stores) -> None:
        await connect(stores)
        noted = await asyncio.gather(*(note(stores, AWAY) for _ in range(FAILURES)))
        assert sum(one.opened for one in noted) == 1
        assert (await route_of(stores)).circuit.failures == FAILURES

    async def test_a_refused_account_is_an_error_until_texts_are_taken_again(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        noted = await note(stores, WRONG_KEY)
        assert (noted.opened, noted.status_changed) == (True, True)
        assert await status_of(stores) == (
            ConnectionStatus.ERROR,
            "The provider refused the connection's credentials.",
        )
        stores.clock.advance(61)
        again = await note(stores, WRONG_KEY)
        assert (again.opened, again.status_changed, again.after.opened) == (True, False, 2)
        stores.clock.advance(121)
        back = await note(stores, Worked())
        assert (back.after, back.status_changed) == (CLOSED, True)
        assert await status_of(stores) == (ConnectionStatus.ACTIVE, None)
        assert (await route_of(stores)).circuit == CLOSED

    async def test_of_several_that_want_to_try_one_does(self, stores: Stores) -> None:
        await connect(stores)
        await note(stores, WRONG_KEY)
        resting = await take_try(stores)
        assert (resting.until, resting.circuit.kind) == (None, CircuitKind.ACCOUNT)
        stores.clock.advance(60)
        tries = await asyncio.gather(*(take_try(stores) for _ in range(5)))
        until = START + timedelta(seconds=69)
        assert [one.until for one in tries if one.until is not None] == [until]
        circuit = (await route_of(stores)).circuit
        assert circuit.state(NUMBER, stores.clock()) is CircuitState.RESTING

    async def test_a_try_ends_when_it_is_given_back_or_its_time_is_over(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        await note(stores, WRONG_KEY)
        stores.clock.advance(60)
        first = await take_try(stores)
        assert first.until is not None
        for until, free in ((first.until + timedelta(seconds=1), False), (first.until, True)):
            await give_back(stores, until)
            assert ((await take_try(stores)).until is not None) is free
        stores.clock.advance(8)
        assert (await take_try(stores)).until is None
        stores.clock.advance(1)
        assert (await take_try(stores)).until is not None

    async def test_each_refused_sender_is_tried_on_its_own(self, stores: Stores) -> None:
        await connect(stores)
        for number in (NUMBER, NEIGHBOUR):
            noted = await note(stores, NOT_OURS, number=number)
            assert [fuse.number for fuse in noted.openings] == [number]
        assert len((await route_of(stores)).circuit.senders) == 2
        stores.clock.advance(60)
        for number in (NUMBER, NEIGHBOUR):
            tries = await asyncio.gather(*(take_try(stores, number) for _ in range(5)))
            assert sum(one.until is not None for one in tries) == 1
        circuit = (await route_of(stores)).circuit
        assert circuit.state("+15550100066", stores.clock()) is CircuitState.CLOSED
        await give_back(stores, stores.clock() + timedelta(seconds=9), NEIGHBOUR)
        assert (await take_try(stores, NUMBER)).until is None
        assert (await take_try(stores, NEIGHBOUR)).until is not None

    async def test_refusals_of_many_senders_at_once_are_all_noted(self, stores: Stores) -> None:
        await connect(stores)
        numbers = [f"+1555020000{place}" for place in range(6)]
        await asyncio.gather(*(note(stores, NOT_OURS, number=number) for number in numbers))
        circuit = (await route_of(stores)).circuit
        assert sorted(fuse.number or "" for fuse in circuit.senders) == numbers

    async def test_an_error_lasts_until_texts_of_each_refused_sender_are_taken(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        for number in (NUMBER, NEIGHBOUR):
            await note(stores, NOT_OURS, number=number)
        stores.clock.advance(60)
        for place in range(FAILURES):
            noted = await note(stores, AWAY, number=f"+1555020000{place}")
            assert not noted.status_changed
        assert noted.after.kind is CircuitKind.FAILING
        stores.clock.advance(60)
        for number, status in (
            ("+15550200000", ConnectionStatus.ERROR),
            (NUMBER, ConnectionStatus.ERROR),
            (NEIGHBOUR, ConnectionStatus.ACTIVE),
        ):
            await note(stores, Worked(), number=number)
            assert (await status_of(stores))[0] is status
        assert (await route_of(stores)).circuit == CLOSED

    async def test_a_try_that_fails_makes_it_rest_for_longer(self, stores: Stores) -> None:
        await connect(stores)
        await note(stores, WRONG_KEY)
        stores.clock.advance(60)
        await take_try(stores)
        noted = await note(stores, WRONG_KEY)
        assert noted.after.rests_until == stores.clock() + timedelta(seconds=120)
        assert noted.after.trying_until is None

    async def test_new_credentials_close_it_and_the_old_ones_say_nothing_more(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        old = (await route_of(stores)).credentials_version
        await note(stores, WRONG_KEY)
        await stores.connections.put_connection(
            "acme", "line", name="Line", provider="acs", sealed=SEALED
        )
        assert (await route_of(stores)).circuit == CLOSED
        assert await note(stores, WRONG_KEY, version=old) == Noted()
        assert await status_of(stores) == (ConnectionStatus.ACTIVE, None)
        trying = await stores.circuits.take_try(
            "acme", "line", credentials_version=old, number=NUMBER, seconds=9
        )
        assert trying == Trying(until=None, circuit=CLOSED)

    @pytest.mark.parametrize("works", [False, True])
    async def test_only_a_check_that_finds_it_in_order_closes_it(
        self, stores: Stores, works: bool
    ) -> None:
        await connect(stores)
        await note(stores, WRONG_KEY)
        await stores.connections.set_status(
            "acme",
            "line",
            status=ConnectionStatus.ACTIVE,
            error=None,
            checked_at=START,
            works=works,
        )
        assert ((await route_of(stores)).circuit == CLOSED) is works

    async def test_a_disconnected_connection_has_no_circuit(self, stores: Stores) -> None:
        await connect(stores)
        await note(stores, WRONG_KEY)
        version = (await route_of(stores)).credentials_version
        await disconnect(stores)
        assert await note(stores, WRONG_KEY, version=version) == Noted()
        record = await stores.connections.get("acme", "line")
        assert record is not None
        assert (record.status, record.circuit) == (ConnectionStatus.DISCONNECTED, CLOSED)

    async def test_another_tenants_connection_is_not_touched(self, stores: Stores) -> None:
        await connect(stores)
        version = (await route_of(stores)).credentials_version
        noted = await stores.circuits.note(
            "other", "line", WRONG_KEY, credentials_version=version, number=NUMBER, began=START
        )
        assert noted == Noted()
        assert (await route_of(stores)).circuit == CLOSED


class FailoverSuite:
    async def test_a_route_has_the_connections_to_fall_back_on_in_order(
        self, stores: Stores
    ) -> None:
        await connect(stores)
        assert (await route_of(stores)).alternatives == ()
        for name in ("a-line", "b-line"):
            await stores.connections.put_connection(
                "acme", name, name=name, provider="twilio", sealed=SEALED
            )
        await connect(stores, "other", connection="c-line", address=None)
        await stores.failover("acme", NUMBER, ("b-line", "gone", "line", "c-line", "a-line"))
        await stores.connections.set_status(
            "acme", "a-line", status=ConnectionStatus.DISCONNECTED, error=None, checked_at=START
        )
        route = await route_of(stores)
        b_line, a_line = route.alternatives
        assert (b_line.connection_id, b_line.provider) == ("b-line", "twilio")
        assert (b_line.status, b_line.circuit) == (ConnectionStatus.ACTIVE, CLOSED)
        assert (a_line.connection_id, a_line.status) == ("a-line", ConnectionStatus.DISCONNECTED)
        through = route.through(b_line)
        assert (through.connection_id, through.provider) == ("b-line", "twilio")
        assert through.credentials_version == b_line.credentials_version

    async def test_a_freed_number_falls_back_on_nothing(self, stores: Stores) -> None:
        await connect(stores)
        await connect(stores, connection=BACKUP, address=None)
        await stores.failover("acme", NUMBER, (BACKUP,))
        assert len((await route_of(stores)).alternatives) == 1
        await disconnect(stores)
        assert (await route_of(stores)).alternatives == ()

    @pytest.mark.parametrize(("unsent", "connection"), [(True, BACKUP), (False, "line")])
    async def test_a_text_goes_over_to_another_connection_only_where_nothing_was_sent(
        self, stores: Stores, unsent: bool, connection: str
    ) -> None:
        await connect(stores)
        await connect(stores, connection=BACKUP, address=None)
        await stores.failover("acme", NUMBER, (BACKUP,))
        route = await route_of(stores)
        text = new_outbound()
        await stores.outbound.claim([text], owner="one", lease=LEASE)
        assert await begin(stores, text, route)
        other = route.through(route.alternatives[0])
        assert await begin(stores, text, other, unsent=unsent)
        stores.clock.advance(LEASE + 1)
        (resumed,) = await stores.outbound.claim([text], owner="two", lease=LEASE)
        called = route if connection == "line" else other
        assert (resumed.text.connection_id, resumed.account) == (connection, called.account)
        assert route.account != other.account

    async def test_a_second_call_of_an_attempt_is_no_second_attempt(self, stores: Stores) -> None:
        await connect(stores)
        route = await route_of(stores)
        text = new_outbound()
        (fresh,) = await stores.outbound.claim([text], owner="one", lease=LEASE)
        assert (fresh.attempts, fresh.account) == (0, None)
        for again in (False, True, True, False):
            assert await begin(stores, text, route, again=again)
        stores.clock.advance(LEASE + 1)
        (resumed,) = await stores.outbound.claim([text], owner="two", lease=LEASE)
        assert resumed.attempts == 2

    async def test_a_number_that_moves_has_new_ways_from_then_on(self, stores: Stores) -> None:
        await connect(stores)
        await put_number(stores)
        assert (await route_of(stores)).ways_since is None
        await connect(stores, connection=BACKUP, address=None)
        stores.clock.advance(5)
        for _ in range(2):
            await put_number(stores, connection=BACKUP)
            assert (await route_of(stores)).ways_since == START + timedelta(seconds=5)
            stores.clock.advance(5)

    async def test_a_detour_is_a_step_in_the_life_of_the_text(self, stores: Stores) -> None:
        await connect(stores)
        await connect(stores, connection=BACKUP, address=None)
        await stores.failover("acme", NUMBER, (BACKUP,))
        route = await route_of(stores)
        (inbound,) = await record(stores, new_text())
        text = new_outbound(in_reply_to=inbound.id)
        await stores.outbound.claim([text], owner="one", lease=LEASE)
        assert await begin(stores, text, route)
        stores.clock.advance(1)
        detour = Detour(connection_id="line", provider="acs", code=OutcomeCode.PROVIDER_UNAVAILABLE)
        await begin(stores, text, route.through(route.alternatives[0]), unsent=True, detour=detour)
        execution = await stores.executions.of_message("acme", inbound.id)
        assert execution is not None
        (step,) = [step for step in execution.steps if step.what == "failed_over"]
        assert step.detail == "line → backup (provider_unavailable)"
        assert step.at == START + timedelta(seconds=1)

    async def test_a_conversation_is_known_by_who_last_carried_it(self, stores: Stores) -> None:
        async def carried_by(seconds: float = 60) -> str | None:
            since = stores.clock() - timedelta(seconds=seconds)
            return await stores.conversations.carried_by("acme", NUMBER, REMOTE, since=since)

        assert await carried_by() is None
        await send(stores, new_outbound("1", connection_id="line"))
        assert await carried_by() == "line"
        stores.clock.advance(1)
        await send(stores, new_outbound("2", connection_id=BACKUP))
        await send(stores, new_outbound("3", connection_id="other", remote="+15550200009"))
        stores.clock.advance(1)
        for number, status in enumerate((OutcomeStatus.UNCERTAIN, OutcomeStatus.FAILED), 4):
            await send(stores, new_outbound(str(number), connection_id="third"), status)
        assert await carried_by() == BACKUP
        assert await carried_by(0.5) is None

    async def test_who_was_called_before_an_instant_has_not_carried_a_text_since(
        self, stores: Stores
    ) -> None:
        text = new_outbound(connection_id="line")
        await stores.outbound.claim([text], owner="one", lease=LEASE)
        await stores.outbound.begin("acme", text.id, owner="one", lease=LEASE)
        stores.clock.advance(2)
        outcome = outcome_of(text, OutcomeStatus.SENT)
        await stores.outbound.finish("acme", text.id, owner="one", outcome=outcome)
        for seconds, carried in ((1, None), (3, "line")):
            since = stores.clock() - timedelta(seconds=seconds)
            found = await stores.conversations.carried_by("acme", NUMBER, REMOTE, since=since)
            assert found == carried


async def begin(
    stores: Stores,
    text: NewOutbound,
    via: Route,
    *,
    unsent: bool = False,
    detour: Detour | None = None,
    again: bool = False,
) -> bool:
    return await stores.outbound.begin(
        "acme",
        text.id,
        owner="one",
        lease=LEASE,
        via=via,
        unsent=unsent,
        detour=detour,
        again=again,
    )
