"""Promise: the gate, the consent and the clock count at the moment of every provider call."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sender_desk import Desk, delivery
from sender_stand_ins import NUMBER, command

from common.bus.verdicts import Defer, Done
from common.providers.port import Ambiguous, NotProcessed, SendResult
from common.store.memory import MemoryOutbound
from heliograph.codes import OutcomeCode
from heliograph.models import SendCommand

PHONE = "+15551230001"
THROTTLED = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "slow down")
AWAY = NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "away")
LOST = Ambiguous("no answer")


async def close_gate(desk: Desk) -> None:
    await desk.connections.set_gate("acme", NUMBER, on=False)


async def stop(desk: Desk) -> None:
    await desk.opt_out(PHONE)


async def expire(desk: Desk) -> None:
    """Nothing: the command expires by itself during the pause."""


@pytest.mark.parametrize(
    ("answer", "change", "code"),
    [
        (AWAY, close_gate, OutcomeCode.GATE_OFF),
        (AWAY, stop, OutcomeCode.RECIPIENT_OPTED_OUT),
        (AWAY, expire, OutcomeCode.COMMAND_EXPIRED),
        (LOST, close_gate, OutcomeCode.AMBIGUOUS),
        (LOST, stop, OutcomeCode.AMBIGUOUS),
        (LOST, expire, OutcomeCode.AMBIGUOUS),
    ],
)
async def test_what_is_forbidden_in_a_short_pause_is_not_tried_again(
    answer: SendResult, change: Any, code: OutcomeCode
) -> None:
    desk = Desk()
    await desk.prepare()
    desk.client.blocking = True
    desk.client.answers.append(answer)
    soon = datetime.now(UTC) + timedelta(milliseconds=150) if change is expire else None
    order = delivery(command(expires_at=soon))
    working = asyncio.create_task(desk.replica(in_place=5.0).handle(order))
    await desk.client.busy.wait()
    await change(desk)
    desk.client.release.set()
    assert await working == Done()
    assert len(desk.client.sent) == 1
    assert [outcome.code for outcome in desk.told()] == [code]


async def test_a_number_that_another_agent_got_after_the_claim_sends_nothing() -> None:
    desk = Desk()
    await desk.prepare()
    handler = desk.replica()
    claim = MemoryOutbound.claim

    async def claim_and_lose(self: MemoryOutbound, *args: Any, **options: Any) -> Any:
        claimed = await claim(self, *args, **options)
        await desk.connections.put_agent("acme", "sales", name="s", bus_user="acme-sales")
        await desk.connections.put_number(
            "acme", "line", address=NUMBER, region="US", agent_id="sales"
        )
        return claimed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MemoryOutbound, "claim", claim_and_lose)
        assert await handler.handle(delivery()) == Done()
    assert desk.client.sent == []
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.CONNECTION_INACTIVE]


async def test_a_lost_answer_of_a_moved_numbers_new_connection_is_asked_for_again_there() -> None:
    desk = Desk()
    await desk.prepare()
    handler = desk.replica()
    desk.client.answers += [NotProcessed(THROTTLED.code, "", 45.0), LOST]
    assert await handler.handle(delivery()) == Defer(45.0)
    await desk.connect("new-line", {"key": "good"})
    desk.wind(60)
    assert isinstance(await handler.handle(delivery()), Defer)
    desk.wind(60)
    assert await handler.handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.SENT]
    (text,) = [item for item in desk.memory.messages.values() if item["direction"] == "OUTBOUND"]
    assert text["connection_id"] == "new-line"


async def test_a_lost_answer_is_not_asked_for_again_on_another_connection() -> None:
    desk = Desk()
    await desk.prepare()
    handler = desk.replica()
    desk.client.answers.append(LOST)
    assert isinstance(await handler.handle(delivery()), Defer)
    await desk.connect("new-line", {"key": "good"})
    desk.wind(60)
    assert await handler.handle(delivery()) == Done()
    assert [outcome.code for outcome in desk.told()] == [OutcomeCode.AMBIGUOUS]
    assert len(desk.client.sent) == 1


async def test_a_text_that_has_waited_is_tried_once_a_pass() -> None:
    desk = Desk()
    await desk.prepare()
    desk.client.answers += [NotProcessed(THROTTLED.code, "", 45.0), THROTTLED, THROTTLED]
    handler = desk.replica(in_place=5.0)
    assert await handler.handle(delivery()) == Defer(45.0)
    desk.wind(46)
    assert await handler.handle(delivery()) == Defer(4.0)
    assert len(desk.client.sent) == 2


async def test_the_longest_pause_of_several_recipients_counts() -> None:
    desk = Desk()
    await desk.prepare()
    desk.client.answers += [NotProcessed(THROTTLED.code, "", wish) for wish in (5.0, 45.0, 20.0)]
    order: SendCommand = command(to=(PHONE, "+15551230002", "+15551230003"))
    assert await desk.replica().handle(delivery(order)) == Defer(45.0)
