"""Which messages were handled before. The broker delivers at least once; this makes it once in
effect for as long as the process lives. Across a restart the derived command IDs do."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable


class Recent:
    """The last `limit` things that were added."""

    def __init__(self, limit: int = 10_000):
        self._limit = limit
        self._things: OrderedDict[Hashable, None] = OrderedDict()

    def add(self, thing: Hashable) -> None:
        """Remember a thing as the newest; the oldest is forgotten where there are too many."""
        self._things[thing] = None
        self._things.move_to_end(thing)
        if len(self._things) > self._limit:
            self._things.popitem(last=False)

    def __contains__(self, thing: Hashable) -> bool:
        return thing in self._things

    def __len__(self) -> int:
        return len(self._things)


class Ordinals:
    """Numbers the replies within one handling of a turn: 1, 2, 3, …

    A number is taken back when its reply ended without an outcome, so that the next reply repeats
    it: the command ID made from it is then the same, and no text can go out twice.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()

    def take(self, wanted: int | None = None) -> int:
        """The wanted number, or the lowest one that is free."""
        number = 1 if wanted is None else wanted
        while wanted is None and number in self._taken:
            number += 1
        self._taken.add(number)
        return number

    def give_back(self, number: int) -> None:
        """Make a number free again."""
        self._taken.discard(number)


def reply_id(turn_id: str, ordinal: int) -> str:
    """The command ID of the n-th reply to a turn; the same after a crash, by design."""
    return f"{turn_id}:{ordinal}"
