"""Carries a provider's callbacks: in one POST or several, retried as the provider does."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp
from yarl import URL

from local.simulator.journal import Journal

CONCURRENCY = 100
Kind = Literal["text", "report"]
TEXT: Kind = "text"
REPORT: Kind = "report"


@dataclass(slots=True, eq=False)
class Letter:
    """One thing to tell: an inbound text or a report, and where.

    `content` is the provider's own value of it, from which `pack` makes a request; several letters
    of a kind to one URL may travel in one request where the provider batches.
    """

    kind: Kind
    url: str
    id: str
    content: Any
    tried: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Post:
    """One HTTP POST."""

    body: bytes
    headers: Mapping[str, str]
    url: str = ""
    """Empty: the letters' URL."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the endpoint answered; `status` None means no answer, and `error` says why:
    `ConnectFailed`, `ConnectionLost` or `TimedOut`."""

    status: int | None
    error: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def outcome(self) -> str:
        """One word for logs."""
        return self.error or str(self.status)


def is_2xx(reply: Reply) -> bool:
    """What most providers take as an acknowledgement."""
    return reply.status is not None and 200 <= reply.status < 300


def always(_: Reply) -> bool:
    """Try again after whatever failed."""
    return True


@dataclass(frozen=True, slots=True)
class Retries:
    """How a provider insists.

    `waits` are seconds before the second, third, … try, compressed by the time scale; `timeout` is
    the real seconds an endpoint may take; `taken` tells an acknowledgement, `again` whether what is
    none is worth another try.
    """

    waits: Sequence[float] = ()
    timeout: float = 15.0
    taken: Callable[[Reply], bool] = is_2xx
    again: Callable[[Reply], bool] = always


Pack = Callable[[Sequence[Letter], int], Post]
"""Makes the request of some letters at try number `attempt`, which counts from 1."""


class Courier:
    """One provider's callbacks, up to `batch` letters of a kind and URL in one request.

    `retries` gives the schedule for a letter; `heard` is told each reply that was an
    acknowledgement.
    """

    def __init__(
        self,
        *,
        pack: Pack,
        retries: Callable[[Letter], Retries],
        heard: Callable[[Sequence[Letter], Reply], None],
        journal: Journal,
        time_scale: float,
        batch: int = 1,
    ) -> None:
        self._pack = pack
        self._retries = retries
        self._heard = heard
        self._journal = journal
        self._time_scale = time_scale
        self._batch = batch
        self._waiting: list[Letter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(CONCURRENCY)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False
        self.pending = 0

    def post(self, letter: Letter, *, copies: int = 1) -> None:
        """Send a letter on its way, `copies` times at once; after the end, it is forgotten."""
        if self._closed:
            letter.tried.set()
            return
        self.pending += copies
        for _ in range(copies):
            self._waiting.append(letter)
            self._start(self._carry_next())

    async def post_and_wait(self, letter: Letter, *, copies: int = 1) -> None:
        """Send a letter, and wait until its first try has its answer."""
        self.post(letter, copies=copies)
        await letter.tried.wait()

    async def close(self) -> None:
        """Stop at once; what is under way is forgotten."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session:
            await self._session.close()

    def _start(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_next(self) -> None:
        async with self._room:
            letters = self._take()
        if letters:
            await self._carry(letters)

    def _take(self) -> list[Letter]:
        """The letter that waits for longest, and those that fit into the same request; copies of
        one letter never travel together."""
        if not self._waiting:
            return []
        first = self._waiting[0]
        chosen: list[Letter] = []
        for letter in self._waiting:
            fits = (letter.kind, letter.url) == (first.kind, first.url)
            if fits and letter not in chosen and len(chosen) < self._batch:
                chosen.append(letter)
        for letter in chosen:
            self._waiting.remove(letter)
        return chosen

    async def _carry(self, letters: Sequence[Letter]) -> None:
        """Try until it is taken or given up."""
        retries = self._retries(letters[0])
        for attempt, wait in enumerate((*retries.waits, None), start=1):
            async with self._room:
                reply = await self._try(letters, attempt, retries)
            if retries.taken(reply):
                self._heard(letters, reply)
                break
            if wait is None or not retries.again(reply):
                self._bury(letters, attempt, reply)
                break
            await asyncio.sleep(wait * self._time_scale)
        self.pending -= len(letters)
        self._journal.bell.ring()

    async def _try(self, letters: Sequence[Letter], attempt: int, retries: Retries) -> Reply:
        post = self._pack(letters, attempt)
        started = time.perf_counter()
        reply = await self._send(post.url or letters[0].url, post, retries.timeout)
        last = attempt > len(retries.waits) or not retries.again(reply)
        verdict = "delivered" if retries.taken(reply) else "drop" if last else "again"
        self._journal.record(
            "delivery",
            of=letters[0].kind,
            ids=[letter.id for letter in letters],
            url=post.url or letters[0].url,
            attempt=attempt,
            status=reply.status,
            outcome=reply.outcome,
            verdict=verdict,
            latency_ms=round((time.perf_counter() - started) * 1000, 3),
        )
        _mark_tried(letters)
        return reply

    async def _send(self, url: str, post: Post, timeout: float) -> Reply:  # noqa: ASYNC109 -- a provider's patience
        try:
            async with self._open_session().post(
                URL(url.partition("#")[0], encoded=True),  # As it is: signatures are over the URL.
                data=post.body,
                headers=post.headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                return Reply(response.status, None, response.headers, await response.read())
        except TimeoutError:
            return Reply(None, "TimedOut")
        except aiohttp.ClientConnectorError:
            return Reply(None, "ConnectFailed")
        except (aiohttp.ClientError, OSError):
            return Reply(None, "ConnectionLost")

    def _bury(self, letters: Sequence[Letter], attempts: int, reply: Reply) -> None:
        for letter in letters:
            self._journal.record(
                "dead_letter", of=letter.kind, id=letter.id, attempts=attempts, reason=reply.outcome
            )

    def _open_session(self) -> aiohttp.ClientSession:
        """Make the session on first use, inside the running loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                skip_auto_headers=("User-Agent", "Content-Type"),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session


def _mark_tried(letters: Iterable[Letter]) -> None:
    for letter in letters:
        letter.tried.set()
