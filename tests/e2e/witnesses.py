"""Who sees what becomes of a text: the agent, and a spy that hides nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from common.bus.messages import Delivery
from heliograph.agent import Agent
from heliograph.models import Outcome, Report, Turn, Wire
from heliograph.turns import OpenTurn
from local.simulator.journal import Bell

W = TypeVar("W", bound=Wire)


class Fate(Enum):
    """What is to become of a text, beside reaching its agent once."""

    ANSWERED = "its answer is on the phone, once"
    UNCERTAIN = "its answer is on the phone, once, and nobody could say so at first"
    UNDELIVERED = "the provider took its answer and could not deliver it"
    REFUSED = "the provider refused its answer"
    HELD = "its answer waits for a person"
    APPROVED = "its answer was held, and is on the phone, once, since a person allowed it"
    DENIED = "its answer was held, and will never be sent"
    SILENT = "nobody may answer it"


@dataclass(frozen=True, slots=True)
class Sent:
    """A text that a phone has sent. `id` is the one that Heliograph gives it."""

    id: str
    remote: str
    body: str
    fate: Fate
    words: str | None = None
    """What a person sends instead of the agent's answer."""

    @property
    def answer(self) -> str:
        """What the agent answers to it."""
        return answer_to(self.body)

    @property
    def goes_out(self) -> str:
        """What is sent, if anything is."""
        return self.words or self.answer


def answer_to(body: str) -> str:
    """Names the text that it answers, so that answers can be counted."""
    return f"Re: {body}"


class Notebook:
    """What the agent has seen."""

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.outcomes: dict[str, Outcome] = {}
        """By the ID of the text that was answered."""
        self.news: list[Outcome] = []
        """Outcomes that came when nobody waited for them."""
        self.reports: list[Report] = []
        self.handled: set[str] = set()
        """IDs of the texts whose turns were handled to the end."""
        self.bell = Bell()

    async def wait(self, met: Callable[[], bool], seconds: float) -> None:
        """Wait until something is in the notebook; raises TimeoutError."""
        await self.bell.wait(met, seconds)

    async def wait_for_texts(self, texts: Iterable[Sent], seconds: float) -> None:
        """Wait until the turns of these texts are handled; raises TimeoutError."""
        wanted = {text.id for text in texts}
        await self.wait(lambda: wanted <= self.handled, seconds)


def answering_agent(
    url: str, notebook: Notebook, *, tenant_id: str, agent_id: str, patience: float
) -> Agent:
    """An agent that answers each text that it may answer. A reply waits for its outcome for
    `patience` seconds, which is longer than any fault lasts."""
    agent = Agent(url, tenant_id=tenant_id, agent_id=agent_id, outcome_timeout=patience, grace=1.0)

    @agent.on_turn
    async def answer(turn: OpenTurn) -> None:
        notebook.turns.append(turn)
        notebook.bell.ring()
        if turn.can_send:
            outcome = await turn.reply(answer_to(turn.message.body))
            notebook.outcomes[turn.message.id] = outcome
        notebook.handled.add(turn.message.id)
        notebook.bell.ring()

    @agent.on_outcome
    async def hear(outcome: Outcome) -> None:
        notebook.news.append(outcome)
        notebook.bell.ring()

    @agent.on_report
    async def note(report: Report) -> None:
        notebook.reports.append(report)
        notebook.bell.ring()

    return agent


class Spy:
    """Everything that was published to agents, repeats included; the agent client hides those."""

    def __init__(self) -> None:
        self.seen: list[Delivery] = []
        self._news = asyncio.Condition()

    async def read(self, deliveries: asyncio.Queue[Delivery]) -> None:
        """Note what comes, for ever."""
        while True:
            delivery = await deliveries.get()
            self.seen.append(delivery)
            await delivery.ack()
            async with self._news:
                self._news.notify_all()

    async def wait_for(self, total: int) -> list[Delivery]:
        """All that has come, when there are so many."""
        async with self._news:
            await self._news.wait_for(lambda: len(self.seen) >= total)
        return self.seen

    def all(self, kind: type[W]) -> Sequence[W]:
        """The messages of a kind, in the order in which they came."""
        return [kind.decode(item.body) for item in self.seen if item.type == kind.type]
