"""What a rule on free wording is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """Beside what a phrase still counts."""

    CLEAR = "clear"
    """It ends texts for good: whatever else the text says."""
    PLAIN = "plain"
    """It ends texts, unless the text says that it is about this moment ("I'm driving")."""
    BARE = "bare"
    """It ends something that the sentence may go on to name ("opt out, for the waiver"): its own
    sentence must be read to the end."""
    ALONE = "alone"
    """It could be about anything, so the text must hold nothing else but courtesies and the usual
    reasons ("wrong number")."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A named way of opting out."""

    name: str
    weight: Weight
    patterns: tuple[str, ...]
