"""Promises of one command to many recipients, of a text in parts, and of limits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sender_desk import LEASE, Desk, delivery
from sender_stand_ins import NUMBER, command

from common.bus.verdicts import Defer, Done
from common.errors import StoreUnavailable
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, Text
from common.sending_rules import LongText, SendingRules, rules_document
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus, SendCommand

THROTTLED = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "slow down")
SENT, BLOCKED, FAILED = OutcomeStatus.SENT, OutcomeStatus.BLOCKED, OutcomeStatus.FAILED


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.prepare()
    return made


def phones(count: int) -> list[str]:
    return [f"+1555123{place:04d}" for place in range(1, count + 1)]


def to_many(count: int, **changes: Any) -> SendCommand:
    return command(to=phones(count), **changes)


def set_rules(desk: Desk, **rules: Any) -> None:
    document = desk.memory.numbers[f"acme/{NUMBER}"]
    document["rules"] = rules_document(SendingRules(**rules))


def by_recipient(text: Text) -> str:
    return text.recipient


def statuses(desk: Desk) -> dict[str, OutcomeStatus]:
    return {outcome.to: outcome.status for outcome in desk.told()}


# --- One to many ---------------------------------------------------------------------------------


async def test_a_hundred_recipients_are_one_provider_call_and_a_hundred_outcomes(
    desk: Desk,
) -> None:
    assert await desk.replica().handle(delivery(to_many(100))) == Done()
    assert desk.client.calls == [phones(100)]
    assert statuses(desk) == dict.fromkeys(phones(100), SENT)
    assert len({text.reference for text in desk.client.sent}) == 100
    assert len({text.request_id for text in desk.client.sent}) == 100


async def test_more_recipients_than_a_call_takes_are_as_few_calls_as_possible(desk: Desk) -> None:
    desk.provider.max_recipients = 40
    set_rules(desk, requests_per_minute=10_000, units_per_minute=10_000)
    assert await desk.replica().handle(delivery(to_many(100))) == Done()
    assert [len(call) for call in desk.client.calls] == [40, 40, 20]


async def test_a_recipient_who_opted_out_is_not_in_the_call_and_the_others_are(desk: Desk) -> None:
    one, two, three = phones(3)
    await desk.opt_out(two)
    desk.wind(1)
    assert await desk.replica().handle(delivery(to_many(3))) == Done()
    assert desk.client.calls == [[one, three]]
    assert statuses(desk) == {one: SENT, two: BLOCKED, three: SENT}


async def test_only_those_not_accepted_are_called_again(desk: Desk) -> None:
    one, two, three = phones(3)
    rejected = Refused(OutcomeCode.PROVIDER_REJECTED, "no")
    unavailable = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "away")
    desk.client.answers += [Accepted("p-1"), unavailable, rejected]
    assert await desk.replica(in_place=5.0).handle(delivery(to_many(3))) == Done()
    assert [text.recipient for text in desk.client.sent] == [one, two, three, two]
    assert statuses(desk) == {one: SENT, two: SENT, three: FAILED}
    again = [text for text in desk.client.sent if text.recipient == two]
    assert again[0] == again[1]


async def test_a_lost_answer_to_many_is_repeated_with_the_same_values_for_each(desk: Desk) -> None:
    set_rules(desk, requests_per_minute=10_000, units_per_minute=10_000)
    desk.client.answers += [Ambiguous("no answer")] * 3
    assert await desk.replica(in_place=5.0).handle(delivery(to_many(3))) == Done()
    assert [sorted(call) for call in desk.client.calls] == [phones(3)] * 2
    first, again = desk.client.sent[:3], desk.client.sent[3:]
    assert sorted(first, key=by_recipient) == sorted(again, key=by_recipient)
    assert statuses(desk) == dict.fromkeys(phones(3), SENT)


async def test_a_replay_of_a_command_to_many_sends_nothing_again(desk: Desk) -> None:
    order = to_many(5)
    await desk.replica().handle(delivery(order))
    await desk.replica("b").handle(delivery(order))
    assert len(desk.client.sent) == 5


async def test_a_recipient_named_twice_gets_one_text(desk: Desk) -> None:
    order = command(to=["5551230001", "+15551230001", "(555) 123-0001"])
    await desk.replica().handle(delivery(order))
    (text,) = desk.client.sent
    assert text.recipient == "+15551230001"
    (outcome,) = desk.told()
    assert (outcome.to, outcome.original_to) == ("+15551230001", "5551230001")


# --- Parts ----------------------------------------------------------------------------------------

LONG = " ".join(f"word{place:03d}" for place in range(60))


async def test_a_split_text_goes_out_part_by_part_as_texts_of_their_own(desk: Desk) -> None:
    set_rules(desk, long_text=LongText.SPLIT)
    desk.client.answers += [Accepted(f"p-{part}") for part in range(1, 10)]
    assert await desk.replica().handle(delivery(command(body=LONG))) == Done()
    bodies = [text.body for text in desk.client.sent]
    assert len(bodies) > 1
    assert bodies[0].startswith(f"(1/{len(bodies)})")
    assert len({text.request_id for text in desk.client.sent}) == len(bodies)
    (outcome,) = desk.told()
    assert (outcome.status, outcome.parts, outcome.parts_sent) == (SENT, len(bodies), None)
    assert outcome.provider_message_id == "p-1"
    (document,) = desk.memory.messages.values()
    assert document["part_ids"] == [f"p-{part}" for part in range(1, len(bodies) + 1)]


async def test_an_opt_out_between_two_parts_stops_the_rest(desk: Desk) -> None:
    set_rules(desk, long_text=LongText.SPLIT)
    advance = desk.store.advance

    async def stopped_meanwhile(*args: Any, **kwargs: Any) -> Any:
        await desk.opt_out("+15551230001")
        return await advance(*args, **kwargs)

    desk.store.advance = stopped_meanwhile  # type: ignore[method-assign]
    assert await desk.replica().handle(delivery(command(body=LONG))) == Done()
    assert len(desk.client.sent) == 1
    (outcome,) = desk.told()
    assert outcome.code is OutcomeCode.RECIPIENT_OPTED_OUT
    assert outcome.parts_sent == 1
    (document,) = desk.memory.messages.values()
    assert document["in_history"]


async def test_after_a_crash_between_two_parts_none_is_sent_twice(desk: Desk) -> None:
    set_rules(desk, long_text=LongText.SPLIT)
    desk.client.answers += [Accepted("p-1"), RuntimeError("as if the plug were pulled")]
    with pytest.raises(RuntimeError):
        await desk.replica("a").handle(delivery(command(body=LONG)))
    desk.wind(LEASE + 1)
    assert await desk.replica("b").handle(delivery(command(body=LONG))) == Done()
    first, *others = desk.client.sent
    assert sum(text.body == first.body for text in desk.client.sent) == 1
    # The second part's call may have gone out: the same values again.
    assert others[0] == others[1]


# --- Limits ---------------------------------------------------------------------------------------


async def test_what_the_limit_does_not_grant_waits_and_goes_out_later_once(desk: Desk) -> None:
    set_rules(desk, units_per_minute=60, requests_per_minute=60)
    verdict = await desk.replica().handle(delivery(to_many(100)))
    assert isinstance(verdict, Defer)
    at_once = len(desk.client.sent)
    assert 0 < at_once <= 60
    for _ in range(200):
        if verdict == Done():
            break
        assert isinstance(verdict, Defer)
        desk.wind(verdict.seconds)
        verdict = await desk.replica().handle(delivery(to_many(100)))
    assert verdict == Done()
    assert sorted(text.recipient for text in desk.client.sent) == phones(100)
    assert statuses(desk) == dict.fromkeys(phones(100), SENT)


async def test_a_limited_text_uses_up_no_attempt(desk: Desk) -> None:
    set_rules(desk, units_per_minute=1, requests_per_minute=1)
    await desk.replica().handle(delivery(command(command_id="c-1")))
    for _ in range(12):
        verdict = await desk.replica(attempts=1).handle(delivery(command(command_id="c-2")))
        assert isinstance(verdict, Defer)
    desk.wind(61)
    assert await desk.replica(attempts=1).handle(delivery(command(command_id="c-2"))) == Done()
    assert len(desk.client.sent) == 2


async def test_a_limited_text_expires_by_its_own_time(desk: Desk) -> None:
    set_rules(desk, units_per_minute=1, requests_per_minute=1)
    await desk.replica().handle(delivery(command(command_id="c-1")))
    expires_at = datetime.now(UTC) + timedelta(seconds=0.4)  # The policy goes by the real clock.
    late = command(command_id="c-2", expires_at=expires_at)
    verdict = await desk.replica().handle(delivery(late))
    assert verdict == Defer(0.5)  # Not a minute: the agent hears of it when it is over.
    await asyncio.sleep((expires_at - datetime.now(UTC)).total_seconds() + 0.001)
    assert await desk.replica().handle(delivery(late)) == Done()
    assert [outcome.code for outcome in desk.told()] == [
        OutcomeCode.SENT,
        OutcomeCode.COMMAND_EXPIRED,
    ]
    assert len(desk.client.sent) == 1


async def test_a_daily_budget_refuses_what_is_above_it(desk: Desk) -> None:
    set_rules(desk, daily_texts=2)
    assert await desk.replica().handle(delivery(to_many(3))) == Done()
    assert sorted(statuses(desk).values()) == [BLOCKED, SENT, SENT]
    assert OutcomeCode.BUDGET_SPENT in {outcome.code for outcome in desk.told()}


async def test_what_the_provider_refused_does_not_use_up_the_budget(desk: Desk) -> None:
    set_rules(desk, daily_texts=1)
    desk.client.answers.append(Refused(OutcomeCode.PROVIDER_REJECTED, "no"))
    await desk.replica().handle(delivery(command(command_id="c-1")))
    await desk.replica().handle(delivery(command(command_id="c-2")))
    assert [outcome.status for outcome in desk.told()] == [FAILED, SENT]


async def test_a_429_slows_the_number_for_every_replica(desk: Desk) -> None:
    desk.client.answers.append(replace(THROTTLED, retry_after=60.0))
    assert isinstance(await desk.replica("a").handle(delivery(command(command_id="c-1"))), Defer)
    verdict = await desk.replica("b").handle(delivery(command(command_id="c-2")))
    assert isinstance(verdict, Defer)
    assert len(desk.client.sent) == 1
    desk.wind(61)
    assert await desk.replica("b").handle(delivery(command(command_id="c-2"))) == Done()
    assert len(desk.client.sent) == 2


async def test_a_text_that_may_be_out_stays_counted_whatever_the_next_try_is_told(
    desk: Desk,
) -> None:
    set_rules(desk, daily_texts=2)
    away = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "away")
    desk.client.answers += [Ambiguous("no answer"), away]
    await desk.replica(in_place=5.0).handle(delivery(command(command_id="c-1")))
    for place in (2, 3):
        await desk.replica().handle(delivery(command(command_id=f"c-{place}")))
    codes = [outcome.code for outcome in desk.told()]
    assert codes == [OutcomeCode.SENT, OutcomeCode.SENT, OutcomeCode.BUDGET_SPENT]


async def test_the_providers_word_counts_although_the_limits_cannot_be_told(desk: Desk) -> None:
    set_rules(desk, daily_texts=9)
    rejected = Refused(OutcomeCode.PROVIDER_REJECTED, "no")
    desk.client.answers += [Accepted("p-1"), Accepted("p-2"), rejected]

    async def away(*_: Any) -> None:
        raise StoreUnavailable("away")

    desk.limits.give_back = away  # type: ignore[method-assign]
    assert await desk.replica().handle(delivery(to_many(3))) == Done()
    assert sorted(statuses(desk).values()) == [FAILED, SENT, SENT]
    assert len(desk.client.sent) == 3


async def test_a_429_slows_a_number_no_longer_than_the_setting_says(desk: Desk) -> None:
    desk.client.answers.append(replace(THROTTLED, retry_after=86_400.0 * 365))
    await desk.replica().handle(delivery(command(command_id="c-1")))
    desk.wind(601)
    assert await desk.replica().handle(delivery(command(command_id="c-2"))) == Done()
    assert len(desk.client.sent) == 2


async def test_a_stop_that_is_noted_while_the_limits_are_asked_counts(desk: Desk) -> None:
    admit = desk.limits.admit

    async def stopped_meanwhile(*args: Any) -> Any:
        await desk.opt_out("+15551230001")
        return await admit(*args)

    desk.limits.admit = stopped_meanwhile  # type: ignore[method-assign]
    assert await desk.replica().handle(delivery(to_many(2))) == Done()
    assert [text.recipient for text in desk.client.sent] == ["+15551230002"]
    assert statuses(desk) == {"+15551230001": BLOCKED, "+15551230002": SENT}
