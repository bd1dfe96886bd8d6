"""A lease that is lost in the middle of work ends the work, however it was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime

import pytest

from common.errors import StoreUnavailable
from common.store.client import WriteRefused
from health import retention
from health.leased import kept
from health.retention import RetentionSweep

pytestmark = pytest.mark.unit

SECONDS = 0.03
PATIENCE = 10


class Answers:
    """Leases that answer as they are told, and with the last answer from then on."""

    def __init__(self, *answers: bool | Exception):
        self.answers = list(answers)
        self.released: list[str] = []
        self.exhausted = asyncio.Event()

    async def acquire(self, name: str, *, owner: str, seconds: float) -> bool:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if len(self.answers) == 1:
            self.exhausted.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def release(self, name: str, *, owner: str) -> None:
        self.released.append(name)


class Texts:
    """Batches without end; counts those that were deleted."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.stopping = asyncio.Event()
        self.stop_after: int | None = None

    async def _forget(self, what: str) -> AsyncGenerator[int, None]:
        while True:
            self.deleted.append(what)
            if len(self.deleted) == self.stop_after:
                self.stopping.set()
            yield 1

    def forget_texts(self, before: datetime, *, batch: int) -> AsyncGenerator[int, None]:
        return self._forget("messages")

    def forget_audit(self, before: datetime, *, batch: int) -> AsyncGenerator[int, None]:
        return self._forget("audit")


def sweep_of(texts: Texts, leases: Answers) -> RetentionSweep:
    return RetentionSweep(
        texts,
        leases,
        messages_days=30,
        audit_days=30,
        interval=1,
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        pause=0.001,
    )


@pytest.mark.parametrize(
    "answer",
    [False, WriteRefused("refused"), RuntimeError("a defect")],
    ids=["taken", "refused", "broken"],
)
async def test_however_the_renewal_ends_the_work_hears_of_it(answer: bool | Exception) -> None:
    leases = Answers(answer)
    async with (
        asyncio.timeout(PATIENCE),
        kept(leases, "work", owner="one", seconds=SECONDS) as lost,
    ):
        await lost.wait()
    assert leases.released == ["work"]


async def test_a_store_that_is_away_for_a_moment_does_not_end_the_work() -> None:
    leases = Answers(StoreUnavailable("away"), StoreUnavailable("away"), True)
    async with (
        asyncio.timeout(PATIENCE),
        kept(leases, "work", owner="one", seconds=SECONDS) as lost,
    ):
        await leases.exhausted.wait()
        assert not lost.is_set()


async def test_a_lease_that_is_lost_in_the_middle_of_a_sweep_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retention, "_LEASE_SECONDS", SECONDS)
    texts, leases = Texts(), Answers(True, WriteRefused("refused"))
    async with asyncio.timeout(PATIENCE):
        await sweep_of(texts, leases).sweep(texts.stopping)
    assert texts.deleted
    assert "audit" not in texts.deleted, "the next collection loses nothing more"


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_stop_costs_no_further_batch_of_any_collection(after: int) -> None:
    texts, leases = Texts(), Answers(True)
    texts.stop_after = after
    if not after:
        texts.stopping.set()
    async with asyncio.timeout(PATIENCE):
        await sweep_of(texts, leases).sweep(texts.stopping)
    assert texts.deleted == ["messages"] * after
