"""Many parked messages at once: what each round sees, moves and says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

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
from tests.unit.test_dead_letter_desk import COMMAND, DEAD, NOW, OWN, Known, Parked, after, changed


@dataclass
class Place:
    """A parking place: the broker, and who has messages of it in hand."""

    user = OWN
    parked: list[Parked] = field(default_factory=list)
    at_work: list[Outgoing] = field(default_factory=list)

    async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
        for message in messages:
            if message.key == DEAD:
                self.parked.append(after(message, DEAD))
            else:
                self.at_work.append(message)
        return [None for _ in messages]

    async def hold(
        self, queue: str, work: Callable[[Hand], Awaitable[Any]], *, limit: int = 1_000
    ) -> Any:
        taken, self.parked = self.parked[:limit], self.parked[limit:]
        try:
            return await work(Hand(taken, self))
        finally:
            self.parked = [it for it in taken if not it.acked] + self.parked

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
        ref = Hand([original], place).letters[0].ref
        await go("replay", place, Noting(ref, standing))
        sent = [message.body for message in place.at_work]
        assert len(sent) == len(others) + 1
        assert copy.body in sent
        assert original.body not in sent
