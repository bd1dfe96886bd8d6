"""What an operator does with parked messages: read, edit, replay, drop. Every deed is in the audit
trail.

The broker takes no part in MongoDB's transactions, so a deed has three steps: it is entered as
begun; what goes elsewhere is confirmed there and acked here; it is entered as done. A crash leaves
an entry that says `…_begun` and none that says that it was done, and either nothing has happened or
the message is in both places. Doing it again is harmless: replayed twice, a message does what it
does once (docs/operations/dead-letters.md says why), and an edited one names what it stands for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from common.bus.dead_letters import MOST, NoSuchQueue
from common.bus.in_hand import DeadLetter, Hand
from common.bus.messages import BusError, BusUnavailable
from common.failpoints import Failpoint, Failpoints
from common.redact import scrub
from common.store.control_ports import NotFound
from common.store.dead_letter_ports import Deed, Original, ParkedAct, ParkedStore
from health.access.roles import Principal
from health.desk.dead_letters import Parked, code_of, masked
from health.desk.parked_edits import check_edit, difference, readable
from health.desk.parked_forecast import Forecast, Forecaster
from health.desk.parked_owner import Owners
from health.web.problems import Problem, ProblemCode

T = TypeVar("T")


class Holding(Protocol):
    """The part of the bus that has messages in hand."""

    async def hold(
        self, queue: str, work: Callable[[Hand], Awaitable[T]], *, limit: int = ...
    ) -> T: ...


class Places(Protocol):
    """Which parking places there are."""

    async def expect(self, queue: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """A message without its content."""

    parked: Parked
    forecast: Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a message says, for the one who has said why they read it."""

    letter: DeadLetter
    text: str
    original: Original | None
    """What it said before an edit."""
    changes: tuple[str, ...]
    """How the two differ."""
    forecast: Forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """An edit, done or tried."""

    ref: str
    """What the message is called now; where it was only tried, as before."""
    changes: tuple[str, ...]


