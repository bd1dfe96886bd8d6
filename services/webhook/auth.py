"""Who may deliver. Every configured kind of proof must be given: a shared secret, an Entra token.

Event Grid signs nothing, so the channel is what is proven (Microsoft docs, "Authenticate event
delivery to webhook endpoints"): a secret in the URL, which Event Grid repeats on every call, or in
a header that is a static delivery property; or a token of the tenant's Microsoft Entra ID.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from aiohttp import web

from common.settings import split_words
from webhook.entra import EntraTokens
from webhook.problems import SECRETS_UNREADABLE, WRONG_SECRET, Refusal

log = structlog.get_logger(__name__)

_MOST_PRESENTED = 4


class Secrets:
    """The secrets that are accepted now, several during a rotation.

    Args:
        given: those of the settings, used where there is no file.
        file: read again every `reread_every` seconds, so that a rotation needs no restart.
    """

    def __init__(
        self,
        given: Sequence[str],
        *,
        file: Path | None = None,
        reread_every: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._current = tuple(_octets(secret) for secret in given)
        self._file = file
        self._reread_every = reread_every
        self._clock = clock
        self._read_at = float("-inf")

    def current(self) -> tuple[bytes, ...]:
        """The secrets.

        Raises:
            Refusal: the file cannot be read or is empty: nobody is proven a stranger then.
        """
        if self._file is not None and self._clock() - self._read_at >= self._reread_every:
            self._current = self._read(self._file)
            self._read_at = self._clock()
        return self._current

    def _read(self, file: Path) -> tuple[bytes, ...]:
        try:
            words = split_words(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            log.error("secrets.unreadable", error=type(error).__name__)
            raise Refusal(SECRETS_UNREADABLE) from None
        if not isinstance(words, tuple) or not words:
            log.error("secrets.empty")
            raise Refusal(SECRETS_UNREADABLE)
        return tuple(_octets(word) for word in words)


class SecretCheck:
    """A shared secret in the query parameter or the header of the given names."""

    def __init__(self, secrets: Secrets, *, query: str, header: str):
        self._secrets = secrets
        self._query = query
        self._header = header

    def admit(self, request: web.BaseRequest) -> None:
        """Let the request pass.

        Raises:
            Refusal: the secret is missing or wrong, or there is nothing to compare it with.
        """
        presented = [
            *request.query.getall(self._query, ()),
            *request.headers.getall(self._header, ()),
        ][:_MOST_PRESENTED]
        # A `+` that was not escaped in the subscription's URL arrives as a blank.
        presented += [secret.replace(" ", "+") for secret in presented if " " in secret]
        if not _any_equal([_octets(secret) for secret in presented], self._secrets.current()):
            raise Refusal(WRONG_SECRET)


class Doorkeeper:
    """All configured proofs together; none configured lets everybody in."""

    def __init__(self, *, secret: SecretCheck | None, entra: EntraTokens | None):
        self._secret = secret
        self._entra = entra

    @property
    def is_open(self) -> bool:
        """Whether anybody may deliver."""
        return self._secret is None and self._entra is None

    @property
    def challenge(self) -> str | None:
        """`WWW-Authenticate` of a 401 (RFC 6750, section 3); a shared secret has no scheme."""
        return "Bearer" if self._entra is not None else None

    async def admit_delivery(self, request: web.BaseRequest) -> None:
        """Let a delivery pass, or raise `Refusal`."""
        if self._secret is not None:
            self._secret.admit(request)
        if self._entra is not None:
            await self._entra.admit(request.headers.get("Authorization", ""))

    def admit_handshake(self, request: web.BaseRequest) -> None:
        """Let a CloudEvents handshake pass, or raise `Refusal`. It consents to deliveries and
        carries no data. Event Grid repeats the query on every call, so a secret is asked for;
        whether it sends a token with the handshake is not documented, so none is."""
        if self._secret is not None:
            self._secret.admit(request)


def _any_equal(presented: Sequence[bytes], secrets: Sequence[bytes]) -> bool:
    """Compare each with each, in a time that does not tell which one matched."""
    matches = [hmac.compare_digest(one, other) for one in presented for other in secrets]
    return any(matches)


def _octets(secret: str) -> bytes:
    return secret.encode("utf-8", "surrogatepass")
