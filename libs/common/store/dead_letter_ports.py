"""What the store knows of parked messages: what became of them before, and what people have done
with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from common.store.control import Actor
from common.store.records import NewReport
from heliograph.models import SendCommand


class Standing(StrEnum):
    """How far a message has come before."""

    UNKNOWN = "unknown"
    """Nothing is recorded of it; of a report: no text is known for it."""
    OPEN = "open"
    """Recorded, and something of it is still to be done."""
    FINISHED = "finished"
    """Recorded, and all of it was done."""
    OTHER_CONTENT = "other_content"
    """What is recorded under its ID says something else."""


class Deed(StrEnum):
    """What a person does with a parked message; also what the audit entries of it are called."""

    READ = "read"
    EDIT = "edit"
    REPLAY = "replay"
    DROP = "drop"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParkedAct:
    """A deed on one message. Nothing of it is content: `message_id` has no number in it."""

    tenant_id: str | None
    """None where nobody knows whose message it is."""
    queue: str
    ref: str
    message_id: str
    type: str
    reason: str
    """Why it was parked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """A message as it was before an edit."""

    ref: str
    """What the edited message is called."""
    of: str
    """What this one was called."""
    type: str
    body: bytes
    edited_at: datetime
    edited_by: str
    why: str


class ParkedStore(Protocol):
    """The store behind the desk for dead letters."""

    async def inbound(self, tenant_id: str, provider: str, provider_message_id: str) -> Standing:
        """FINISHED: it was handed over."""
        ...

    async def command(self, command: SendCommand) -> Standing:
        """FINISHED: each of its texts has an outcome."""
        ...

    async def report(self, report: NewReport) -> Standing:
        """FINISHED: its text has this state or a later one."""
        ...

    async def decided(self, tenant_id: str, message_id: str) -> Standing:
        """UNKNOWN: nobody has decided; FINISHED: the agent was told."""
        ...

    async def answered(self, tenant_id: str, message_id: str) -> bool:
        """Whether an answer to an inbound text is recorded."""
        ...

    async def original(self, ref: str) -> Original | None:
        """What an edited message was before."""
        ...

    async def edited(self, ref: str) -> Standing:
        """Whether an edited message stands for one. UNKNOWN: none; OPEN: an edit was begun, and may
        have been cut short; FINISHED: one does, wherever it is now."""
        ...

    async def begin(
        self,
        deed: Deed,
        acts: Sequence[ParkedAct],
        *,
        by: Actor,
        why: str,
        original: Original | None = None,
    ) -> str:
        """Enter into the audit trail what is about to be done, and keep what an edit replaces, as
        one; the ID of the deed."""
        ...

    async def end(
        self, deed: Deed, deed_id: str, acts: Sequence[ParkedAct], *, by: Actor, why: str
    ) -> None:
        """Enter that it was done."""
        ...
