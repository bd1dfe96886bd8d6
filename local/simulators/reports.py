"""When and how often reports leave: one after the other, unless a fault in force says otherwise."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace

from local.simulator.backwards import Backwards
from local.simulator.clock import now
from local.simulator.faults import (
    DuplicateReports,
    EarlyReports,
    FaultBook,
    LateReports,
    MissingReports,
    ReorderReports,
)
from local.simulator.journal import Journal
from local.simulators.courier import Courier, Letter
from local.simulators.faults import FailedReports, UnknownReports
from local.simulators.messages import News, Sent, State

Write = Callable[[Sent, News], Letter | None]
"""The report of a provider; None where it sends none for such news."""


class Reports:
    """The way of each accepted text's news to whoever is to be told.

    `delay` is the real seconds before each report; `per_part` says that a text in parts has a
    report for each part.
    """

    def __init__(
        self,
        *,
        write: Write,
        courier: Courier,
        faults: FaultBook,
        journal: Journal,
        delay: float,
        per_part: bool,
    ) -> None:
        self._write = write
        self._courier = courier
        self._faults = faults
        self._journal = journal
        self._delay = delay
        self._per_part = per_part
        self._backwards = Backwards(courier.post_and_wait, self._spawn)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Count reports that wait for their time."""
        return len(self._tasks) + len(self._backwards)

    def plan(self, sent: Sent, *, blocked: str | None = None) -> list[News]:
        """What will become known of a text, oldest first. `blocked` is the code with which the
        provider itself stops it."""
        phone = [sent.order.to]
        failed, unknown = None, None
        if blocked is None:
            failed = self._faults.take(FailedReports, phone)
            unknown = None if failed else self._faults.take(UnknownReports, phone)
        parts: Sequence[int | None] = (None,)
        if self._per_part and sent.parts > 1:
            parts = range(sent.parts)
        steps = [] if blocked is not None else [News(State.SENT, part=part) for part in parts]
        for part in parts:
            if blocked is not None:
                steps.append(News(State.FAILED, blocked, part))
            elif failed and failed.part in {None, part}:
                steps.append(News(State.FAILED, failed.code, part))
            elif unknown:
                steps.append(News(State.UNKNOWN, unknown.code, part))
            else:
                steps.append(News(State.DELIVERED, part=part))
        return steps

    async def run_ahead(self, sent: Sent, plan: list[News]) -> bool:
        """Deliver the reports that must beat their send's answer; tell whether it did."""
        if not self._faults.take(EarlyReports, [sent.order.to]):
            return False
        for news in plan:
            if letter := self._due(sent, news, "early_reports"):
                await self._courier.post_and_wait(letter, copies=self._copies(sent))
        return True

    def start(self, sent: Sent, plan: list[News]) -> None:
        """Let the reports of one text come in their time, which is after its send's answer."""
        self._spawn(self._tell(sent, plan))

    async def close(self) -> None:
        """Forget what is held."""
        self._backwards.forget()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _tell(self, sent: Sent, plan: list[News]) -> None:
        for news in plan:
            await asyncio.sleep(self._delay)
            await self._tell_one(sent, news)

    async def _tell_one(self, sent: Sent, news: News) -> None:
        phone = [sent.order.to]
        if self._faults.take(MissingReports, phone):
            self._due(sent, news, "missing_reports")
        elif reorder := self._faults.take(ReorderReports, phone):
            if letter := self._due(sent, news, "reorder_reports"):
                self._backwards.hold(letter, reorder)
        else:
            late = self._faults.take(LateReports, phone)
            letter = self._due(sent, news, "late_reports" if late else None)
            if late:
                await asyncio.sleep(late.seconds)
            if letter:
                await self._courier.post_and_wait(letter, copies=self._copies(sent))

    def _due(self, sent: Sent, news: News, fault: str | None) -> Letter | None:
        """Let it be so, from now on; gives the report of it."""
        news = replace(news, at=now())
        sent.news.append(news)
        sent.state, sent.code, sent.changed_at = news.state, news.code, news.at
        self._journal.record(
            "report",
            message_id=sent.id,
            to=sent.order.to,
            state=news.state,
            code=news.code,
            part=news.part,
            fault=fault,
        )
        return self._write(sent, news)

    def _copies(self, sent: Sent) -> int:
        duplicate = self._faults.take(DuplicateReports, [sent.order.to])
        return duplicate.copies if duplicate else 1

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._journal.bell.ring()
