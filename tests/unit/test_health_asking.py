"""Which credentials are let in when they are entered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from common.providers.port import Health, Healthy, Unhealthy, Unknown
from health.desk.asking import Asking
from health.web.problems import Problem, ProblemCode

FOREIGN = "+15550009999"


@dataclass
class Told:
    """A provider, and its client, that finds credentials as it is told."""

    health: Health

    def connect(self, credentials: Mapping[str, str], *, timeout: float) -> Told:
        return self

    async def check(self, numbers: Sequence[str]) -> Health:
        return self.health

    async def owns(self, number: str) -> bool | None:
        return False if number == FOREIGN else None

    async def close(self) -> None: ...


async def ask(health: Health, numbers: Sequence[str] = ("+18005550100",)) -> None:
    providers = {"semaphore": Told(health)}
    asking = Asking(providers, timeout=5.0)  # type: ignore[dict-item] # what is asked of it is there
    await asking.require_working("semaphore", {}, numbers)


@pytest.mark.parametrize("health", [Healthy(), Unknown("It may be right.", let_in=True)])
async def test_credentials_that_may_be_good_are_let_in(health: Health) -> None:
    await ask(health)


@pytest.mark.parametrize(
    ("health", "code"),
    [
        (Unhealthy("No."), ProblemCode.CREDENTIALS_REJECTED),
        (Unknown("It is away."), ProblemCode.UNAVAILABLE),
    ],
)
async def test_credentials_that_were_refused_or_not_looked_at_are_not(
    health: Health, code: ProblemCode
) -> None:
    with pytest.raises(Problem) as caught:
        await ask(health)
    assert caught.value.code is code


async def test_who_is_let_in_has_to_own_the_numbers_all_the_same() -> None:
    with pytest.raises(Problem) as caught:
        await ask(Unknown("It may be right.", let_in=True), [FOREIGN])
    assert caught.value.code is ProblemCode.NUMBER_NOT_ON_RESOURCE
