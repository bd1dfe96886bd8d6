"""What a replay of a parked message would come to today: read from the store, and said before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from common.addresses import normalise_address
from common.bus.in_hand import DeadLetter
from common.bus.topology import parked_from
from common.events import SmsReceived, SmsReport, TextDecided
from common.store.dead_letter_ports import ParkedStore, Standing
from common.store.records import NewReport, RegisteredNumber, Route
from health.desk.parked_owner import Owner, Owners
from health.desk.parked_words import WORDS, Effect, model_of
from heliograph import wire
from heliograph.models import SendCommand, Turn, UnreadableMessage, Wire

_TEXT: Final = {
    Standing.OPEN: "text_recorded",
    Standing.FINISHED: "text_handed_over",
}
_REPORT: Final = {
    Standing.UNKNOWN: "unknown_message",
    Standing.OPEN: "new_report",
    Standing.FINISHED: "report_known",
}
_COMMAND: Final = {
    Standing.UNKNOWN: "new_command",
    Standing.OPEN: "command_open",
    Standing.FINISHED: "command_finished",
    Standing.OTHER_CONTENT: "command_id_reused",
}
_DECISION: Final = {
    Standing.UNKNOWN: "not_decided",
    Standing.OPEN: "decision_open",
    Standing.FINISHED: "decision_told",
}
_EDIT: Final = {
    Standing.OPEN: "edit_begun",
    Standing.FINISHED: "edited_since",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What would happen to one message."""

    ref: str
    effect: Effect
    code: str
    what: str
    exchange: str
    """"" is the default exchange, which routes to the queue that the key names."""
    key: str


class Routes(Protocol):
    """Which numbers are connected, and whose they are."""

    async def route(self, tenant_id: str, number: str) -> Route | None: ...


class Directory(Protocol):
    """Which numbers are connected at all."""

    async def find_number(self, address: str) -> RegisteredNumber | None: ...


_NEW: Final = frozenset({"new_text", "new_command", "turn_unanswered"})
"""Forecasts that rest on nothing being recorded."""


class Forecaster:
    """Says what replays would come to. Reads, and changes nothing.

    Args:
        kept: how long the store keeps what was done; None for ever. Of an older message nobody
            knows whether it was done already.
    """

    def __init__(
        self,
        store: ParkedStore,
        routes: Routes,
        directory: Directory,
        owners: Owners,
        *,
        now: Callable[[], datetime],
        kept: timedelta | None = None,
    ):
        self._store = store
        self._routes = routes
        self._directory = directory
        self._owners = owners
        self._now = now
        self._kept = kept

    async def of(
        self, queue: str, letter: DeadLetter, beside: Iterable[DeadLetter] = ()
    ) -> Forecast:
        """Of one message; `beside` are those that are in the parking place with it."""
        code = await self._code(queue, letter, beside)
        effect, what = WORDS[code]
        return Forecast(
            ref=letter.ref,
            effect=effect,
            code=code,
            what=what,
            exchange="",
            key=parked_from(queue),
        )

    async def _code(self, queue: str, letter: DeadLetter, beside: Iterable[DeadLetter]) -> str:
        owner = await self._owners.of(queue, letter)
        if not owner.ours:
            return "foreign_publisher"
        if any(other.edited_from == letter.ref for other in beside):
            return "edited_since"
        edit = await self._store.edited(letter.ref)
        if edit in _EDIT:  # What stands for it may be far behind it, or back at work.
            return _EDIT[edit]
        model = model_of(parked_from(queue), letter.type)
        if model is None:
            return "unknown_type"
        try:
            message = model.decode(letter.body)
        except UnreadableMessage as problem:
            return problem.code
        code = await self._standing(letter, message, owner)
        return "forgotten" if code in _NEW and self._is_old(letter) else code

    def _is_old(self, letter: DeadLetter) -> bool:
        if self._kept is None:
            return False
        try:
            return self._now() - datetime.fromisoformat(letter.first_seen) > self._kept
        except (ValueError, TypeError):
            return True

    async def _standing(self, letter: DeadLetter, message: Wire, owner: Owner) -> str:
        match message:
            case SmsReceived():
                return await self._text(message)
            case SmsReport():
                return _REPORT[await self._store.report(_applied(message))]
            case SendCommand():
                return await self._command(letter, message, owner)
            case TextDecided():
                return _DECISION[await self._store.decided(message.tenant_id, message.message_id)]
            case Turn():
                answered = await self._store.answered(message.tenant_id, message.message.id)
                return "turn_answered" if answered else "turn_unanswered"
            case _:
                return "for_the_agent"

    async def _text(self, text: SmsReceived) -> str:
        number = await self._directory.find_number(normalise_address(text.number))
        if number is None or number.tenant_id != text.tenant_id:
            return "no_agent"
        known = await self._store.inbound(text.tenant_id, text.provider, text.provider_message_id)
        return _TEXT.get(known, "new_text")

    async def _command(self, letter: DeadLetter, command: SendCommand, owner: Owner) -> str:
        claimed = (command.tenant_id, command.agent_id)
        proven = not owner.proven or (owner.tenant_id, owner.agent_id) == claimed
        if not proven or letter.key != wire.send_key(*claimed):
            return "not_authorised"
        known = await self._store.command(command)
        if known in {Standing.FINISHED, Standing.OTHER_CONTENT}:
            return _COMMAND[known]
        number = normalise_address(command.number)
        route = await self._routes.route(command.tenant_id, number)
        if route is None:
            return "unknown_number"
        if route.agent_id != command.agent_id:
            return "number_not_yours"
        if command.expires_at is not None and command.expires_at <= self._now():
            return "command_expired"
        return _COMMAND[known]


def _applied(event: SmsReport) -> NewReport:
    told = (name for name in NewReport.__slots__ if name in SmsReport.model_fields)
    return NewReport(**{name: getattr(event, name) for name in told})
