"""Replaying, or dropping, many parked messages: in rounds, so that each is short, can be the last,
and says how far it has come.

A round has the messages at the head of the queue in hand, at most `A_ROUND`. What it does not take
away goes to the end of the queue with the round's mark, so the next round sees others; where the
first message bears the mark, everything has been seen once. A message that was replayed and parked
again bears it too, so it is not replayed over and over. Where the whole queue is in hand, nothing
needs to be moved to the end.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from common.bus.in_hand import DeadLetter, Hand
from health.access.roles import Principal
from health.desk.parked_acts import ParkedActs
from health.desk.parked_choice import Only
from health.desk.parked_forecast import Forecast, Forecaster

A_ROUND: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round has come to, or would."""

    round_id: str
    """For the next round."""
    seen: int
    """Messages that were looked at for the first time."""
    done: int
    """Messages that were taken away."""
    finished: bool
    """Whether no round is needed any more."""
    forecasts: tuple[Forecast, ...]
    """Of those that are meant: what a replay comes to."""
    failed: tuple[str, ...] = ()
    """Those that the broker did not take; they are still parked."""


class ParkedRounds:
    """Goes through a parking place."""

    def __init__(self, acts: ParkedActs, forecaster: Forecaster):
        self._acts = acts
        self._forecaster = forecaster

    async def forecast(self, queue: str, only: Only, *, limit: int) -> Round:
        """What a replay of those at the head of the queue would come to. Changes nothing.

        Raises:
            NotFound: there is no such parking place.
            Problem: UNAVAILABLE.
        """

        async def work(hand: Hand) -> Round:
            meant = _once(letter for letter in hand.letters if only.fits(letter))
            forecasts = await self._all(queue, hand, meant[:limit])
            return Round(
                round_id="",
                seen=len(hand.letters),
                done=0,
                finished=len(meant) <= limit,
                forecasts=forecasts,
            )

        return await self._acts.in_hand(queue, work)

    async def replay(
        self, queue: str, only: Only, *, why: str, round_id: str, by: Principal
    ) -> Round:
        """Replay those at the head of the queue that are meant and would be taken.

        Args:
            round_id: of the round before; "" for the first.

        Raises: as `forecast`.
        """
        mark = round_id or uuid.uuid4().hex

        async def work(hand: Hand) -> Round:
            new = _new(hand, mark)
            meant = _once(letter for letter in new if only.fits(letter))
            forecasts = await self._all(queue, hand, meant)
            good = {forecast.ref for forecast in forecasts if forecast.effect.replayable}
            chosen = [letter for letter in meant if letter.ref in good]
            errors = (
                await self._acts.replay_some(queue, hand, chosen, why=why, by=by, round_id=mark)
                if chosen
                else {}
            )
            failed = tuple(ref for ref, error in errors.items() if error is not None)
            done = len(errors) - len(failed)
            found = Round(
                round_id=mark,
                seen=len(new),
                done=done,
                finished=len(new) < hand.took,
                forecasts=forecasts,
                failed=failed,
            )
            return await _ended(hand, found, coming_back=done)

        return await self._acts.in_hand(queue, work, limit=A_ROUND)

    async def drop(
        self, queue: str, only: Only, *, why: str, round_id: str, by: Principal
    ) -> Round:
        """Drop those at the head of the queue that are meant. Args and errors as of `replay`."""
        mark = round_id or uuid.uuid4().hex

        async def work(hand: Hand) -> Round:
            new = _new(hand, mark)
            meant = _once(letter for letter in new if only.fits(letter))
            if meant:
                await self._acts.drop_some(queue, hand, meant, why=why, by=by)
            found = Round(
                round_id=mark,
                seen=len(new),
                done=len(meant),
                finished=len(new) < hand.took,
                forecasts=(),
            )
            return await _ended(hand, found, coming_back=0)

        return await self._acts.in_hand(queue, work, limit=A_ROUND)

    async def _all(
        self, queue: str, hand: Hand, letters: Sequence[DeadLetter]
    ) -> tuple[Forecast, ...]:
        beside = hand.letters
        work = (self._forecaster.of(queue, letter, beside) for letter in letters)
        return tuple(await asyncio.gather(*work))


def _new(hand: Hand, mark: str) -> Sequence[DeadLetter]:
    """Those that no earlier round has seen."""
    return [letter for letter in hand.letters if letter.round_id != mark]


async def _ended(hand: Hand, found: Round, *, coming_back: int) -> Round:
    """A round as it has ended: the last one where a message was in hand that had been seen before,
    or where the whole queue was, but for those that may be `coming_back`. More than these wait only
    where somebody else had them in hand meanwhile, or where they have just come. Otherwise room is
    made for the next round."""
    finished = found.finished
    if not finished and hand.took < A_ROUND:
        finished = await hand.waiting() <= coming_back
    if not finished:
        await hand.to_the_end([letter.ref for letter in hand.letters], round_id=found.round_id)
    return replace(found, finished=finished)


def _once(letters: Iterable[DeadLetter]) -> list[DeadLetter]:
    """Each message once, however many copies there are."""
    return list({letter.ref: letter for letter in letters}.values())
