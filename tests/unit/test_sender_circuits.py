"""Promises of the sender about a connection that has no other beside it: what is rested, who waits,
who tries, who is told."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

import pytest
from sender_desk import delivery
from sender_lines import (
    AWAY,
    BAD_KEY,
    FLOOD,
    LOOP,
    LOST,
    NOT_OURS,
    SLOW_DOWN,
    TwoLines,
)
from sender_stand_ins import NUMBER, command

from common.bus.verdicts import Defer, Done
from common.circuit import CLOSED, FAILURES, CircuitKind, CircuitState
from common.store.limit_ports import Admission
from common.store.records import ApprovalDecision
from heliograph.codes import TEXTS, OutcomeCode
from heliograph.models import OutcomeStatus


class TestWithoutAnotherConnection:
    @pytest.fixture
    async def desk(self) -> TwoLines:
        made = TwoLines()
        await made.prepare_both(failover=False)
        return made

    async def test_a_refused_account_opens_the_circuit_and_is_an_error(
        self, desk: TwoLines
    ) -> None:
        desk.client.answers.append(BAD_KEY)
        assert await desk.order("c-1") == Done()
        assert desk.status() == ("error", TEXTS[OutcomeCode.CREDENTIALS_REJECTED].person)
        assert desk.announced() == ["line"]
        labels = {"provider": "fake", "kind": "account"}
        assert desk.sample("heliograph_circuits_opened_total", **labels) == 1
        assert await desk.order("c-2", "+15551230002") == Done()
        assert len(desk.client.sent) == 1
        codes = [outcome.code for outcome in desk.told()]
        assert codes == [OutcomeCode.CREDENTIALS_REJECTED] * 2

    async def test_new_credentials_let_texts_go_at_once(self, desk: TwoLines) -> None:
        desk.client.answers.append(BAD_KEY)
        await desk.order("c-1")
        await desk.connect("line", {"key": "good", "client": "backup"})
        assert await desk.order("c-2") == Done()
        assert len(desk.backup.sent) == 1

    async def test_a_text_that_is_taken_in_a_try_ends_the_error(self, desk: TwoLines) -> None:
        desk.client.answers.append(BAD_KEY)
        await desk.order("c-1")
        desk.end_rest()
        assert await desk.order("c-2", "+15551230002") == Done()
        assert desk.told()[-1].status is OutcomeStatus.SENT
        assert (desk.status(), desk.circuit()) == (("active", None), CLOSED)
        assert desk.announced() == ["line", "line"]

    async def test_a_number_that_is_not_the_accounts_stops_no_other_number(
        self, desk: TwoLines
    ) -> None:
        other = "+18005550101"
        await desk.connections.put_number(
            "acme", "line", address=other, region="US", agent_id="support"
        )
        await desk.connections.set_gate("acme", other, on=True)
        desk.client.answers.append(NOT_OURS)
        await desk.order("c-1")
        await desk.order("c-2")
        await desk.replica().handle(delivery(command(command_id="c-3", number=other)))
        assert [text.sender for text in desk.client.sent] == [NUMBER, other]
        assert desk.status()[0] == "error"

    async def test_what_fails_again_and_again_is_rested_and_its_texts_wait(
        self, desk: TwoLines
    ) -> None:
        desk.client.answers += [AWAY] * FAILURES
        for place in range(FAILURES):
            await desk.order(f"c-{place}", f"+1555123000{place}")
        assert desk.status() == ("active", None)
        assert desk.announced() == []
        verdict = await desk.order("c-9", "+15551230009")
        assert verdict == Defer(5.0)
        assert len(desk.client.sent) == FAILURES
        (waiting,) = [it for it in desk.memory.messages.values() if it["command_id"] == "c-9"]
        assert (waiting["attempts"], waiting["state"]) == (0, "waiting")

    async def test_of_all_texts_that_wait_one_tries_and_the_others_follow_when_it_is_taken(
        self, desk: TwoLines
    ) -> None:
        desk.client.answers += [AWAY] * FAILURES
        for place in range(FAILURES):
            await desk.order(f"c-{place}", f"+1555123000{place}")
        desk.end_rest()
        desk.client.blocking = True
        desk.client.busy.clear()
        many = command(command_id="many", to=[f"+1555123010{place}" for place in range(8)])
        trying = asyncio.create_task(desk.replica("a").handle(delivery(many)))
        await desk.client.busy.wait()
        assert await desk.order("other", "+15551230201") == Defer(5.0)
        assert len(desk.client.sent) == FAILURES + 1
        desk.client.release.set()
        assert await trying == Done()
        assert desk.circuit() == CLOSED
        assert len(desk.client.sent) == FAILURES + 8
        assert await desk.order("other", "+15551230201") == Done()

    async def test_where_the_try_fails_none_of_the_others_is_called_for(
        self, desk: TwoLines
    ) -> None:
        desk.client.answers += [AWAY] * (FAILURES + 1)
        for place in range(FAILURES):
            await desk.order(f"c-{place}", f"+1555123000{place}")
        desk.end_rest()
        many = command(command_id="many", to=[f"+1555123010{place}" for place in range(8)])
        assert await desk.replica("a").handle(delivery(many)) == Defer(2.0)
        assert len(desk.client.sent) == FAILURES + 1
        assert await desk.replica("a").handle(delivery(many)) == Defer(5.0)
        assert len(desk.client.sent) == FAILURES + 1

    async def test_a_try_that_comes_to_nothing_is_the_next_texts(self, desk: TwoLines) -> None:
        desk.client.answers.append(BAD_KEY)
        await desk.order("c-1")
        desk.end_rest()
        desk.client.answers.append(SLOW_DOWN)
        await desk.order("c-2", "+15551230002")
        assert desk.circuit().trying_until is None
        assert len(desk.client.sent) == 2

    async def test_where_limits_keep_the_try_back_its_neighbours_wait_no_longer_than_it(
        self, desk: TwoLines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        desk.client.answers.append(BAD_KEY)
        await desk.order("c-1")
        desk.end_rest()
        limited = AsyncMock(return_value=Admission(granted=0, wait=1.0))
        monkeypatch.setattr(desk.limits, "admit", limited)
        many = command(command_id="many", to=[f"+1555123010{place}" for place in range(8)])
        assert await desk.replica().handle(delivery(many)) == Defer(1.0)
        assert limited.await_count == 1
        assert desk.circuit().state(NUMBER, datetime.now(UTC)) is CircuitState.HALF_OPEN
        monkeypatch.undo()
        assert await desk.replica().handle(delivery(many)) == Done()
        assert len(desk.client.sent) == 1 + 8

    async def test_where_the_try_says_nothing_its_neighbours_try_at_once(
        self, desk: TwoLines
    ) -> None:
        desk.client.answers.append(BAD_KEY)
        await desk.order("c-1")
        desk.end_rest()
        desk.client.answers.append(FLOOD)
        many = command(command_id="many", to=[f"+1555123010{place}" for place in range(4)])
        assert isinstance(await desk.replica().handle(delivery(many)), Defer)
        assert len(desk.client.sent) == 1 + 4
        assert desk.circuit() == CLOSED

    async def test_two_numbers_whose_senders_are_refused_rest_both(self, desk: TwoLines) -> None:
        other = "+18005550101"
        await desk.connections.put_number(
            "acme", "line", address=other, region="US", agent_id="support"
        )
        await desk.connections.set_gate("acme", other, on=True)
        desk.client.answers += [NOT_OURS, NOT_OURS]
        for turn in range(3):
            for number in (NUMBER, other):
                order = command(command_id=f"{number}-{turn}", number=number)
                assert await desk.replica().handle(delivery(order)) == Done()
        assert [text.sender for text in desk.client.sent] == [NUMBER, other]
        assert {outcome.code for outcome in desk.told()} == {OutcomeCode.SENDER_NOT_OWNED}

    async def test_an_error_of_one_number_outlasts_failures_of_another(
        self, desk: TwoLines
    ) -> None:
        other = "+18005550101"
        await desk.connections.put_number(
            "acme", "line", address=other, region="US", agent_id="support"
        )
        await desk.connections.set_gate("acme", other, on=True)
        desk.client.answers += [NOT_OURS, *[AWAY] * FAILURES]
        await desk.order("c-1")
        error = desk.status()
        for turn in range(FAILURES):
            order = command(command_id=f"f-{turn}", number=other, to=f"+1555123010{turn}")
            await desk.replica().handle(delivery(order))
        assert desk.circuit().kind is CircuitKind.FAILING
        assert desk.status() == error
        assert error[0] == "error"

    async def test_a_try_that_breaks_is_the_next_texts(self, desk: TwoLines) -> None:
        desk.client.answers.append(BAD_KEY)
        await desk.order("c-1")
        desk.end_rest()
        desk.client.answers.append(RuntimeError("a fault of ours"))
        with pytest.raises(RuntimeError):
            await desk.order("c-2", "+15551230002")
        assert desk.circuit().trying_until is None

    async def test_what_the_provider_said_counts_where_the_circuit_cannot_be_noted(
        self, desk: TwoLines, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def away(*_: object, **__: object) -> None:
            raise RuntimeError("the store is away")

        monkeypatch.setattr(desk.circuits, "note", away)
        desk.client.answers.append(BAD_KEY)
        assert await desk.order("c-1") == Done()
        assert desk.told()[0].code is OutcomeCode.CREDENTIALS_REJECTED

    async def test_a_provider_that_this_replica_does_not_know_is_no_fault_of_the_connection(
        self, desk: TwoLines
    ) -> None:
        desk.memory.connections["acme/line"]["provider"] = "newer"
        desk.memory.numbers[f"acme/{NUMBER}"]["provider"] = "newer"
        assert await desk.order("c-1") == Done()
        assert (desk.circuit(), desk.status()) == (CLOSED, ("active", None))

    async def test_a_provider_is_trusted_to_know_a_text_only_while_it_remembers(
        self, desk: TwoLines
    ) -> None:
        desk.provider.remembers = 3_600.0
        for age, sent in ((3_500, 2), (3_700, 1)):
            desk.client.sent.clear()
            desk.client.answers.append(LOST)
            await desk.order(f"c-{age}")
            (document,) = [
                it for it in desk.memory.messages.values() if it["command_id"] == f"c-{age}"
            ]
            document["first_sent"] -= timedelta(seconds=age)
            await desk.order(f"c-{age}")
            assert len(desk.client.sent) == sent
        assert [outcome.code for outcome in desk.told()] == [
            OutcomeCode.SENT,
            OutcomeCode.AMBIGUOUS,
        ]

    async def test_a_loop_that_the_provider_suspects_holds_text_and_conversation(
        self, desk: TwoLines
    ) -> None:
        desk.client.answers.append(LOOP)
        assert await desk.order("c-1") == Done()
        (hold,) = desk.memory.conversation_holds.values()
        assert (hold["reason"], hold["held_since"] is not None) == ("loop_suspected", True)
        (outcome,) = desk.told()
        assert outcome.status is OutcomeStatus.HELD
        await desk.order("c-2")
        assert desk.told()[-1].code is OutcomeCode.CONVERSATION_HELD

    async def test_a_text_that_was_approved_is_not_held_for_the_providers_suspicion(
        self, desk: TwoLines
    ) -> None:
        desk.client.answers += [LOOP, LOOP]
        await desk.order("c-1")
        (text_id,) = desk.memory.messages
        await desk.store.decide("acme", text_id, ApprovalDecision.APPROVED)
        await desk.order("c-1")
        assert len(desk.client.sent) == 2
        assert desk.told()[-1].code is OutcomeCode.PROVIDER_REJECTED
