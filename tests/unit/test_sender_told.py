"""Promise: every outcome reaches its agent, whatever fails beside it, and however full its queue
is."""

from __future__ import annotations

from typing import Any

import pytest
from sender_desk import QUEUE, Desk, delivery
from sender_stand_ins import FakeDelivery, command

from common.bus.messages import Outgoing, PublishRefused
from common.bus.topology import SENDER_QUEUE
from common.bus.verdicts import Defer, Done, Park, Retry, Verdict, consequence
from common.providers.port import Accepted, NotProcessed
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus

PHONES = ("+15551230001", "+15551230002", "+15551230003")
THROTTLED = NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "slow down", 45.0)


class Full:
    """Makes an agent's queue refuse what comes after `room` messages."""

    def __init__(self, desk: Desk, room: int = 0) -> None:
        self.room = room
        self._publish = desk.broker.publish
        desk.broker.publish = self.publish  # type: ignore[method-assign]

    def publish(self, message: Outgoing, user: str) -> Any:
        if self.room <= 0:
            return PublishRefused("full")
        self.room -= 1
        return self._publish(message, user)


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    await made.prepare()
    return made


def back(held: FakeDelivery, verdict: Verdict) -> FakeDelivery:
    """The delivery as it comes back from a wait queue."""
    moved = consequence(held, verdict, own_user="sender", retry_delays=(1.0,))
    assert moved is not None
    assert moved.key.startswith("wait.")
    return FakeDelivery(
        body=moved.body,
        headers=dict(moved.headers),
        user_id="sender",
        routing_key=SENDER_QUEUE,
        correlation_id=moved.correlation_id,
        reply_to=moved.reply_to,
    )


def of(desk: Desk) -> list[str]:
    return [outcome.original_to for outcome in desk.told()]


async def test_one_recipient_that_fails_keeps_no_outcome_from_the_agent(desk: Desk) -> None:
    desk.provider.max_recipients = 1
    desk.client.answers += [Accepted("1"), RuntimeError("unforeseen"), Accepted("3")]
    first = delivery(command(to=PHONES))
    with pytest.raises(RuntimeError):
        await desk.replica().handle(first)
    assert of(desk) == [PHONES[0], PHONES[2]]
    desk.wind(60)
    assert await desk.replica().handle(back(first, Retry("unexpected_error"))) == Done()
    assert set(of(desk)) == set(PHONES)
    assert len(desk.client.sent) == 4


async def test_what_failed_before_it_was_told_is_told_when_it_comes_back(desk: Desk) -> None:
    """A Retry says nothing of what was told."""
    first = delivery(command(to=PHONES))
    full = Full(desk)
    await desk.replica().handle(first)
    full.room = 9
    assert await desk.replica().handle(back(first, Retry("unexpected_error"))) == Done()
    assert of(desk) == list(PHONES)


async def test_a_failure_beside_a_full_queue_does_not_park_what_is_untold(desk: Desk) -> None:
    Full(desk)
    desk.provider.max_recipients = 1
    desk.client.answers += [Accepted("1"), RuntimeError("unforeseen"), Accepted("3")]
    assert await desk.replica().handle(delivery(command(to=PHONES))) == Defer(30.0)


async def test_what_was_told_before_a_wait_is_not_told_again(desk: Desk) -> None:
    desk.client.answers += [Accepted("1"), THROTTLED, Accepted("3")]
    first = delivery(command(to=(*PHONES, "nobody")))
    verdict = await desk.replica().handle(first)
    assert isinstance(verdict, Defer)
    assert verdict.seconds == 45.0
    assert of(desk) == ["nobody", PHONES[0], PHONES[2]]
    again = back(first, verdict)
    again.redelivered = True
    desk.wind(46)
    assert await desk.replica().handle(again) == Done()
    assert of(desk) == ["nobody", PHONES[0], PHONES[2], PHONES[1]]


async def test_an_agent_cannot_say_what_it_was_told(desk: Desk) -> None:
    await desk.replica().handle(delivery())
    (stored,) = desk.broker.stored(QUEUE)
    forged = delivery()
    forged.headers["x-heliograph-told"] = stored.message.message_id
    assert await desk.replica().handle(forged) == Done()
    assert len(desk.told()) == 2


@pytest.mark.parametrize("to", [PHONES[:1], PHONES, ("nobody",), ("nobody", *PHONES)])
async def test_a_full_queue_is_asked_again_until_it_takes_each_outcome_once(
    desk: Desk, to: tuple[str, ...]
) -> None:
    full = Full(desk)
    handler, held = desk.replica(), delivery(command(to=to))
    for _ in range(len(to)):
        verdict = await handler.handle(held)
        assert isinstance(verdict, Defer)
        assert verdict.seconds == 30.0
        held, full.room = back(held, verdict), 1
    assert await handler.handle(held) == Done()
    assert sorted(of(desk)) == sorted(to)
    assert len(desk.client.sent) == len([phone for phone in to if phone != "nobody"])


@pytest.mark.parametrize(
    ("changes", "body", "end", "code"),
    [
        ({"number": "+18005550177"}, None, Done, OutcomeCode.UNKNOWN_NUMBER),
        ({"tenant_id": "other"}, None, Park, OutcomeCode.NOT_AUTHORISED),
        ({}, b'{"v": 9, "command_id": "c-1"}', Park, OutcomeCode.MALFORMED_COMMAND),
    ],
)
async def test_a_refusal_waits_for_room_in_its_agents_queue(
    desk: Desk, changes: dict[str, Any], body: bytes | None, end: type[Verdict], code: OutcomeCode
) -> None:
    full = Full(desk)
    held = delivery(command(**changes))
    held.body = body or held.body
    verdict = await desk.replica().handle(held)
    assert verdict == Defer(30.0)
    full.room = 9
    assert isinstance(await desk.replica().handle(back(held, verdict)), end)
    assert [outcome.code for outcome in desk.told()] == [code]


async def test_a_command_with_anothers_routing_key_stays_refused_after_a_wait(desk: Desk) -> None:
    full = Full(desk)
    held = delivery()
    held.routing_key = "acme.sales.send"
    verdict = await desk.replica().handle(held)
    full.room = 9
    assert isinstance(await desk.replica().handle(back(held, verdict)), Park)
    assert desk.client.sent == []


async def test_a_command_id_too_long_for_a_property_does_not_keep_its_outcome_back(
    desk: Desk,
) -> None:
    assert await desk.replica().handle(delivery(command(command_id="ż" * 200))) == Done()
    (stored,) = desk.broker.stored(QUEUE)
    assert stored.message.correlation_id is None
    assert desk.told()[0].status is OutcomeStatus.SENT
