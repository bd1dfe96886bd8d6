"""Many parked messages at once: what each round sees, moves and says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from common.bus.in_hand import Hand
from common.bus.messages import BusError, Outgoing
from common.bus.parked import edited
from common.failpoints import Failpoints
from common.store.dead_letter_ports import Standing
from health.desk.parked_acts import ParkedActs
from health.desk.parked_choice import ANY
from health.desk.parked_forecast import Forecaster
from health.desk.parked_owner import Owners
from health.desk.parked_rounds import A_ROUND, ParkedRounds, Round
from health.web.problems import Problem, ProblemCode
from tests.unit.test_dead_letter_desk import COMMAND, DEAD, NOW, OWN, Known, Parked, after, changed


@dataclass
class Place:
    """A parking place: the broker, and who has messages of it in hand."""

    user = OWN
    parked: list[Parked] = field(default_factory=list)
    elsewhere: list[Parked] = field(default_factory=list)
    """What another replica has in hand; it gives them back before a round ends."""
    at_work: list[Outgoing] = field(default_factory=list)
    refuses: str = ""
    """The broker takes no message that says so."""

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
        for message in messages:
            if self.refuses and self.refuses.encode() in message.body:
                continue
            if message.key == DEAD:
                self.parked.append(after(message, DEAD))
            else:
                self.at_work.append(message)
        return [
            BusError("full") if self.refuses and self.refuses.encode() in message.body else None
            for message in messages
        ]

    async def hold(
        self, queue: str, work: Callable[[Hand], Awaitable[Any]], *, limit: int = 1_000
    ) -> Any:
        taken, self.parked = self.parked[:limit], self.parked[limit:]
        hand = Hand(taken, self, waiting=self.waiting)
        try:
            return await work(hand)
        finally:
            self.parked = [it for it in taken if not it.acked] + self.parked

    async def waiting(self) -> int:
        self.parked = self.elsewhere + self.parked
        self.elsewhere = []
        return len(self.parked)

    async def expect(self, queue: str) -> None: ...


class Noting(Known):
    """A store that knows of one edit, and notes deeds."""

    def __init__(self, of: str = "", standing: Standing = Standing.UNKNOWN):
        super().__init__()
        self.of, self.edit = of, standing
        self.done: list[str] = []

    async def edited(self, ref: str, *_: Any) -> Standing:
        return self.edit if ref == self.of else Standing.UNKNOWN

    async def begin(self, *_: Any, **__: Any) -> str:
        return "deed"

    async def end(self, deed: Any, deed_id: str, acts: Sequence[Any], **_: Any) -> None:
        self.done += [act.ref for act in acts]


class By:
    """Who asks."""

    actor: Any = None
    name = "Ada"


def rounds_of(place: Place, store: Noting) -> ParkedRounds:
    known: Any = store
    owners = Owners(known, OWN)
    forecaster = Forecaster(known, known, known, owners, now=lambda: NOW)
    acts = ParkedActs(
        letters=place,
        places=place,
        store=known,
        owners=owners,
        forecaster=forecaster,
        failpoints=Failpoints(),
        now=lambda: NOW,
    )
    return ParkedRounds(acts, forecaster)


async def go(verb: str, place: Place, store: Noting) -> list[Round]:
    """Rounds to the end."""
    rounds: Any = rounds_of(place, store)
    found: list[Round] = []
    while not found or not found[-1].finished:
        mark = found[-1].round_id if found else ""
        work = getattr(rounds, verb)
        found.append(await work(DEAD, ANY, why="x", round_id=mark, by=By()))
        assert len(found) < 20, "it goes round and round"
    return found


def command(place: int, **fields: Any) -> Parked:
    return Parked(changed(command_id=f"other-{place}", **fields).encode())


async def test_what_was_edited_is_not_replayed_however_far_its_edited_copy_is_behind_it() -> None:
    for standing in (Standing.OPEN, Standing.FINISHED):
        original = Parked(COMMAND.encode())
        others = [command(n) for n in range(A_ROUND + 20)]
        copy = after(edited(original, changed(body="Hello").encode(), own_user=OWN), DEAD)
        place = Place([original, *others, copy])
        ref = Hand([original], place, waiting=place.waiting).letters[0].ref
        await go("replay", place, Noting(ref, standing))
        sent = [message.body for message in place.at_work]
        assert len(sent) == len(others) + 1
        assert copy.body in sent
        assert original.body not in sent


async def test_what_the_broker_does_not_take_is_named() -> None:
    place = Place([command(n) for n in range(3)], refuses="other-1")
    (found,) = await go("replay", place, store := Noting())
    assert (found.seen, found.done, len(found.failed)) == (3, 2, 1)
    assert len(store.done) == 2
    assert [b"other-1" in it.body for it in place.parked] == [True]


async def test_a_round_is_not_the_last_where_somebody_else_had_messages_in_hand() -> None:
    for parked in (0, 3):
        place = Place([command(n) for n in range(parked)])
        place.elsewhere = [command(n) for n in range(10, 20)]
        found = await go("replay", place, Noting())
        assert sum(it.seen for it in found) == parked + 10
        assert len(place.at_work) == parked + 10
        assert place.parked == []


async def test_what_stays_is_seen_once_though_somebody_else_had_messages_in_hand() -> None:
    place = Place([Parked(b"{"), command(1)], elsewhere=[command(n) for n in range(10, 20)])
    found = await go("replay", place, Noting())
    assert sum(it.seen for it in found) == 12
    assert sum(len(it.forecasts) for it in found) == 12
    assert [it.body for it in place.parked] == [b"{"]


async def test_a_drop_that_the_broker_may_not_have_heard_of_is_not_entered_as_done() -> None:
    lost = command(1)
    lost.stale = True
    store = Noting()
    with pytest.raises(Problem) as refused:
        await go("drop", Place([lost]), store)
    assert refused.value.code is ProblemCode.UNAVAILABLE
    assert store.done == []
    await go("drop", Place([command(1)]), store)
    assert len(store.done) == 1
