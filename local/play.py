"""The conversation that `make run` plays. A step that does not happen in time fails."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar

from common.store.ports import Executions
from common.store.records import Execution
from heliograph import Outcome, OutcomeStatus, Report, ReportStatus, Turn
from local.demo_agent import Decided, Event
from local.simulator import Entry, Phone, Text, events
from local.simulator.journal import Journal
from local.simulator.phones import Phones
from local.simulators.courier import TEXT
from local.timeline import Timeline

FIRST_TEXT: Final = "Hi! What time do you open tomorrow?"
SECOND_TEXT: Final = "Hello? Anyone there?"
_PATIENCE: Final = 15.0
"""Seconds that one step may take; each takes a few milliseconds on an idle machine."""

T = TypeVar("T")


class Switch(Protocol):
    """Turns the number's gate on or off."""

    async def __call__(self, *, on: bool) -> None: ...


class Simulated(Protocol):
    """What the conversation needs of a provider's simulator."""

    journal: Journal
    phones: Phones

    async def text(self, from_: str, to: str, body: str) -> str:
        """Let a phone text a number."""

    def phone(self, number: str) -> Phone:
        """Give a phone."""

    async def wait_for_texts(self, number: str, total: int, timeout: float) -> list[Text]:  # noqa: ASYNC109 -- the simulators' own
        """Wait until a phone has received so many texts; raises TimeoutError."""


class StepFailed(Exception):
    """A step of the conversation did not happen."""

    code = "step_failed"


@dataclass(slots=True)
class Scene:
    """What the conversation is played with."""

    simulator: Simulated
    timeline: Timeline
    events: asyncio.Queue[Event]
    executions: Executions
    switch: Switch
    tenant_id: str
    number: str
    remote: str
    waiting: list[Event] = field(default_factory=list)


async def play(scene: Scene) -> None:
    """A text comes in; the gate holds the answer; the switch is turned on; the answer goes out.

    Raises:
        StepFailed: naming the step.
    """
    await _person_texts(scene, FIRST_TEXT)
    await _expect(scene, "the agent reads the first text", _is_turn_of(FIRST_TEXT))
    held = await _expect(scene, "the gate holds the first answer", _is_outcome(OutcomeStatus.HELD))
    if scene.simulator.phone(scene.remote).received_total:
        raise StepFailed("The gate was off, and yet the phone received a text.")

    await scene.switch(on=True)
    scene.timeline.say("operator", f"turns on autonomous sending for {scene.number}")

    await _person_texts(scene, SECOND_TEXT)
    turn = await _expect(scene, "the agent reads the second text", _is_turn_of(SECOND_TEXT))
    sent = await _expect(scene, "the answer goes out", _is_outcome(OutcomeStatus.SENT))
    await _phone_shows(scene, sent, held)
    await _expect(scene, "the delivery report arrives", _is_delivered)
    scene.timeline.execution(await _execution(scene, turn))


async def _person_texts(scene: Scene, body: str) -> None:
    seen = max((entry["seq"] for entry in scene.simulator.journal.entries()), default=0)
    scene.timeline.text(scene.remote, scene.number, body)
    await scene.simulator.text(scene.remote, scene.number, body)
    delivery = await _in_time(
        f"{scene.timeline.deliverer} delivers the text", _delivery(scene.simulator.journal, seen)
    )
    if delivery["verdict"] != "delivered":
        raise StepFailed(f"The webhook did not take the text: {delivery['outcome']}.")
    scene.timeline.delivered(delivery["status"], delivery["latency_ms"])


async def _delivery(journal: Journal, since: int) -> Entry:
    """The next try of an inbound text; reports may be delivered meanwhile."""
    while True:
        for entry in await journal.wait_beyond(since, _PATIENCE):
            since = entry["seq"]
            if is_delivery_of_a_text(entry):
                return entry


def is_delivery_of_a_text(entry: Entry) -> bool:
    """Whether an entry of a simulator's journal is a try to deliver an inbound text."""
    kinds = (entry.get("of"), *entry.get("event_types", ()))
    return entry["kind"] == "delivery" and bool({TEXT, events.RECEIVED}.intersection(kinds))


async def _phone_shows(scene: Scene, sent: Event, held: Event) -> None:
    texts = await _in_time(
        "the phone receives the answer", scene.simulator.wait_for_texts(scene.remote, 1, _PATIENCE)
    )
    scene.timeline.received(scene.remote, texts[0].body)
    if not (isinstance(sent, Outcome) and isinstance(held, Outcome) and sent.body == held.body):
        raise StepFailed("What went out is not the answer that the gate had held.")
    if len(texts) != 1:
        raise StepFailed(f"The phone received {len(texts)} texts instead of one.")


async def _execution(scene: Scene, turn: Event) -> Execution:
    if not isinstance(turn, Turn):
        raise StepFailed("The second turn is missing.")
    execution = await scene.executions.of_message(scene.tenant_id, turn.message.id)
    steps = {step.what for step in execution.steps} if execution else set()
    missing = {"accepted", "recorded", "handed_over", "answered", "sent", "reported"} - steps
    if execution is None or missing:
        raise StepFailed(f"The record of the last text lacks {', '.join(sorted(missing))}.")
    return execution


async def _expect(scene: Scene, step: str, wanted: Callable[[Event], bool]) -> Event:
    """The wanted event, shown. Others wait for their step: a delivery report may overtake the
    outcome that it is about."""
    while (event := next(filter(wanted, scene.waiting), None)) is None:
        scene.waiting.append(await _in_time(step, scene.events.get(), scene.waiting))
    scene.waiting.remove(event)
    show(scene.timeline, event)
    return event


async def _in_time(step: str, work: Awaitable[T], instead: Sequence[Event] = ()) -> T:
    try:
        async with asyncio.timeout(_PATIENCE):
            return await work
    except TimeoutError:
        found = "; ".join(type(event).__name__ + f" {_gist(event)}" for event in instead)
        happened = f" Instead: {found}." if found else ""
        raise StepFailed(f"Waited {_PATIENCE:.0f} s in vain until {step}.{happened}") from None


def _gist(event: Event) -> str:
    if isinstance(event, Turn):
        return event.message.body
    return str(event.outcome.status if isinstance(event, Decided) else event.status)


def show(timeline: Timeline, event: Event) -> None:
    """Print an event of the agent."""
    if isinstance(event, Turn):
        timeline.turn(event)
    elif isinstance(event, Outcome):
        timeline.outcome(event)
    elif isinstance(event, Decided):
        timeline.decided(event.outcome)
    else:
        timeline.report(event)


def _is_turn_of(body: str) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Turn) and event.message.body == body


def _is_outcome(status: OutcomeStatus) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, Outcome) and event.status is status


def _is_delivered(event: Event) -> bool:
    return isinstance(event, Report) and event.status is ReportStatus.DELIVERED
