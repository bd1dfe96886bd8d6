"""A demo agent: a front desk that knows two answers. `on_event` is told what it sees and says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from heliograph import Agent, Direction, Outcome, Report, Turn
from heliograph.turns import OpenTurn

ANSWERS: Final = (
    ("open", "We open at 8:30 tomorrow. See you then!"),
    ("park", "Yes, parking is free behind the house."),
)
FALLBACK: Final = "Thank you for your text! A colleague will call you back today."


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a held text when a person had decided on it."""

    outcome: Outcome


Event = Turn | Outcome | Decided | Report
Listener = Callable[[Event], None]


def answer_to(turn: Turn) -> str:
    """The answer to a text, or to the newest earlier text that nobody has answered."""
    open_texts = [turn.message.body]
    for past in reversed(turn.history):
        if past.direction is Direction.OUTBOUND:
            break
        open_texts.append(past.body)
    for text in open_texts:
        for word, answer in ANSWERS:
            if word in text.lower():
                return answer
    return FALLBACK


def front_desk(url: str, *, tenant_id: str, agent_id: str, on_event: Listener) -> Agent:
    """The agent, ready to serve."""
    agent = Agent(url, tenant_id=tenant_id, agent_id=agent_id)

    @agent.on_turn
    async def answer(turn: OpenTurn) -> None:
        on_event(turn)
        if turn.can_send:
            on_event(await turn.reply(answer_to(turn)))

    @agent.on_outcome
    async def hear(outcome: Outcome) -> None:
        on_event(Decided(outcome))

    @agent.on_report
    async def note(report: Report) -> None:
        on_event(report)

    return agent