class ParkedActs:
    """Carries out deeds on single messages."""

    def __init__(
        self,
        *,
        letters: Holding,
        places: Places,
        store: ParkedStore,
        owners: Owners,
        forecaster: Forecaster,
        failpoints: Failpoints,
        now: Callable[[], datetime],
    ):
        self._letters = letters
        self._places = places
        self._store = store
        self._owners = owners
        self._forecaster = forecaster
        self._failpoints = failpoints
        self._now = now

    async def forecast(self, queue: str, message: str) -> Forecast:
        """What a replay would come to. Reads, and changes nothing.

        Raises:
            NotFound: there is no such message, or somebody else has it in hand.
            Problem: AMBIGUOUS_MESSAGE, UNAVAILABLE.
        """

        return (await self.glance(queue, message)).forecast

    async def glance(self, queue: str, message: str) -> Glance:
        """A message, masked, and what a replay would come to.

        Raises: as `forecast`.
        """

        async def work(hand: Hand) -> Glance:
            letter = find(hand.letters, message)
            forecast = await self._forecaster.of(queue, letter, hand.letters)
            return Glance(parked=masked(letter), forecast=forecast)

        return await self.in_hand(queue, work)

    async def read(self, queue: str, message: str, *, why: str, by: Principal) -> Content:
        """What a message says, as it is but for secrets. That it was read, by whom and why, is
        entered before anything of it is told.

        Raises: as `forecast`.
        """

        async def work(hand: Hand) -> Content:
            letter = find(hand.letters, message)
            act = await self.act(queue, letter)
            await self._store.end(Deed.READ, "", [act], by=by.actor, why=why)
            original = await self._store.original(letter.ref)
            return Content(
                letter=letter,
                text=readable(letter.body),
                original=original,
                changes=difference(original.body, letter.body) if original else (),
                forecast=await self._forecaster.of(queue, letter, hand.letters),
            )

        return await self.in_hand(queue, work)

    async def edit(
        self, queue: str, message: str, *, text: str, why: str, dry_run: bool, by: Principal
    ) -> Edited:
        """Give a message another body, which its reader takes and which leaves whose it is and its
        IDs. It goes to the end of its parking place; what it said before is kept in the store. A
        dry run shows the difference, and so counts as reading.

        Raises:
            Problem: INVALID, NOT_REPLAYABLE; and as `forecast`.
        """

        async def work(hand: Hand) -> Edited:
            letter = find(hand.letters, message)
            owner = await self._owners.of(queue, letter)
            body = check_edit(queue, letter, owner, text)
            changes = difference(letter.body, body)
            ref = hand.ref_with(letter.ref, body)
            act = await self.act(queue, letter)
            if dry_run:
                # The difference tells what the message says.
                await self._store.end(Deed.READ, "", [act], by=by.actor, why=why)
                return Edited(ref=letter.ref, changes=changes)
            original = Original(
                ref=ref,
                of=letter.ref,
                type=letter.type,
                body=letter.body,
                edited_at=self._now(),
                edited_by=by.name,
                why=why,
            )
            deed = await self._store.begin(
                Deed.EDIT, [act], by=by.actor, why=why, original=original
            )
            self._failpoints.reached(Failpoint.HEALTH_LETTER_BEGUN)
            taken(await hand.replace(letter.ref, body, moved=self._published))
            self._failpoints.reached(Failpoint.HEALTH_LETTER_SETTLED)
            await self._store.end(Deed.EDIT, deed, [act], by=by.actor, why=why)
            return Edited(ref=ref, changes=changes)

        return await self.in_hand(queue, work)

    async def replay(self, queue: str, message: str, *, why: str, by: Principal) -> Forecast:
        """Put a message back to work; what was forecast of it.

        Raises:
            Problem: NOT_REPLAYABLE, where it would only come back; and as `forecast`.
        """

        async def work(hand: Hand) -> Forecast:
            letter = find(hand.letters, message)
            forecast = await self._forecaster.of(queue, letter, hand.letters)
            if not forecast.effect.replayable:
                raise Problem(ProblemCode.NOT_REPLAYABLE, forecast.what)
            errors = await self.replay_some(queue, hand, [letter], why=why, by=by)
            taken(errors[letter.ref])
            return forecast

        return await self.in_hand(queue, work)

    async def drop(self, queue: str, message: str, *, why: str, by: Principal) -> None:
        """Take a message away for good, with its copies.

        Raises: as `forecast`.
        """

        async def work(hand: Hand) -> None:
            await self.drop_some(queue, hand, [find(hand.letters, message)], why=why, by=by)

        await self.in_hand(queue, work)

    async def replay_some(
        self,
        queue: str,
        hand: Hand,
        letters: Sequence[DeadLetter],
        *,
        why: str,
        by: Principal,
        round_id: str = "",
    ) -> dict[str, BusError | None]:
        """Put messages that are in hand back to work; what became of each."""
        acts = {letter.ref: await self.act(queue, letter) for letter in letters}
        deed = await self._store.begin(Deed.REPLAY, list(acts.values()), by=by.actor, why=why)
        self._failpoints.reached(Failpoint.HEALTH_LETTER_BEGUN)
        results = await hand.replay(list(acts), round_id=round_id, moved=self._published)
        self._failpoints.reached(Failpoint.HEALTH_LETTER_SETTLED)
        done = [act for ref, act in acts.items() if results[ref] is None]
        await self._store.end(Deed.REPLAY, deed, done, by=by.actor, why=why)
        return dict(results)

    async def drop_some(
        self, queue: str, hand: Hand, letters: Sequence[DeadLetter], *, why: str, by: Principal
    ) -> None:
        """Take messages that are in hand away for good."""
        acts = {letter.ref: await self.act(queue, letter) for letter in letters}
        deed = await self._store.begin(Deed.DROP, list(acts.values()), by=by.actor, why=why)
        self._failpoints.reached(Failpoint.HEALTH_LETTER_BEGUN)
        await hand.drop(list(acts))
        self._failpoints.reached(Failpoint.HEALTH_LETTER_SETTLED)
        await self._store.end(Deed.DROP, deed, list(acts.values()), by=by.actor, why=why)

    async def act(self, queue: str, letter: DeadLetter) -> ParkedAct:
        """A message as the audit trail names it."""
        owner = await self._owners.of(queue, letter)
        return ParkedAct(
            tenant_id=owner.tenant_id,
            queue=queue,
            ref=letter.ref,
            message_id=scrub(letter.message_id),
            type=code_of(letter.type),
            reason=code_of(letter.reason),
        )

    async def in_hand(
        self, queue: str, work: Callable[[Hand], Awaitable[T]], *, limit: int = MOST
    ) -> T:
        """Do something with the messages of a parking place.

        Raises:
            NotFound: there is no such parking place.
            Problem: UNAVAILABLE.
        """
        await self._places.expect(queue)
        try:
            return await self._letters.hold(queue, work, limit=limit)
        except NoSuchQueue:
            raise NotFound(queue) from None
        except BusUnavailable:
            raise Problem(ProblemCode.UNAVAILABLE, "The broker does not answer now.") from None

    def _published(self) -> None:
        self._failpoints.reached(Failpoint.HEALTH_LETTER_PUBLISHED)


def find(letters: Sequence[DeadLetter], message: str) -> DeadLetter:
    """The message of that reference, or else the one of that message ID.

    Raises:
        NotFound: there is none.
        Problem: AMBIGUOUS_MESSAGE, where several messages have the ID and do not say the same.
    """
    found = {it.ref: it for it in letters if message in {it.ref, it.message_id}}
    if message in found:
        return found[message]
    if not found:
        raise NotFound(message)
    if len(found) > 1:
        raise Problem(ProblemCode.AMBIGUOUS_MESSAGE, extra={"refs": sorted(found)})
    return next(iter(found.values()))


def taken(error: BusError | None) -> None:
    """Nothing, where the broker took a message. It is still parked otherwise.

    Raises:
        Problem: UNAVAILABLE.
    """
    if error is not None:
        raise Problem(ProblemCode.UNAVAILABLE, "The broker did not take the message; it is parked.")
