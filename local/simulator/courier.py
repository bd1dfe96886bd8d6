"""Delivers one subscription's events: at least once, concurrently, retried, bounded."""

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import aiohttp
import orjson

from local.simulator import retry
from local.simulator.clock import now, ticks
from local.simulator.events import Event
from local.simulator.journal import Journal
from local.simulator.subscriptions import Subscription

CONCURRENCY = 100
MAX_PENDING = 100_000
_JITTER = 0.1


@dataclass(slots=True, eq=False)
class Letter:
    """One event, already written in the subscription's style."""

    id: str
    type: str
    content: bytes
    tried: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True, eq=False)
class Batch:
    """Letters that travel together, from the first attempt to the last."""

    letters: list[Letter]
    published_at: datetime = field(default_factory=now)
    published: float = field(default_factory=time.monotonic)
    attempts: int = 0

    @property
    def size(self) -> int:
        """Count the bytes of all letters."""
        return sum(len(letter.content) for letter in self.letters)


class Courier:
    """Carries letters to one endpoint; `time_scale` compresses the retry schedule and the TTL."""

    def __init__(
        self,
        subscription: Subscription,
        *,
        session: aiohttp.ClientSession,
        journal: Journal,
        time_scale: float,
        dice: random.Random,
    ) -> None:
        self.subscription = subscription
        self._session = session
        self._journal = journal
        self._time_scale = time_scale
        self._dice = dice
        self._ready: asyncio.Queue[Batch] = asyncio.Queue()
        self._room = asyncio.Semaphore(MAX_PENDING)
        self._timers: set[asyncio.TimerHandle] = set()
        self._untried: set[Letter] = set()
        self._workers = [asyncio.create_task(self._work()) for _ in range(CONCURRENCY)]
        self.pending = 0

    async def accept(self, event: Event, delay: float = 0.0) -> Letter:
        """Take an event for delivery in `delay` real seconds; waits while too many are pending."""
        content = orjson.dumps(event.written(self.subscription.style))
        letter = Letter(event.id, event.type, content)
        await self._room.acquire()
        self.pending += 1
        self._untried.add(letter)
        self._put(Batch([letter]), delay)
        return letter

    async def close(self) -> None:
        """Stop at once; what is pending is forgotten."""
        for timer in self._timers:
            timer.cancel()
        for worker in self._workers:
            worker.cancel()
        self._mark_tried(list(self._untried))
        for worker in self._workers:
            with contextlib.suppress(asyncio.CancelledError):
                await worker

    def _put(self, batch: Batch, delay: float) -> None:
        """Make a batch ready now or later."""
        if delay <= 0:
            self._ready.put_nowait(batch)
            return

        def ready() -> None:
            self._timers.discard(timer)
            self._ready.put_nowait(batch)

        timer = asyncio.get_running_loop().call_later(delay, ready)
        self._timers.add(timer)

    async def _work(self) -> None:
        """Deliver one batch after the other."""
        while True:
            batch = await self._ready.get()
            if batch.attempts == 0:
                self._fill(batch)
            await self._attempt(batch)

    def _fill(self, batch: Batch) -> None:
        """Add fresh letters that wait already; Event Grid never holds events back for a batch."""
        size, limit = batch.size, self.subscription.preferred_batch_kilobytes * 1024
        while len(batch.letters) < self.subscription.max_events_per_batch and size < limit:
            with contextlib.suppress(asyncio.QueueEmpty):
                other = self._ready.get_nowait()
                if other.attempts == 0 and size + other.size <= limit:
                    batch.letters += other.letters
                    size += other.size
                    continue
                self._ready.put_nowait(other)
            return

    async def _attempt(self, batch: Batch) -> None:
        """Try once, and act on what became of it."""
        if batch.attempts and self._is_expired(batch):
            self._bury(batch, "TimeToLiveExceeded", "Aborted")
            return
        batch.attempts += 1
        started = time.perf_counter()
        status, error = await self._post(batch)
        latency = time.perf_counter() - started
        verdict = retry.verdict(status, batch.attempts, self.subscription.max_attempts)
        outcome = retry.outcome(status, error)
        self._journal.record(
            "delivery",
            subscription=self.subscription.name,
            event_ids=[letter.id for letter in batch.letters],
            event_types=[letter.type for letter in batch.letters],
            attempt=batch.attempts,
            status=status,
            outcome=outcome,
            verdict=type(verdict).__name__.lower(),
            latency_ms=round(latency * 1000, 3),
        )
        self._mark_tried(batch.letters)
        match verdict:
            case retry.Delivered():
                self._release(batch)
            case retry.Drop(reason):
                self._bury(batch, reason, outcome)
            case retry.Again(seconds):
                jitter = 1 + _JITTER * self._dice.random()
                self._put(batch, seconds * jitter * self._time_scale)

    async def _post(self, batch: Batch) -> tuple[int | None, str | None]:
        """Deliver over HTTP; gives the status, or the name of what prevented one."""
        joined = b",".join(letter.content for letter in batch.letters)
        alone = self.subscription.max_events_per_batch == 1
        single = self.subscription.schema_ == "cloudevents" and alone
        try:
            async with self._session.post(
                self.subscription.target,
                data=joined if single else b"[" + joined + b"]",
                headers=self.subscription.delivery_headers(batch.attempts - 1),
                allow_redirects=False,
            ) as response:
                await response.read()
                return response.status, None
        except TimeoutError:
            return None, "TimedOut"
        except aiohttp.ClientConnectorDNSError:
            return None, "ResolutionError"
        except (aiohttp.ClientError, OSError):
            return None, "SocketError"

    def _mark_tried(self, letters: list[Letter]) -> None:
        """Wake whoever waits for a first attempt; on closing, there will be none."""
        for letter in letters:
            letter.tried.set()
            self._untried.discard(letter)

    def _is_expired(self, batch: Batch) -> bool:
        ttl = self.subscription.ttl_minutes
        age = time.monotonic() - batch.published
        return ttl is not None and age > ttl * 60 * self._time_scale

    def _bury(self, batch: Batch, reason: str, outcome: str) -> None:
        """Record dead letters in the form of a dead-letter blob.

        Source: Microsoft docs, "Event Grid message delivery and retry", on dead-letter events.
        """
        facts: dict[str, Any] = {
            "deadLetterReason": reason,
            "deliveryAttempts": batch.attempts,
            "lastDeliveryOutcome": outcome,
            "publishTime": ticks(batch.published_at),
            "lastDeliveryAttemptTime": ticks(now()),
        }
        if self.subscription.schema_ == "cloudevents":
            facts = {name.lower(): value for name, value in facts.items()}
        for letter in batch.letters:
            event = orjson.loads(letter.content)
            blob = {**event, **facts} if isinstance(event, dict) else {"event": event, **facts}
            self._journal.record(
                "dead_letter", subscription=self.subscription.name, event_id=letter.id, blob=blob
            )
        self._release(batch)

    def _release(self, batch: Batch) -> None:
        """Make room for as many letters as have come to their end."""
        self.pending -= len(batch.letters)
        for _ in batch.letters:
            self._room.release()
        self._journal.bell.ring()
