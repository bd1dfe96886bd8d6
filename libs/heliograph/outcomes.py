"""Outcomes on their way to whoever waits for them."""

from __future__ import annotations

import asyncio

from heliograph.dedupe import Recent
from heliograph.models import Outcome, OutcomeStatus


class Awaited:
    """The outcomes of one command that somebody waits for: one a recipient, as written."""

    def __init__(self, command_id: str, recipients: tuple[str, ...]):
        self.command_id = command_id
        self.cause = "the broker could not be reached"
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._recipients = tuple(_as_dialled(to) for to in recipients)
        self._outcomes: dict[str, Outcome] = {}

    def take(self, outcome: Outcome) -> None:
        """Note an outcome. Where there is one recipient it is theirs, however it is written.

        A person may decide on a held text while the other recipients are still waited for: what
        became of it then counts, also where a copy of the earlier word comes after it.
        """
        only_one = len(self._recipients) == 1
        to = self._recipients[0] if only_one else _as_dialled(outcome.original_to)
        if to not in self._outcomes or outcome.status is not OutcomeStatus.HELD:
            self._outcomes[to] = outcome
        if all(to in self._outcomes for to in self._recipients) and not self.done.done():
            self.done.set_result(None)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """What has come so far, in the order of the recipients."""
        return tuple(self._outcomes[to] for to in self._recipients if to in self._outcomes)


def _as_dialled(address: str) -> str:
    """An address without punctuation: a recipient who is named twice gets one text, one outcome."""
    return "".join(character for character in address if character.isalnum() or character == "+")


class Expectations:
    """Matches outcomes to those who wait for them, by command ID.

    The same outcome comes twice, on the reply queue and on the agent's own: whoever waits gets the
    first, and `told` keeps the second from looking like news.
    """

    def __init__(self) -> None:
        self._awaited: dict[str, list[Awaited]] = {}
        self._told = Recent()

    def expect(self, command_id: str, recipients: tuple[str, ...]) -> Awaited:
        """Wait from now on; ends with `forget`."""
        awaited = Awaited(command_id, recipients)
        self._awaited.setdefault(command_id, []).append(awaited)
        return awaited

    def forget(self, awaited: Awaited) -> None:
        """Wait no longer."""
        others = self._awaited[awaited.command_id]
        others.remove(awaited)
        if not others:
            del self._awaited[awaited.command_id]

    def settle(self, outcome: Outcome) -> bool:
        """Give an outcome to those who wait for it. False: nobody does, and it is news."""
        waiting = self._awaited.get(outcome.command_id, ())
        for awaited in waiting:
            awaited.take(outcome)
        if waiting:
            self._told.add(outcome_identity(outcome))
            return True
        return outcome_identity(outcome) in self._told


def outcome_identity(outcome: Outcome) -> tuple[str, ...]:
    """What makes two outcomes the same news. A text that was held and is sent later is not."""
    return (outcome.command_id, outcome.original_to, outcome.status, outcome.code)
