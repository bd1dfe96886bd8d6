"""API keys as texts: `hg_<key ID>_<secret>`, made here, and checked against their hash.

The secret has 256 random bits, so that nobody guesses it; Argon2id is for the day on which somebody
reads the database. Its parameters are the first of those that the OWASP Password Storage Cheat
Sheet, section "Argon2id", recommends for little memory: 19 MiB, 2 iterations, 1 lane.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

KEY_PREFIX: Final = "hg_"

_MEMORY_KIB: Final = 19 * 1024
_ITERATIONS: Final = 2
_LANES: Final = 1

_ID_OCTETS: Final = 8
_SECRET_OCTETS: Final = 32
_FORM: Final = re.compile(r"hg_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key in the hand of its holder."""

    id: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """Stands for the key in memory. Good enough for 256 random bits, not for a password."""
        return hashlib.sha256(self.text.encode()).digest()


def new_key() -> ApiKey:
    """A key that nobody has."""
    key_id = secrets.token_hex(_ID_OCTETS)
    return ApiKey(key_id, f"{KEY_PREFIX}{key_id}_{secrets.token_urlsafe(_SECRET_OCTETS)}")


def read_key(text: str) -> ApiKey | None:
    """A text as a key; None where it does not have the form of one."""
    match = _FORM.fullmatch(text.strip())
    return ApiKey(match.group(1), match.group(0)) if match else None


def new_token() -> str:
    """256 random bits for a session, a ticket or a CSRF token."""
    return secrets.token_urlsafe(_SECRET_OCTETS)


def token_hash(token: str) -> str:
    """Under which a session or a ticket is stored."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two texts are the same, in a time that does not tell where they differ."""
    encoded = (text.encode("utf-8", "surrogatepass") for text in (one, other))
    return hmac.compare_digest(*encoded)


class Hashing:
    """Hashes keys and compares them with their hash, in threads.

    Args:
        at_once: how many are computed at the same time; each takes a core for some 30 ms.
        kept: how many keys are remembered that were found right.
        kept_for: seconds for which they are after their last use. Remembered is only that a secret
            fits a hash: whether the key still holds is read from the store by the caller.
    """

    def __init__(
        self,
        *,
        at_once: int = 2,
        kept: int = 1024,
        kept_for: float = 300.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._hasher = PasswordHasher(
            time_cost=_ITERATIONS, memory_cost=_MEMORY_KIB, parallelism=_LANES, type=Type.ID
        )
        self._nobodys = self._hasher.hash(new_key().text)
        self._turns = asyncio.Semaphore(at_once)
        self._kept = kept
        self._kept_for = kept_for
        self._clock = clock
        self._right: OrderedDict[bytes, tuple[str, float]] = OrderedDict()

    async def hash(self, key: ApiKey) -> str:
        """The hash to be stored, in the PHC string format."""
        async with self._turns:
            return await asyncio.to_thread(self._hasher.hash, key.text)

    def remembers(self, key: ApiKey, stored: str) -> bool:
        """Whether the key was found to fit this hash not long ago. Asking keeps it remembered, so
        that wrong tries with its ID cannot shut out a program that is at work."""
        hashed, until = self._right.get(key.digest, ("", 0.0))
        if hashed != stored or self._clock() >= until:
            return False
        self._remember(key, stored)
        return True

    async def fits(self, key: ApiKey, stored: str | None) -> bool:
        """Whether the key fits its hash. None, for a key that does not exist, takes as long."""
        async with self._turns:
            right = await asyncio.to_thread(self._verify, key, stored or self._nobodys)
        if right and stored is not None:
            self._remember(key, stored)
            return True
        return False

    def _verify(self, key: ApiKey, stored: str) -> bool:
        try:
            return self._hasher.verify(stored, key.text)
        except (VerificationError, InvalidHashError):
            return False

    def _remember(self, key: ApiKey, stored: str) -> None:
        self._right[key.digest] = (stored, self._clock() + self._kept_for)
        self._right.move_to_end(key.digest)
        while len(self._right) > self._kept:
            self._right.popitem(last=False)
