"""Promises of the sender where a connection cannot carry texts: who is called instead, and that
nothing is sent twice for it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sender_desk import LEASE, delivery
from sender_lines import (
    AWAY,
    BAD_KEY,
    FLOOD,
    LOOP,
    LOST,
    NOT_OURS,
    SLOW_DOWN,
    WRONG_TEXT,
    TwoLines,
)
from sender_stand_ins import NUMBER, command

from common.bus.verdicts import Defer, Done
from common.circuit import FAILURES, CircuitKind
from common.providers.port import Accepted, SendResult
from common.sending_rules import LongText, SendingRules, rules_document
from common.store.circuit_documents import failover_keys
from heliograph.codes import TEXTS, OutcomeCode
from heliograph.models import OutcomeStatus


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
