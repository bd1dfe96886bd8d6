"""Parked messages while somebody has them in hand: what they are, and the three ways they can go.

What goes elsewhere is confirmed there before it is acked here, so whoever dies in between leaves it
in both places and never in none.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from common.bus.messages import BusError, BusUnavailable, Delivery, Outgoing, proven_user
from common.bus.parked import (
    edited,
    first_key,
    marked,
    reference_of,
    renewed,
    replayed,
    replays_of,
)
from common.bus.topology import (
    HEADER_DETAIL,
    HEADER_EDITED,
    HEADER_FIRST_SEEN,
    HEADER_REASON,
    HEADER_ROUND,
    parked_from,
)
from common.bus.verdicts import DEATH_HEADERS, Publisher, no_move


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A parked message. What nobody noted is empty."""

    ref: str = ""
    """What it is called; copies of one message have the same."""
    message_id: str
    type: str
    reason: str
    detail: str
    parked_from: str
    first_seen: str
    body: bytes
    user: str | None = None
    """The broker user that first published it, as the broker has validated it."""
    key: str = ""
    """The routing key that it was first published with."""
    replays: int = 0
    """How often a person has put it back to work."""
    round_id: str = ""
    """The replay of many that has come past it last."""
    edited_from: str = ""
    """Of an edited message: the one that it stands for."""


Move = Callable[[Delivery], Outgoing]


class Hand:
    """Parked messages in hand. What is neither moved nor dropped goes back, in its order."""

    def __init__(
        self, taken: Sequence[Delivery], bus: Publisher, *, waiting: Callable[[], Awaitable[int]]
    ):
        self._bus = bus
        self.waiting = waiting
        """Asks the broker how many messages of the queue nobody has in hand now. When it answers it
        has every ack from before."""
        self._held = [(_letter(delivery, bus.user), delivery) for delivery in taken]
        self.took = len(taken)
        """How many there were at first."""

    @property
    def letters(self) -> Sequence[DeadLetter]:
        """What is still in hand, in order."""
        return [letter for letter, _ in self._held]

    @property
    def deliveries(self) -> Sequence[Delivery]:
        """The same, as they came."""
        return [delivery for _, delivery in self._held]

    @property
    def own_user(self) -> str:
        """The broker user that is the services' own."""
        return self._bus.user

    def ref_with(self, ref: str, body: bytes) -> str:
        """What a message would be called with another body."""
        delivery = next(delivery for letter, delivery in self._held if letter.ref == ref)
        return reference_of(delivery, self.own_user, body=body)

    async def replay(
        self, refs: Sequence[str], *, round_id: str = "", moved: Callable[[], None] = no_move
    ) -> Mapping[str, BusError | None]:
        """Put messages back to work, each once, however many copies of it are in hand; what became
        of each. Between the broker's confirm and our ack `moved` is called."""
        return await self._move(
            refs, lambda it: replayed(it, own_user=self.own_user, round_id=round_id), moved
        )

    async def to_the_end(self, refs: Sequence[str], *, round_id: str) -> None:
        """Let messages be seen by a replay of many: they go behind the rest."""
        await self._move(
            refs, lambda it: renewed(it, own_user=self.own_user, round_id=round_id), no_move
        )

    async def replace(
        self, ref: str, body: bytes, *, moved: Callable[[], None] = no_move
    ) -> BusError | None:
        """Give a message another body."""
        results = await self._move(
            [ref], lambda it: edited(it, body, own_user=self.own_user), moved
        )
        return results[ref]

    async def drop(self, refs: Sequence[str]) -> None:
        """Take messages away for good.

        Raises:
            BusUnavailable: the broker may not have heard of it, so they may still be parked.
        """
        going = [delivery for letter, delivery in self._held if letter.ref in refs]
        for ref in refs:
            await self._settle(ref)
        if not any(delivery.stale for delivery in going):
            await self.waiting()
            if not any(delivery.stale for delivery in going):
                return
        raise BusUnavailable("the connection was lost while messages were being dropped")

    async def _move(
        self, refs: Sequence[str], move: Move, moved: Callable[[], None]
    ) -> dict[str, BusError | None]:
        firsts: dict[str, Delivery] = {}
        for letter, delivery in self._held:
            if letter.ref in refs:
                firsts.setdefault(letter.ref, delivery)
        errors = await self._bus.publish_all([move(delivery) for delivery in firsts.values()])
        results = dict(zip(firsts, errors, strict=True))
        moved()
        for ref, error in results.items():
            if error is None:
                await self._settle(ref)
        return results

    async def _settle(self, ref: str) -> None:
        for letter, delivery in self._held:
            if letter.ref == ref:
                await delivery.ack()
        self._held = [pair for pair in self._held if pair[0].ref != ref]


def _letter(delivery: Delivery, own_user: str) -> DeadLetter:
    return DeadLetter(
        ref=reference_of(delivery, own_user),
        message_id=delivery.message_id,
        type=delivery.type,
        reason=_text(delivery, HEADER_REASON),
        detail=_text(delivery, HEADER_DETAIL),
        parked_from=parked_from(delivery.queue),  # Not what whoever parked it says.
        first_seen=_text(delivery, HEADER_FIRST_SEEN),
        body=delivery.body,
        user=proven_user(delivery, own_user),
        key=first_key(delivery, own_user),
        replays=replays_of(delivery, own_user),
        round_id=marked(delivery, HEADER_ROUND, own_user),
        edited_from=marked(delivery, HEADER_EDITED, own_user),
    )


def _text(delivery: Delivery, header: str) -> str:
    value = delivery.headers.get(header)
    if value is None:
        value = delivery.headers.get(DEATH_HEADERS.get(header, ""))
    return value if isinstance(value, str) else ""
