"""Who holds an API key: its secret is right, and it is neither revoked nor expired.

A refusal never tells which of these it was, nor whether there is such a key. Of an unknown key ID
the hash of nobody's key is computed, so that the time does not tell it either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from common.store.control import Actor, KeyRecord
from common.store.control_ports import AuditTrail, Keys
from health.access.secrets import ApiKey, Hashing, read_key
from health.access.throttle import Throttle
from health.web.problems import Problem, ProblemCode

log = structlog.get_logger(__name__)

_TOUCHED_AFTER: Final = timedelta(minutes=1)
_WRONG: Final = "The key is wrong, was revoked or has expired."
_ABOUT_WRONG: Final = (
    "Check that you copied all of it. If it was revoked or has expired, ask an administrator for a "
    "new one."
)
_NOBODY: Final = Actor(kind="nobody", id="", name="Somebody unknown", role="")


class KeyCheck:
    """Checks keys. A record is read from the store for each request; only that a secret fits its
    hash is remembered."""

    def __init__(
        self,
        *,
        keys: Keys,
        audit: AuditTrail,
        hashing: Hashing,
        throttle: Throttle,
        clock: Callable[[], datetime],
    ):
        self._keys = keys
        self._audit = audit
        self._hashing = hashing
        self._throttle = throttle
        self._clock = clock
        self._running: dict[tuple[bytes, str], asyncio.Task[bool]] = {}

    async def of_call(self, text: str, *, source: str) -> KeyRecord:
        """The record of the key that a call of the API brings.

        Raises:
            Problem: `UNAUTHENTICATED`, `THROTTLED`.
        """
        key = read_key(text)
        if key is None:
            raise _wrong()
        record = await self._keys.get(key.id)
        if not await self._holds_once(key, record, source) or record is None:
            raise _wrong()
        await self.touch(record)
        return record

    async def of_sign_in(self, text: str, *, source: str) -> KeyRecord:
        """The record of the key that somebody typed in; whatever they type counts as a try.

        Raises:
            Problem: `UNAUTHENTICATED`, `THROTTLED`.
        """
        key = read_key(text)
        if key is None:
            await self._throttle.count(source)
            await self.note_refusal(None, "", source)
            raise Problem(ProblemCode.UNAUTHENTICATED, "This is not a key of Heliograph.")
        record = await self._keys.get(key.id)
        if not await self._holds(key, record, source) or record is None:
            raise _wrong()
        await self.touch(record)
        return record

    async def by_id(self, key_id: str | None) -> KeyRecord | None:
        """The record of a key that may be used now, for who has proven to hold it before."""
        record = await self._keys.get(key_id) if key_id is not None else None
        if record is None or not self._lives(record):
            return None
        await self.touch(record)
        return record

    async def touch(self, record: KeyRecord) -> None:
        """Note that a key is used, once a minute."""
        used = record.last_used_at
        if used is None or self._clock() - used >= _TOUCHED_AFTER:
            await self._keys.touch(record.id)

    async def note_refusal(self, record: KeyRecord | None, key_id: str, source: str) -> None:
        """A refused try, in the trail of the tenant whose key it was meant to be. The throttle
        bounds how many there are."""
        log.warning("access.refused", key_id=key_id, source=source)
        await self._audit.append(
            tenant_id=record.tenant_id if record is not None else None,
            actor=_NOBODY,
            action="key.refused",
            target=key_id,
            note=f"from {source}",
        )

    async def _holds_once(self, key: ApiKey, record: KeyRecord | None, source: str) -> bool:
        """As `_holds`, computed once for all calls that bring the same key at the same time: a
        program that starts with twenty calls has not tried twenty keys."""
        if self._known(key, record):
            return True
        trial = (key.digest, source)
        task = self._running.get(trial)
        if task is None:
            task = asyncio.create_task(self._holds(key, record, source), name="key")
            self._running[trial] = task
            task.add_done_callback(lambda done: self._ended(trial, done))
        return await asyncio.shield(task)

    def _ended(self, trial: tuple[bytes, str], task: asyncio.Task[bool]) -> None:
        del self._running[trial]
        if not task.cancelled():
            task.exception()  # Retrieved here, in case that all who waited are gone.

    async def _holds(self, key: ApiKey, record: KeyRecord | None, source: str) -> bool:
        """Whether this is the key's holder and may use it. Only a no counts as a try."""
        if self._known(key, record):
            return True
        await self._throttle.count(source, key.id)
        fits = await self._hashing.fits(key, record.hash if record is not None else None)
        if record is None or not fits or not self._lives(record):
            await self.note_refusal(record, key.id, source)
            return False
        await self._throttle.take_back(source, key.id)
        return True

    def _known(self, key: ApiKey, record: KeyRecord | None) -> bool:
        if record is None or not self._lives(record):
            return False
        return self._hashing.remembers(key, record.hash)

    def _lives(self, record: KeyRecord) -> bool:
        expired = record.expires_at is not None and record.expires_at <= self._clock()
        return record.revoked_at is None and not expired


def _wrong() -> Problem:
    return Problem(ProblemCode.UNAUTHENTICATED, _WRONG, remedy=_ABOUT_WRONG)
