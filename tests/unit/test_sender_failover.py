"""Promises of the sender where a connection cannot carry texts: who is called instead, who waits,
who is told, and that nothing is sent twice for it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sender_desk import LEASE, Desk, FakeClient, delivery
from sender_stand_ins import NUMBER, command

from common.bus.topology import Binding, Queue, Topology
from common.bus.verdicts import Defer, Done
from common.circuit import CLOSED, FAILURES, Circuit
from common.events import ConnectionChanged
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.sending_rules import LongText, SendingRules, rules_document
from common.store.circuit_documents import failover_keys, read_circuit
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
    assert (document["connection_id"], document["attempts"]) == ("backup", 2)
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
    assert await desk.order("c-1") == Defer(4.0)
    assert (len(desk.client.sent), len(desk.backup.sent)) == (1, 1)
    assert await desk.order("c-1") == Done()
    assert (len(desk.client.sent), len(desk.backup.sent)) == (2, 1)


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
