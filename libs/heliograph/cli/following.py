"""Following what happens, over connections that break.

An event only says where to look. After each new connection, and again when the API says that it is
ready, everything is looked at, so that what happened in between is not missed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Protocol

from heliograph.cli.errors import Unreachable
from heliograph.cli.server_events import ServerEvent, events
from heliograph.cli.session import Session

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0


class Follower(Protocol):
    """Who is told. Both say whether they have seen enough."""

    def look(self) -> bool:
        """Look at everything, from where it was looked at before."""
        ...

    def happened(self, conversation_id: str, message_id: str) -> bool:
        """Something happened to a text."""
        ...


def follow(session: Session, follower: Follower) -> None:
    """Tell the follower until it has seen enough, or Ctrl-C, which is the usual end.

    Raises: what the API refuses; `Unreachable` only where there never was a connection.
    """
    try:
        _follow(session, follower)
    except KeyboardInterrupt:
        return


def _follow(session: Session, follower: Follower) -> None:
    connected, pause = False, _FIRST_PAUSE
    while True:
        try:
            with session.api.lines(session.at("events")) as lines:
                connected, pause = True, _FIRST_PAUSE
                if follower.look():
                    return
                for event in events(lines):
                    if _tell(follower, event):
                        return
        except Unreachable as error:
            if not connected:
                raise
            session.out.note(f"{error.what} Trying again in {pause:g} s.")
        session.world.pause(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


def _tell(follower: Follower, event: ServerEvent) -> bool:
    if event.name == "ready":  # From here on nothing is missed; before, something may have been.
        return follower.look()
    if event.name != "text":
        return False
    try:
        told = json.loads(event.data)
        where = str(told["conversation_id"]), str(told["message_id"])
    except (ValueError, KeyError, TypeError):
        return False
    return follower.happened(*where)


def state_of(text: Mapping[str, Any]) -> str:
    """What is known of a text: its delivery, else its outcome, else that it was received."""
    return str(text.get("status") or "-")
