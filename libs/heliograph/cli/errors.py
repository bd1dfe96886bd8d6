"""How a command fails: each error has an exit code that scripts can rely on, one sentence of what
happened and one of what to do."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar


class ExitCode(IntEnum):
    """What the program ends with. 2 is also what a misspelt option ends with."""

    DONE = 0
    REFUSED = 1
    MISUSED = 2
    NOT_SIGNED_IN = 3
    UNREACHABLE = 4
    STALE = 5
    INTERRUPTED = 130
    """Ctrl-C, as shells count it (128 + SIGINT)."""


class CommandFailed(Exception):
    """The base of what ends a command early."""

    exit_code: ClassVar[ExitCode] = ExitCode.REFUSED

    def __init__(self, what: str, remedy: str = ""):
        self.what = what
        self.remedy = remedy
        super().__init__(f"{what} {remedy}".strip())


class Refused(CommandFailed):
    """The API understood the request and refused it. `code` is the problem's, `status` HTTP's."""

    def __init__(self, what: str, remedy: str = "", *, status: int = 0, code: str = ""):
        self.status = status
        self.code = code
        super().__init__(what, remedy)


class Misused(CommandFailed):
    """The command line asks for what cannot be."""

    exit_code = ExitCode.MISUSED


class Declined(CommandFailed):
    """The person said no to a question."""

    def __init__(self) -> None:
        super().__init__("Nothing was changed.")


class NotSignedIn(CommandFailed):
    """There is no API key, or it is good no longer."""

    exit_code = ExitCode.NOT_SIGNED_IN


class Unreachable(CommandFailed):
    """Nobody answers at the address, or not now."""

    exit_code = ExitCode.UNREACHABLE


class Stale(CommandFailed):
    """Somebody changed the thing between our reading and our writing."""

    exit_code = ExitCode.STALE


def from_problem(status: int, problem: dict[str, Any], retry_after: str | None) -> CommandFailed:
    """The error that an answer of the API stands for (RFC 9457, with `code` and `remedy`)."""
    what = str(problem.get("detail") or problem.get("title") or f"The API answered {status}.")
    remedy = str(problem.get("remedy") or "")
    if retry_after:
        remedy = f"{remedy} (Retry after {retry_after} s.)".strip()
    if status == 401:
        return NotSignedIn(what, "Sign in with `heliograph sign-in`, or set HELIOGRAPH_API_KEY.")
    if status == 412:
        return Stale(what, remedy or "Look at it again, then repeat your change.")
    if status in {502, 503, 504}:
        return Unreachable(what, remedy)
    return Refused(what, remedy, status=status, code=str(problem.get("code") or ""))
