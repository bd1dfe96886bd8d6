"""Promises of the sender on the ordinary way of a command."""

from __future__ import annotations

import asyncio
from typing import Any

from sender_world import NUMBER, PHONE, WAIT, World, command, repeatability_ids

from heliograph.codes import TEXTS, OutcomeCode
from heliograph.models import Outcome, OutcomeStatus


async def test_a_command_becomes_a_text_and_its_agent_is_told(world: World) -> None:
    async with world.sender():
        outcome = await world.send(command(to="(555) 123-0001", body="Hello {you}"))
    (text,) = world.sim.phone(PHONE).received
    assert (text.from_, text.to, text.body) == (NUMBER, PHONE, "Hello {you}")
    assert text.tag == outcome.message_id
    assert (outcome.status, outcome.code) == (OutcomeStatus.SENT, OutcomeCode.SENT)
    assert outcome.provider_message_id == text.message_id
    assert (outcome.to, outcome.original_to) == (PHONE, "(555) 123-0001")
    assert (outcome.encoding, outcome.segments, outcome.truncated) == ("GSM-7", 1, False)
    assert outcome.message == TEXTS[OutcomeCode.SENT].model


async def test_a_long_text_is_cut_and_the_whole_is_kept(world: World) -> None:
    async with world.sender():
        outcome = await world.send(command(body="x" * 3000))
    (text,) = world.sim.phone(PHONE).received
    assert text.body == "x" * 157 + "..."
    assert (outcome.truncated, outcome.body, outcome.original_body) == (
        True,
        text.body,
        "x" * 3000,
    )


async def test_an_outcome_also_goes_to_the_reply_queue_with_its_correlation(world: World) -> None:
    queue, replies = await world.private_queue()
    async with world.sender():
        await world.publish(command().encode(), correlation_id="mine", reply_to=queue)
        async with asyncio.timeout(WAIT):
            reply = await replies.get()
        told = await world.outcome_delivery()
    assert (reply.correlation_id, told.correlation_id) == ("mine", "mine")
    assert Outcome.decode(reply.body) == Outcome.decode(told.body)


async def test_a_reply_queue_that_is_gone_does_not_matter(world: World) -> None:
    async with world.sender():
        outcome = await world.send(command(), reply_to="gone")
    assert outcome.status is OutcomeStatus.SENT


async def test_a_reply_never_goes_into_a_queue_of_the_house(world: World) -> None:
    await world.listen("other", "bot")
    async with world.sender():
        for place, queue in enumerate(("agent.other.bot", "sender.commands", "processor.inbound")):
            outcome = await world.send(command(f"c-{place}"), reply_to=queue)
            assert outcome.status is OutcomeStatus.SENT
    assert world.untold("other", "bot")
    assert world.untold()


async def test_an_agent_whose_queue_was_lost_is_told_all_the_same(
    world: World, rabbit: Any, vhost: str
) -> None:
    await world.put_tenant("lost", "bot", "+18005550199", bus_user="somebody")
    order = command(tenant_id="lost", agent_id="bot", number="+18005550199")
    async with world.sender(trust_command_identity=True):
        await world.publish(order.encode(), key="lost.bot.send")
        await world.sim.wait_for_texts(PHONE, 1, WAIT)
        await world.listen("lost", "bot")
        outcome = await world.outcome("lost", "bot")
    assert outcome.status is OutcomeStatus.SENT


async def test_each_recipient_gets_one_text_and_its_agent_one_outcome_each(world: World) -> None:
    phones = [f"+1555123{number:04d}" for number in range(20)]
    to = (*phones, "not a number", "(555) 123-0003")
    async with world.sender():
        await world.publish(command(to=to).encode())
        outcomes = [await world.outcome() for _ in range(21)]
    by_recipient = {outcome.original_to: outcome for outcome in outcomes}
    assert by_recipient["not a number"].code is OutcomeCode.INVALID_RECIPIENT
    # One call: twenty recipients, each with idempotency values of its own.
    assert [len(call["recipients"]) for call in world.sim.sends] == [20]
    assert len(set(repeatability_ids(world.sim))) == 20
    assert all(by_recipient[phone].status is OutcomeStatus.SENT for phone in phones)
    assert [len(world.sim.phone(phone).received) for phone in phones] == [1] * 20
    assert world.untold()


async def test_a_deferred_recipient_does_not_make_the_others_be_told_again(world: World) -> None:
    phones = ("+15551230001", "+15551230002", "+15551230003")
    world.sim.fault("recipient_error", phone=phones[1], count=1, http_status_code=503)
    async with world.sender(sender_retry_in_place_max=0):
        await world.publish(command(to=phones).encode())
        outcomes = [await world.outcome() for _ in range(3)]
    assert {outcome.to for outcome in outcomes[:2]} == {phones[0], phones[2]}
    assert outcomes[2].to == phones[1]
    assert {outcome.status for outcome in outcomes} == {OutcomeStatus.SENT}
    assert world.untold()


async def test_a_replayed_command_gets_its_outcome_again_and_no_second_text(world: World) -> None:
    async with world.sender():
        first = await world.send(command())
        again = await world.send(command())
    assert again == first
    assert len(world.sim.sends) == 1


async def test_twenty_copies_at_once_become_one_text(world: World) -> None:
    async with world.sender(replica="a"), world.sender(replica="b"):
        await asyncio.gather(*(world.publish(command().encode()) for _ in range(20)))
        outcomes = [await world.outcome() for _ in range(20)]
    assert len(set(map(repr, outcomes))) == 1
    assert len(world.sim.sends) == 1
    assert len(world.sim.phone(PHONE).received) == 1


async def test_a_reused_command_id_is_refused_and_tells_nothing_of_the_other(world: World) -> None:
    async with world.sender():
        await world.send(command(body="first", to="+15551230009"))
        second = await world.send(command(body="second"))
    assert (second.status, second.code) == (OutcomeStatus.FAILED, OutcomeCode.COMMAND_ID_REUSED)
    assert (second.to, second.body, second.message_id) == (PHONE, None, None)
    assert len(world.sim.sends) == 1


async def test_a_stopping_sender_finishes_what_is_in_hand(world: World) -> None:
    world.sim.fault("slow", seconds=1.0, count=1)
    async with world.sender() as runtime:
        await world.publish(command().encode())
        await world.sim.wait_for_texts(PHONE, 1, WAIT)
        runtime.stopping.set()
    assert (await world.outcome()).status is OutcomeStatus.SENT
    assert len(repeatability_ids(world.sim)) == 1
