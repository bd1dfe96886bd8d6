"""Parked messages for the console's stage: one command that has been edited, and what is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from common.bus.in_hand import DeadLetter
from common.store.control import Page
from common.store.control_ports import NotFound
from common.store.dead_letter_ports import Original
from health.desk.dead_letters import ParkedQueue, masked
from health.desk.parked_acts import Content, Edited, Glance
from health.desk.parked_forecast import Forecast
from health.desk.parked_rounds import Round
from health.desk.parked_words import WORDS
from health.web.problems import Problem

QUEUE = "dead.sender.commands"
BODY = b'{"v":1,"command_id":"c1","to":"+15551230142","body":"canary <b>words</b>"}'
LETTER = DeadLetter(
    ref="r1",
    message_id="m1",
    type="command.send",
    reason="wrong_shape",
    detail="The message does not have its form (number: Field required).",
    parked_from="sender.commands",
    first_seen="2026-03-01T11:30:00+00:00",
    body=BODY,
    user="acme.front-desk",
    key="acme.front-desk.send",
    replays=2,
    edited_from="r0",
)
DIFF = ('-  "body": "old"', '+  "body": "new"', '   "v": 1')


def forecast(code: str = "new_command", ref: str = "r1") -> Forecast:
    """What a replay comes to."""
    effect, what = WORDS[code]
    return Forecast(
        ref=ref, effect=effect, code=code, what=what, exchange="", key="sender.commands"
    )


@dataclass
class StageLetters:
    """Two parking places, one of them with a message."""

    letter: DeadLetter = LETTER

    async def queues(self) -> tuple[ParkedQueue, ...]:
        return (ParkedQueue("dead.processor.inbound", 0), ParkedQueue(QUEUE, 1))

    async def look(self, queue: str, *, only: Any, **_: Any) -> Page[Any]:
        if queue != QUEUE:
            raise NotFound(queue)
        letters = (self.letter,) if only.fits(self.letter) else ()
        return Page(tuple(map(masked, letters)), "next" if letters else None)


@dataclass
class StageParked:
    """Notes what is done; `refusal` refuses it."""

    code: str = "new_command"
    letter: DeadLetter = LETTER
    refusal: Problem | None = None
    done: list[tuple[str, ...]] = field(default_factory=list)

    async def glance(self, queue: str, message: str) -> Glance:
        if message not in {"r1", "r2"}:
            raise NotFound(message)
        return Glance(parked=masked(self.letter), forecast=forecast(self.code))

    async def read(self, queue: str, message: str, *, why: str, by: Any) -> Content:
        self.done.append(("read", message, why))
        original = Original(
            ref="r1",
            of="r0",
            type="command.send",
            body=b"{}",
            edited_at=datetime(2026, 3, 1, 11, tzinfo=UTC),
            edited_by="Ada",
            why="A comma",
        )
        return Content(
            letter=self.letter,
            text=self.letter.body.decode(),
            original=original,
            changes=DIFF,
            forecast=forecast(self.code),
        )

    async def edit(
        self, queue: str, message: str, *, text: str, why: str, dry_run: bool, by: Any
    ) -> Edited:
        if self.refusal is not None:
            raise self.refusal
        self.done.append(("try" if dry_run else "edit", message, text, why))
        return Edited(ref="r2", changes=DIFF)

    async def replay(self, queue: str, message: str, *, why: str, by: Any) -> Forecast:
        if self.refusal is not None:
            raise self.refusal
        self.done.append(("replay", message, why))
        return forecast(self.code)

    async def drop(self, queue: str, message: str, *, why: str, by: Any) -> None:
        self.done.append(("drop", message, why))


@dataclass
class StageRounds:
    """A queue that takes seven rounds; each leaves a message."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    needed: int = 7
    failed: tuple[str, ...] = ()

    async def forecast(self, queue: str, only: Any, *, limit: int) -> Round:
        return self._round(forecast(), done=0, finished=False)

    async def replay(self, queue: str, only: Any, *, why: str, round_id: str, by: Any) -> Round:
        self.asked.append((why, round_id))
        return self._round(forecast("not_json"), done=99, finished=len(self.asked) >= self.needed)

    async def drop(self, queue: str, only: Any, *, why: str, round_id: str, by: Any) -> Round:
        self.asked.append((why, round_id))
        return self._round(None, done=100, finished=True)

    def _round(self, said: Forecast | None, *, done: int, finished: bool) -> Round:
        return Round(
            round_id="a-round",
            seen=100,
            done=done,
            finished=finished,
            forecasts=(said,) if said else (),
            failed=self.failed,
        )
