"""Asking a provider, without sending anything, whether credentials work and whose a number is."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from common.providers.port import (
    Health,
    Provider,
    ProviderClient,
    Unhealthy,
    Unknown,
    UnusableCredentials,
)
from health.desk.parameters import unusable
from health.transition import shorten
from health.web.problems import Problem, ProblemCode

_AT_ONCE: Final = 5
"""Numbers that are asked for at the same time."""


class Asking:
    """Live questions.

    Args:
        providers: by name; what is not there cannot be connected.
        timeout: seconds that one answer may take.
    """

    def __init__(self, providers: Mapping[str, Provider], *, timeout: float):
        self._providers = providers
        self._timeout = timeout

    def speaks_to(self, provider: str) -> bool:
        """Whether this release has the provider's adapter."""
        return provider in self._providers

    async def require_working(
        self, provider: str, credentials: Mapping[str, str], numbers: Sequence[str]
    ) -> None:
        """Nobody shall believe in credentials that were never accepted, so a provider that cannot
        be asked refuses them too. One whose answer good credentials get as well (`Unknown.let_in`)
        does not.

        Raises:
            Problem: INVALID_CREDENTIALS, CREDENTIALS_REJECTED, NUMBER_NOT_ON_RESOURCE (naming the
                numbers), UNAVAILABLE (the provider cannot be asked).
        """
        async with self._client(provider, credentials) as client:
            health = await self._health(client, numbers)
            if isinstance(health, Unknown) and not health.let_in:
                raise _could_not_ask(health)
            # First the numbers: that one is not the account's may be all that is wrong.
            await self._require_owned(client, numbers)
            if isinstance(health, Unhealthy):
                raise Problem(ProblemCode.CREDENTIALS_REJECTED, shorten(health.reason))

    async def require_owned(
        self, provider: str, credentials: Mapping[str, str], number: str
    ) -> None:
        """Raises Problem: NUMBER_NOT_ON_RESOURCE, where the provider says so."""
        async with self._client(provider, credentials) as client:
            await self._require_owned(client, [number])

    async def _health(self, client: ProviderClient, numbers: Sequence[str]) -> Health:
        try:
            async with asyncio.timeout(self._timeout):
                return await client.check(numbers)
        except TimeoutError:
            return Unknown(f"it did not answer within {self._timeout:g} seconds")

    async def _require_owned(self, client: ProviderClient, numbers: Sequence[str]) -> None:
        gate = asyncio.Semaphore(_AT_ONCE)

        async def foreign(number: str) -> bool:
            async with gate:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._timeout):
                        return await client.owns(number) is False
            return False

        answers = await asyncio.gather(*map(foreign, numbers))
        refused = [
            number for number, is_foreign in zip(numbers, answers, strict=True) if is_foreign
        ]
        if refused:
            raise Problem(
                ProblemCode.NUMBER_NOT_ON_RESOURCE,
                f"The provider says that {', '.join(refused)} "
                f"{'does' if len(refused) == 1 else 'do'} not belong to this account.",
                extra={"numbers": refused},
            )

    @contextlib.asynccontextmanager
    async def _client(
        self, provider: str, credentials: Mapping[str, str]
    ) -> AsyncIterator[ProviderClient]:
        known = self._providers.get(provider)
        if known is None:
            raise Problem(ProblemCode.PROVIDER_UNAVAILABLE)
        try:
            client = known.connect(credentials, timeout=self._timeout)
        except UnusableCredentials as error:
            raise unusable(error) from None
        try:
            yield client
        finally:
            await client.close()


def _could_not_ask(health: Unknown) -> Problem:
    return Problem(
        ProblemCode.UNAVAILABLE,
        f"The provider could not be asked, so nothing was stored: {shorten(health.reason)}",
        remedy="Try again in a moment; if it stays, check the address in the credentials.",
    )
