"""Promise: a conversation is held after as many answers as the rules allow, however much the other
side writes for each."""

from __future__ import annotations

import pytest
from sender_desk import LEASE, Desk, delivery
from sender_stand_ins import NUMBER, command

from common.sending_rules import SendingRules, rules_document
from common.store.memory import MemoryInbound
from common.store.records import NewInbound
from heliograph.codes import OutcomeCode

REPLIES = 12


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.prepare()
    rules = rules_document(SendingRules(loop_replies=REPLIES))
    made.memory.numbers[f"acme/{NUMBER}"] |= {"rules": rules, "type": "local"}
    return made


@pytest.mark.parametrize("heard", [1, 2, 3])
async def test_a_loop_ends_after_as_many_answers_as_are_allowed(desk: Desk, heard: int) -> None:
    for place in range(REPLIES + 3):
        await round_of(desk, place, heard)
    assert len(desk.client.sent) == REPLIES
    assert [outcome.code for outcome in desk.told()][REPLIES:] == [
        OutcomeCode.LOOP_SUSPECTED,
        OutcomeCode.CONVERSATION_HELD,
        OutcomeCode.CONVERSATION_HELD,
    ]


async def test_answers_before_a_person_let_it_go_on_do_not_count(desk: Desk) -> None:
    for place in range(REPLIES + 1):
        await round_of(desk, place, 2)
    (hold,) = desk.memory.conversation_holds.values()
    hold |= {"held_since": None, "resumed_at": desk.instant}
    for place in range(REPLIES + 1):
        await round_of(desk, place + REPLIES + 1, 2)
    assert len(desk.client.sent) == 2 * REPLIES
    assert desk.told()[-1].code is OutcomeCode.LOOP_SUSPECTED


async def round_of(desk: Desk, place: int, heard: int) -> None:
    """The other side writes, and the agent answers once."""
    desk.wind(1)
    texts = [new_text(desk, f"{place}.{more}", said(10 * place + more)) for more in range(heard)]
    await MemoryInbound(desk.memory).record(texts, owner="p", lease=LEASE)
    order = command(command_id=f"c-{place}", body=said(place + 1_000))
    await desk.replica().handle(delivery(order))


def new_text(desk: Desk, key: str, body: str) -> NewInbound:
    return NewInbound(
        tenant_id="acme",
        connection_id="line",
        provider="fake",
        provider_message_id=key,
        agent_id="support",
        number=NUMBER,
        remote=str(command().to),
        body=body,
        segments=1,
        keyword=None,
        at=desk.instant,
        accepted_at=desk.instant,
    )


def said(n: int) -> str:
    """Words that no other number has."""
    return " ".join(chr(ord("a") + int(digit)) * (place + 5) for place, digit in enumerate(str(n)))
