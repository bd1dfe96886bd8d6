"""Which of a parking place's messages are meant. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.bus.in_hand import DeadLetter


@dataclass(frozen=True, slots=True, kw_only=True)
class Only:
    """Which messages are meant; "" is any."""

    reason: str = ""
    type: str = ""
    message_id: str = ""

    def fits(self, letter: DeadLetter) -> bool:
        """Whether a message is one of them."""
        return all(
            not wanted or wanted == there
            for wanted, there in (
                (self.reason, letter.reason),
                (self.type, letter.type),
                (self.message_id, letter.message_id),
            )
        )


ANY: Final = Only()
