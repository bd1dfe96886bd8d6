"""Replies and their outcomes, without a broker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from heliograph import (
    Agent,
    CommandRefused,
    OpenTurn,
    Outcome,
    OutcomeCode,
    OutcomeStatus,
    OutcomeTimeout,
    Turn,
    TurnMessage,
    WrongUse,
)
from heliograph.commands import command_of
from heliograph.connection import pause_before, user_of
from heliograph.outcomes import Expectations
from heliograph.parking import mask

NOW = datetime(2025, 3, 1, tzinfo=UTC)
TURN = Turn(
    turn_id="t1",
    seq=1,
    tenant_id="acme",
    agent_id="desk",
    connection_id="c",
    number="+14255550123",
    remote="+14255550100",
    message=TurnMessage(id="m", body="hi", at=NOW),
)
COMMAND: dict[str, Any] = {
    "command_id": "c1",
    "tenant_id": "acme",
    "agent_id": "desk",
    "number": "+14255550123",
    "to": "+14255550100",
    "body": "hi",
}


def outcome(command_id: str, to: str = "+1", status: OutcomeStatus = OutcomeStatus.SENT) -> Outcome:
    return Outcome(
        command_id=command_id,
        status=status,
        code=OutcomeCode.SENT,
        message="",
        to=to,
        original_to=to,
        at=NOW,
    )


class Sending:
    """Stands for `Agent.send`."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.error: Exception | None = None

    async def __call__(self, **fields: Any) -> Outcome:
        self.ids.append(fields["command_id"])
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return outcome(fields["command_id"])


def opened(send: Sending) -> OpenTurn:
    return OpenTurn.model_construct(**dict(TURN)).through(send)


async def test_replies_get_the_command_ids_of_their_places() -> None:
    send = Sending()
    turn = opened(send)
    await turn.reply("one")
    await asyncio.gather(turn.reply("two"), turn.reply("three"))
    assert send.ids == ["t1:1", "t1:2", "t1:3"]


async def test_a_turn_that_is_read_again_repeats_its_command_ids() -> None:
    send = Sending()
    await opened(send).reply("one")
    await opened(send).reply("another text")
    assert send.ids == ["t1:1", "t1:1"]


async def test_a_reply_that_ended_without_outcome_is_repeated_with_the_same_command_id() -> None:
    send = Sending()
    turn = opened(send)
    send.error = OutcomeTimeout("t1:1", 1, "")
    with pytest.raises(OutcomeTimeout):
        await turn.reply("one")
    send.error = None
    await turn.reply("one")
    await turn.reply("two")
    assert send.ids == ["t1:1", "t1:1", "t1:2"]


async def test_the_author_may_choose_the_place_or_the_whole_command_id() -> None:
    send = Sending()
    turn = opened(send)
    await turn.reply("x", attempt=7)
    await turn.reply("x", command_id="mine")
    await turn.reply("x")
    assert send.ids == ["t1:7", "mine", "t1:1"]


async def test_an_opened_turn_has_all_that_the_turn_has() -> None:
    assert opened(Sending()).model_dump() == TURN.model_dump()


async def test_outcomes_reach_those_who_wait_and_only_once() -> None:
    expectations = Expectations()
    awaited = expectations.expect("c1", ("+1", "+2"))
    assert expectations.settle(outcome("c1", "+2"))
    assert not awaited.done.done()
    assert expectations.settle(outcome("c1", "+1"))
    assert awaited.done.done()
    assert [one.to for one in awaited.outcomes] == ["+1", "+2"]
    expectations.forget(awaited)
    assert expectations.settle(outcome("c1", "+1")), "the second copy looks like news"
    assert not expectations.settle(outcome("c1", "+1", OutcomeStatus.HELD))
    assert not expectations.settle(outcome("c9"))


async def test_two_that_wait_for_the_same_command_both_get_its_outcome() -> None:
    expectations = Expectations()
    first, second = (expectations.expect("c1", ("+1",)) for _ in range(2))
    expectations.settle(outcome("c1"))
    assert first.done.done()
    assert second.done.done()


async def test_the_only_recipient_gets_the_outcome_however_it_is_written() -> None:
    expectations = Expectations()
    awaited = expectations.expect("c1", ("425 555 0100",))
    expectations.settle(outcome("c1", "+14255550100"))
    assert [one.to for one in awaited.outcomes] == ["+14255550100"]


async def test_a_recipient_who_is_named_twice_has_one_outcome() -> None:
    expectations = Expectations()
    awaited = expectations.expect("c1", ("+1 425 555 0100", "+14255550100", "+2"))
    expectations.settle(outcome("c1", "+1 425 555 0100"))
    expectations.settle(outcome("c1", "+2"))
    assert awaited.done.done()
    assert len(awaited.outcomes) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"command_id": ""},
        {"command_id": "é" * 200},
        {"number": ""},
        {"to": []},
        {"to": ["+1"] * 101},
        {"tag": "x" * 201},
        {"body": "\ud800"},
        {"expires_at": datetime(2025, 1, 1)},  # noqa: DTZ001 - without a zone is what is tested
    ],
)
def test_a_command_that_cannot_be_one_is_refused_before_it_is_published(
    wrong: dict[str, Any],
) -> None:
    with pytest.raises(CommandRefused, match="Nothing was sent") as caught:
        command_of(**(COMMAND | wrong))
    assert "4255550100" not in str(caught.value)


def test_a_list_of_recipients_is_taken_as_it_is() -> None:
    assert command_of(**(COMMAND | {"to": ["+1", "+2"]})).recipients == ("+1", "+2")


@pytest.mark.parametrize(
    ("url", "user"),
    [
        ("amqp://front-desk:secret@host/", "front-desk"),
        ("amqp://a%40b:x@host:5672/v", "a@b"),
        ("amqp://host/", "guest"),
    ],
)
def test_the_user_of_a_message_is_the_user_of_the_url(url: str, user: str) -> None:
    assert user_of(url) == user


def test_pauses_grow_to_a_bound_and_go_on_for_ever() -> None:
    pauses = [pause_before(n) for n in range(1, 20)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 2.0


def test_numbers_are_masked_in_reasons() -> None:
    assert "4255550100" not in mask("no answer for +14255550100")
    assert mask("after 3 attempts") == "after 3 attempts"


@pytest.mark.parametrize("name", ["Acme", "a.b", "", "a#", "-a"])
def test_an_impossible_tenant_or_agent_is_refused_at_once(name: str) -> None:
    with pytest.raises(WrongUse):
        Agent("amqp://host/", tenant_id=name, agent_id="desk")
    with pytest.raises(WrongUse):
        Agent("amqp://host/", tenant_id="acme", agent_id=name)


def test_handlers_and_iteration_exclude_each_other() -> None:
    agent = Agent("amqp://host/", tenant_id="acme", agent_id="desk")

    @agent.on_turn
    async def answer(_: OpenTurn) -> None: ...

    with pytest.raises(WrongUse, match="not both"):
        agent.turns()
