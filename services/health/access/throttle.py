"""How often somebody may be wrong: counted per address and per key ID, in the store, so that all
replicas together allow no more."""

from __future__ import annotations

import structlog

from common.store.control_ports import Sessions
from health.web.problems import Problem, ProblemCode

log = structlog.get_logger(__name__)


class Throttle:
    """Counts tries to get in, and refuses more than the limits.

    A try is counted before it is looked at, so that tries at the same moment cannot slip past, and
    taken back when it was right. So a person who signs in is never throttled by that, and a key
    that is known already is not counted at all.

    Args:
        per_address: wrong tries from one address within the window.
        per_key: wrong tries of one key ID within the window, from wherever.
        window: seconds.
    """

    def __init__(self, sessions: Sessions, *, per_address: int, per_key: int, window: float):
        self._sessions = sessions
        self._per_address = per_address
        self._per_key = per_key
        self._window = window

    async def count(self, source: str, key_id: str | None = None) -> None:
        """Count a try.

        Raises:
            Problem: `THROTTLED`, with the seconds until another is allowed.
        """
        for name, limit in self._limits(source, key_id):
            wait = await self._sessions.hit(name, limit=limit, window=self._window)
            if wait is not None:
                log.warning("access.throttled", key_id=key_id, source=source)
                raise Problem(ProblemCode.THROTTLED, retry_after=wait)

    async def take_back(self, source: str, key_id: str | None = None) -> None:
        """The try was right, so it was none."""
        for name, _ in self._limits(source, key_id):
            await self._sessions.forgive(name)

    def _limits(self, source: str, key_id: str | None) -> list[tuple[str, int]]:
        """The key first: what its limit refuses does not count against the address, so that one
        program with a wrong key does not use up what its neighbours have."""
        limits = [(f"address:{source}", self._per_address)]
        return limits if key_id is None else [(f"key:{key_id}", self._per_key), *limits]
