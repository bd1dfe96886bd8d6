"""Promises of the sender where a connection cannot carry texts: who is called instead, who waits,
who is told, and that nothing is sent twice for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from unittest.mock import AsyncMock

import pytest
from sender_desk import LEASE, Desk, FakeClient, delivery
from sender_stand_ins import NUMBER, command

from common.bus.topology import Binding, Queue, Topology
from common.bus.verdicts import Defer, Done
from common.circuit import CLOSED, FAILURES, Circuit, CircuitKind, CircuitState
from common.events import ConnectionChanged
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.sending_rules import LongText, SendingRules, rules_document
from common.store.circuit_documents import failover_keys, read_circuit
from common.store.limit_ports import Admission
from common.store.records import ApprovalDecision
from heliograph.codes import TEXTS, OutcomeCode
from heliograph.models import OutcomeStatus

AWAY = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "refused the connection")
FLOOD = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "flood", text_only=True)
SLOW_DOWN = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "429")
BAD_KEY = Refused(OutcomeCode.CREDENTIALS_REJECTED, "401", account=True)
NOT_OURS = Refused(OutcomeCode.SENDER_NOT_OWNED, "21606", account=True)
WRONG_TEXT = Refused(OutcomeCode.PROVIDER_REJECTED, "bad words")
LOOP = Refused(OutcomeCode.LOOP_SUSPECTED, "14107")
LOST = Ambiguous("no answer")
CHANGES = Queue("changes", {"x-queue-type": "quorum"}, (Binding("heliograph.changes", ""),))


class TwoLines(Desk):
    """A desk whose number is on `line`, and may fall back on `backup`."""

    def __init__(self, *, deduplicates: bool = True) -> None:
        super().__init__(deduplicates=deduplicates)
        self.backup = FakeClient([])
        self.provider.others["backup"] = self.backup

    async def prepare_both(self, *, failover: bool = True) -> None:
        credentials = {"key": "good", "client": "backup"}
        await self.prepare()
        self.broker.declare(Topology((), (CHANGES,)))
        await self.connect("backup", credentials)
        await self.connect("line", {"key": "good"})
        self.memory.numbers[f"acme/{NUMBER}"]["type"] = "local"  # without limits
        if failover:
            keys = failover_keys("acme", ["backup"])
            self.memory.numbers[f"acme/{NUMBER}"]["failover"] = keys
        # That was long ago, as far as any text is concerned.
        self.memory.numbers[f"acme/{NUMBER}"]["ways_since"] = self.instant - timedelta(days=2)

    def circuit(self, connection: str = "line") -> Circuit:
        return read_circuit(self.memory.connections[f"acme/{connection}"].get("circuit"))

    def end_rest(self, connection: str = "line") -> None:
        """As if the rest, and whatever try, were over."""
        over = datetime.now(UTC) - timedelta(seconds=1)
        times = {"rests_until": over, "trying_until": None, "opened_at": over}
        self.memory.connections[f"acme/{connection}"]["circuit"] |= times

    def status(self, connection: str = "line") -> tuple[str, str | None]:
        record = self.memory.connections[f"acme/{connection}"]
        return record["status"], record["error"]

    def announced(self) -> list[str]:
        stored = self.broker.stored("changes")
        return [ConnectionChanged.decode(it.message.body).connection_id for it in stored]

    async def unusable(self, connection: str) -> None:
        """Credentials that no client can be made of, without a change of the number."""
        sealed = self.keys.unwrap("acme", self.wrapped).seal(connection, {"key": "bad"})
        self.memory.connections[f"acme/{connection}"]["sealed"] = sealed.to_document()

    async def order(self, command_id: str, remote: str = "+15551230001") -> object:
        order = command(command_id=command_id, to=remote)
        return await self.replica().handle(delivery(order))

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
async def desk() -> TwoLines:
    made = TwoLines()
    await made.prepare_both()
    return made


@pytest.mark.parametrize("answer", [AWAY, BAD_KEY, NOT_OURS])
async def test_what_a_connection_surely_did_not_take_goes_through_the_next_at_once(
    desk: TwoLines, answer: SendResult
) -> None:
    desk.client.answers.append(answer)
    assert await desk.order("c-1") == Done()
    assert (len(desk.client.sent), len(desk.backup.sent)) == (1, 1)
    assert desk.client.sent == desk.backup.sent
    (outcome,) = desk.told()
    assert outcome.status is OutcomeStatus.SENT
    (document,) = desk.memory.messages.values()
    assert (document["connection_id"], document["attempts"]) == ("backup", 1)
    (detour,) = document["detours"]
    assert (detour["from"], detour["to"]) == ("line", "backup")
    labels = {"from_provider": "fake", "to_provider": "fake"}
    assert desk.sample("heliograph_failovers_total", **labels) == 1


@pytest.mark.parametrize("answer", [SLOW_DOWN, FLOOD, LOST, WRONG_TEXT, LOOP, Accepted("p-1")])
async def test_no_other_answer_leads_to_another_connection(
    desk: TwoLines, answer: SendResult
) -> None:
    desk.client.answers.append(answer)
    await desk.order("c-1")
    assert (len(desk.client.sent), desk.backup.sent) == (1, [])


async def test_after_an_ambiguous_answer_only_the_same_connection_is_ever_called(
    desk: TwoLines,
) -> None:
    desk.client.answers += [LOST, AWAY, BAD_KEY]
    assert isinstance(await desk.order("c-1"), Defer)
    assert isinstance(await desk.order("c-1"), Defer)
    assert await desk.order("c-1") == Done()
    assert (len(desk.client.sent), desk.backup.sent) == (3, [])
    (outcome,) = desk.told()
    assert outcome.code is OutcomeCode.AMBIGUOUS


async def test_an_ambiguous_answer_of_the_second_connection_binds_the_text_to_that_one(
    desk: TwoLines,
) -> None:
    desk.client.answers.append(AWAY)
    desk.backup.answers.append(LOST)
    assert isinstance(await desk.order("c-1"), Defer)
    assert await desk.order("c-1") == Done()
    assert (len(desk.client.sent), len(desk.backup.sent)) == (1, 2)
    assert desk.backup.sent[0] == desk.backup.sent[1]


async def test_what_a_crash_left_behind_goes_on_where_it_was(desk: TwoLines) -> None:
    desk.client.answers.append(AWAY)
    desk.backup.answers.append(RuntimeError("as if the plug were pulled"))
    with pytest.raises(RuntimeError):
        await desk.order("c-1")
    desk.wind(LEASE + 1)
    assert await desk.order("c-1") == Done()
    assert (len(desk.client.sent), len(desk.backup.sent)) == (1, 2)


async def test_a_text_in_parts_stays_with_the_connection_that_took_the_first(
    desk: TwoLines,
) -> None:
    rules = rules_document(SendingRules(long_text=LongText.SPLIT))
    desk.memory.numbers[f"acme/{NUMBER}"] |= {"rules": rules, "type": "local"}
    desk.client.answers += [Accepted("p-1"), BAD_KEY]
    long = command(body="word " * 90)
    assert await desk.replica().handle(delivery(long)) == Done()
    assert (len(desk.client.sent), desk.backup.sent) == (2, [])
    (outcome,) = desk.told()
    assert (outcome.code, outcome.parts_sent) == (OutcomeCode.CREDENTIALS_REJECTED, 1)


async def test_where_all_have_failed_the_text_waits_as_ever(desk: TwoLines) -> None:
    desk.client.answers.append(AWAY)
    desk.backup.answers.append(AWAY)
    assert await desk.order("c-1") == Defer(2.0)
    assert (len(desk.client.sent), len(desk.backup.sent)) == (1, 1)
    assert await desk.order("c-1") == Done()
    assert (len(desk.client.sent), len(desk.backup.sent)) == (2, 1)


@pytest.mark.parametrize("hopeless", [BAD_KEY, NOT_OURS])
@pytest.mark.parametrize("own_is_away", [True, False])
async def test_who_may_be_reached_later_counts_before_who_refuses_the_account(
    desk: TwoLines, hopeless: SendResult, own_is_away: bool
) -> None:
    away, refusing = (desk.client, desk.backup) if own_is_away else (desk.backup, desk.client)
    away.answers.append(AWAY)
    refusing.answers.append(hopeless)
    assert await desk.order("c-1") == Defer(2.0)
    assert await desk.order("c-1") == Done()
    assert (len(away.sent), len(refusing.sent)) == (2, 1)
    assert [outcome.status for outcome in desk.told()] == [OutcomeStatus.SENT]


async def test_credentials_that_cannot_be_used_end_no_text_that_another_way_may_take(
    desk: TwoLines,
) -> None:
    await desk.unusable("backup")
    desk.client.answers += [AWAY] * FAILURES
    for place in range(FAILURES):
        assert isinstance(await desk.order(f"c-{place}", f"+1555123000{place}"), Defer)
    assert desk.circuit().kind is CircuitKind.FAILING
    assert isinstance(await desk.order("c-9", "+15551230009"), Defer)
    assert desk.told() == []


async def test_a_rest_is_waited_for_where_the_only_way_left_is_refused_for_good(
    desk: TwoLines,
) -> None:
    desk.client.answers += [AWAY] * FAILURES
    for place in range(FAILURES):
        await desk.order(f"c-{place}", f"+1555123000{place}")
    # What is no fault of the connection opens no circuit, so that it is tried each time.
    desk.memory.connections["acme/backup"]["provider"] = "newer"
    await desk.clients.drop("acme", "backup")
    assert await desk.order("c-9", "+15551230009") == Defer(5.0)
    assert [outcome.status for outcome in desk.told()] == [OutcomeStatus.SENT] * FAILURES


@pytest.mark.parametrize("failover", [True, False])
async def test_with_a_failover_a_text_is_tried_as_often_and_as_long_as_without(
    failover: bool,
) -> None:
    desk = TwoLines()
    await desk.prepare_both(failover=failover)
    desk.client.answers += [AWAY] * 50
    desk.backup.answers += [AWAY] * 50
    pauses = []
    while (verdict := await desk.order("c-1")) != Done():
        assert isinstance(verdict, Defer)
        pauses.append(verdict.seconds)
        for name in ("line", "backup"):
            if desk.circuit(name).kind is not None:
                desk.end_rest(name)
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]
    assert len(desk.client.sent) == 8
    assert len(desk.backup.sent) == (8 if failover else 0)
    assert desk.told()[0].code is OutcomeCode.PROVIDER_UNAVAILABLE


async def test_in_its_last_attempt_a_text_still_goes_through_whoever_can_take_it(
    desk: TwoLines,
) -> None:
    desk.client.answers.append(AWAY)
    order = delivery(command(command_id="c-1"))
    assert await desk.replica(attempts=1).handle(order) == Done()
    assert desk.told()[0].status is OutcomeStatus.SENT


async def test_a_text_without_attempts_left_waits_for_nobodys_rest(desk: TwoLines) -> None:
    desk.backup.answers += [AWAY] * FAILURES
    desk.client.answers += [AWAY] * (FAILURES + 1)
    for place in range(FAILURES):
        await desk.order(f"c-{place}", f"+1555123000{place}")
    desk.end_rest()
    order = delivery(command(command_id="c-9", to="+15551230009"))
    assert await desk.replica(attempts=1).handle(order) == Done()
    assert desk.told()[0].code is OutcomeCode.PROVIDER_UNAVAILABLE


async def test_what_a_crash_left_in_the_second_call_has_used_up_one_attempt(
    desk: TwoLines,
) -> None:
    desk.client.answers.append(AWAY)
    desk.backup.answers.append(RuntimeError("as if the plug were pulled"))
    with pytest.raises(RuntimeError):
        await desk.order("c-1")
    (document,) = desk.memory.messages.values()
    assert (document["state"], document["attempts"]) == ("sending", 1)


async def test_what_the_provider_knows_although_it_had_refused_it_is_nobody_knows_what(
    desk: TwoLines,
) -> None:
    desk.client.answers += [FLOOD, Accepted("p-1", repeated=True)]
    assert isinstance(await desk.order("c-1"), Defer)
    assert await desk.order("c-1") == Done()
    (outcome,) = desk.told()
    assert (outcome.status, outcome.provider_message_id) == (OutcomeStatus.UNCERTAIN, "p-1")


class TestARepeat:
    async def test_never_goes_to_another_account(self, desk: TwoLines) -> None:
        desk.client.answers.append(LOST)
        assert isinstance(await desk.order("c-1"), Defer)
        await desk.connect("line", {"key": "good", "client": "backup"})
        assert await desk.order("c-1") == Done()
        assert (len(desk.client.sent), desk.backup.sent) == (1, [])
        assert desk.told()[0].code is OutcomeCode.AMBIGUOUS

    @pytest.mark.parametrize(("endpoint", "calls"), [("one", 2), ("another", 1)])
    async def test_goes_with_a_new_key_to_the_same_account(
        self, desk: TwoLines, endpoint: str, calls: int
    ) -> None:
        desk.memory.connections["acme/line"]["public"] = {"endpoint": "one"}
        desk.client.answers.append(LOST)
        assert isinstance(await desk.order("c-1"), Defer)
        await desk.connect("line", {"key": "good"})
        desk.memory.connections["acme/line"]["public"] = {"endpoint": endpoint}
        assert await desk.order("c-1") == Done()
        assert len(desk.client.sent) == calls

    async def test_after_a_crash_goes_to_the_account_that_was_called_last(
        self, desk: TwoLines
    ) -> None:
        desk.client.answers.append(AWAY)
        desk.backup.answers.append(RuntimeError("as if the plug were pulled"))
        with pytest.raises(RuntimeError):
            await desk.order("c-1")
        desk.memory.connections["acme/backup"]["credentials_version"] = "another"
        desk.wind(LEASE + 1)
        assert await desk.order("c-1") == Done()
        assert len(desk.backup.sent) == 1
        assert desk.told()[0].code is OutcomeCode.AMBIGUOUS


async def test_a_conversation_stays_with_the_connection_that_carried_it(desk: TwoLines) -> None:
    desk.client.answers.append(AWAY)
    await desk.order("c-1")
    await desk.order("c-2")
    await desk.order("c-3", "+15551230002")
    assert [text.recipient[-1] for text in desk.client.sent] == ["1", "2"]
    assert [text.recipient[-1] for text in desk.backup.sent] == ["1", "1"]
    desk.memory.messages[desk.backup.sent[1].reference]["at"] -= timedelta(hours=25)
    desk.memory.messages[desk.backup.sent[0].reference]["at"] -= timedelta(hours=25)
    await desk.order("c-4")
    assert desk.client.sent[-1].recipient[-1] == "1"


async def test_a_conversation_stays_nowhere_once_its_number_has_moved(desk: TwoLines) -> None:
    await desk.order("c-1")
    assert len(desk.client.sent) == 1
    desk.wind(1)  # The move is later than the text.
    await desk.connections.put_number(
        "acme", "backup", address=NUMBER, region="US", agent_id="support"
    )
    desk.memory.numbers[f"acme/{NUMBER}"]["failover"] = failover_keys("acme", ["line"])
    desk.wind(1)
    await desk.order("c-2")
    assert (len(desk.client.sent), len(desk.backup.sent)) == (1, 1)
    desk.backup.answers.append(AWAY)
    await desk.order("c-3")
    await desk.order("c-4")
    assert (len(desk.client.sent), len(desk.backup.sent)) == (3, 2)


async def test_a_disconnected_connection_is_passed_over(desk: TwoLines) -> None:
    desk.memory.connections["acme/backup"]["status"] = "disconnected"
    desk.client.answers.append(BAD_KEY)
    assert await desk.order("c-1") == Done()
    assert desk.backup.sent == []
    assert desk.told()[0].code is OutcomeCode.CREDENTIALS_REJECTED


async def test_credentials_that_cannot_be_used_lead_elsewhere_too(desk: TwoLines) -> None:
    await desk.connect("line", {"key": "bad"})
    assert await desk.order("c-1") == Done()
    assert (len(desk.client.sent), len(desk.backup.sent)) == (0, 1)
    assert desk.status() == ("error", TEXTS[OutcomeCode.CREDENTIALS_UNREADABLE].person)


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
