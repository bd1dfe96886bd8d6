"""What happens on a running stage, as it happens, for whoever texts it by hand."""

from __future__ import annotations

import asyncio
from typing import Final

from heliograph import Outcome
from local.demo_agent import Decided
from local.play import Scene, is_delivery_of_a_text, show
from local.simulator import Entry

_QUIET: Final = 3600.0
"""Seconds after which waiting for the simulator begins anew; nothing depends on it."""


async def follow(scene: Scene) -> None:
    """Show every text, every answer of the webhook and all that the agent sees, for ever.

    The simulator and the agent tell of the same conversation independently. What the simulator has
    told is shown before what the agent says of it, and a phone shows a text once its outcome is
    known, so that lines come in the order of cause and effect.
    """
    follower = Follower(scene)
    async with asyncio.TaskGroup() as both:
        both.create_task(follower.watch_simulator())
        both.create_task(follower.watch_agent())


class Follower:
    """Shows what is new since it was made."""

    def __init__(self, scene: Scene):
        self._scene = scene
        self._seen = max((entry["seq"] for entry in scene.simulator.journal.entries()), default=0)
        self._shown = {
            number: scene.simulator.phone(number).received_total
            for number in scene.simulator.phones.numbers()
        }

    async def watch_simulator(self) -> None:
        """Show what the simulator records."""
        while True:
            await self._scene.simulator.journal.wait_beyond(self._seen, _QUIET)
            self.catch_up()

    async def watch_agent(self) -> None:
        """Show what the agent is told, and what then arrives on the phone."""
        while True:
            event = await self._scene.events.get()
            self.catch_up()
            show(self._scene.timeline, event)
            if isinstance(event, (Outcome, Decided)):
                outcome = event.outcome if isinstance(event, Decided) else event
                self._show_received(outcome.to)

    def catch_up(self) -> None:
        """Show what the simulator has recorded and nobody has seen yet."""
        for entry in self._scene.simulator.journal.entries(since=self._seen):
            self._seen = entry["seq"]
            self._tell(entry)

    def _tell(self, entry: Entry) -> None:
        timeline = self._scene.timeline
        if entry["kind"] == "text":
            timeline.text(entry["from"], entry["to"], entry["body"])
        elif is_delivery_of_a_text(entry):
            if entry["verdict"] == "delivered":
                timeline.delivered(entry["status"], entry["latency_ms"])
            else:
                timeline.not_delivered(entry["outcome"], again=entry["verdict"] == "again")

    def _show_received(self, number: str) -> None:
        phone = self._scene.simulator.phone(number)
        new = phone.received_total - self._shown.get(number, 0)
        self._shown[number] = phone.received_total
        for text in list(phone.received)[-new:] if new else ():
            self._scene.timeline.received(number, text.body)
