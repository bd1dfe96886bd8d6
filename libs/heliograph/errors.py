"""What can go wrong for an agent. Each error has a stable `code`; its text says what happened and
what to do."""

from __future__ import annotations

from typing import ClassVar

from heliograph.models import Outcome


class HeliographError(Exception):
    """The base of everything that the agent client raises."""

    code: ClassVar[str] = "heliograph_error"


class AgentNotAllowed(HeliographError):
    """The broker refused the agent's credentials, or what it asked for with them."""

    code = "agent_not_allowed"

    def __init__(self, what: str):
        super().__init__(
            f"The broker refused {what}: check the user name and the password in the URL, and what "
            "this user may configure, write and read."
        )


class AgentQueueMissing(HeliographError):
    """The agent's queue does not exist, because no number was ever connected to it."""

    code = "agent_queue_missing"

    def __init__(self, queue: str):
        self.queue = queue
        super().__init__(
            f"The queue {queue} does not exist: connect a number to this agent first, or correct "
            "tenant_id and agent_id."
        )


class OutcomeTimeout(HeliographError):
    """No outcome came in time. `outcomes` holds those that did, where there are many recipients."""

    code = "outcome_timeout"

    def __init__(
        self, command_id: str, seconds: float, cause: str, outcomes: tuple[Outcome, ...] = ()
    ):
        self.command_id = command_id
        self.outcomes = outcomes
        super().__init__(
            f"No outcome within {seconds:g} s ({cause}). The text may still go out; sending again "
            "with the same command_id is safe, with another one it may reach the recipient twice."
        )


class CommandRefused(HeliographError, ValueError):
    """The command cannot be sent as it is; nothing was published."""

    code = "command_refused"


class AgentStopped(HeliographError):
    """The agent is not running, so that nothing can be sent."""

    code = "agent_stopped"

    def __init__(self) -> None:
        super().__init__("The agent is not running: use it inside `async with agent` or `serve()`.")


class WrongUse(HeliographError):
    """The agent is used in a way that cannot work; the text says what to change."""

    code = "wrong_use"
