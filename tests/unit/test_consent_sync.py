"""Promises of the synchronisation with providers' own opt-out lists: they are told what they cannot
know, once, and again later where they could not be told."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from common.store.consent_sync import Untold, pause_after, sync_state
from common.store.consents import ConsentSource, NewConsent
from common.store.control import NumberType
from health.consent_sync import ConsentSync, has_to_be_told
from tests.unit.consent_world import NOW, NUMBER, REMOTE, ConsentWorld, doubtful, said
from tests.unit.console_setup_stage import number


def untold(word: NewConsent, **given: Any) -> Untold:
    consent = ConsentWorld().consents.note(word)
    known: dict[str, Any] = {"tries": 1, "until": NOW, "source": word.source, "rule": word.rule}
    return Untold(consent=consent, **known | given)


class Due:
    """What is due, in a list."""

    def __init__(self, *items: Untold):
        self.items = list(items)
        self.settled: list[bool] = []
        self.put_off_ = 0
        self.looked = asyncio.Event()
        self.fault: Exception | None = None

    async def take(self, *, lease: float) -> Untold | None:
        self.looked.set()
        if self.fault is not None:
            raise self.fault
        return self.items.pop(0) if self.items else None

    async def settle(self, untold: Untold, *, told: bool) -> bool:
        self.settled.append(told)
        return True

    async def put_off(self, untold: Untold) -> bool:
        self.put_off_ += 1
        return True


def sweep_of(world: ConsentWorld, due: Due) -> ConsentSync:
    numbers: Any = world.numbers
    lists: Any = world.lists
    return ConsentSync(due, numbers, lists, interval=0.01)


@pytest.mark.parametrize("opted_out", [True, False])
async def test_a_persons_word_is_told(opted_out: bool) -> None:
    world, due = ConsentWorld(), Due(untold(said(opted_out, ConsentSource.PERSON)))
    await sweep_of(world, due).sweep()
    assert world.lists.told == [(NUMBER, REMOTE, opted_out)]
    assert due.settled == [True]


async def test_what_could_not_be_told_is_put_off_and_stops_nothing_else() -> None:
    world = ConsentWorld()
    due = Due(*(untold(doubtful()) for _ in range(6)))
    world.lists.answers = [False, RuntimeError("an adapter's fault")]
    await sweep_of(world, due).sweep()
    assert (due.put_off_, due.settled) == (2, [True] * 4)


async def test_a_provider_without_a_list_is_asked_once() -> None:
    world, due = ConsentWorld(), Due(untold(doubtful()))
    world.lists.answers = [None]
    await sweep_of(world, due).sweep()
    assert (due.put_off_, due.settled) == (0, [False])


async def test_where_the_number_is_connected_no_more_nobody_is_told() -> None:
    world, due = ConsentWorld(), Due(untold(doubtful()), untold(doubtful(number="+18005550199")))
    world.lists.live = False
    await sweep_of(world, due).sweep()
    assert (world.lists.told, due.settled) == ([], [False, False])


async def test_a_fault_of_the_store_ends_a_sweep_and_not_the_service() -> None:
    world, due = ConsentWorld(), Due()
    due.fault = RuntimeError("away")
    stopping = asyncio.Event()
    async with asyncio.TaskGroup() as work, asyncio.timeout(10):
        work.create_task(sweep_of(world, due).run(stopping))
        await due.looked.wait()
        due.fault = None
        due.items.append(untold(doubtful()))
        while not due.settled:
            due.looked.clear()
            await due.looked.wait()
        stopping.set()
    assert world.lists.told == [(NUMBER, REMOTE, True)]


@pytest.mark.parametrize(
    ("kind", "region", "listed", "told"),
    [
        (NumberType.TOLL_FREE, "US", "STOP", False),
        (NumberType.TOLL_FREE, "US", "ARRET", True),
        (NumberType.SHORT_CODE, "US", "STOP", False),
        (NumberType.SHORT_CODE, "CA", "STOP", True),
        (NumberType.SHORT_CODE, "GB", "STOP", True),
    ],
)
def test_a_keyword_is_told_where_the_provider_does_not_act_on_it(
    kind: NumberType, region: str, listed: str, told: bool
) -> None:
    word = untold(said(True, ConsentSource.KEYWORD, rule=listed))
    ours = number(NUMBER, type=kind, region=region)
    assert has_to_be_told(word, ours, partner=None) is told
    # An older word of ours may have undone what the provider did by itself.
    assert has_to_be_told(replace(word, again=True), ours, partner=None)


@pytest.mark.parametrize(
    ("source", "due"),
    [
        (ConsentSource.KEYWORD, True),
        (ConsentSource.WORDING, True),
        (ConsentSource.PERSON, True),
        (ConsentSource.REPORT, False),
        (ConsentSource.REFUSAL, False),
    ],
)
def test_what_a_provider_said_is_not_told_back_to_it(source: ConsentSource, due: bool) -> None:
    assert (sync_state(source, NOW) is not None) is due


def test_pauses_grow_and_end_at_six_hours() -> None:
    pauses = [pause_after(tries) for tries in range(1, 30)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (timedelta(minutes=1), timedelta(hours=6))
