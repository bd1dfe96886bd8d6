"""The provider of a stage: its simulator, and what an administrator enters in its portal."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from common.secrets import TenantKey
from health.desk.callbacks import addresses
from local.accounts import Account
from local.seed import Seed
from local.simulator import Simulator
from local.simulators import SIMULATORS, ProviderSimulator

_TIME_SCALE: Final = 0.01
"""A provider's retry after 10 seconds comes after a tenth of a second here."""


AnySimulator = Simulator | ProviderSimulator


def simulated(account: Account, *, port: int) -> AbstractAsyncContextManager[AnySimulator]:
    """The simulator of an account with its two numbers, not started yet."""
    options: dict[str, Any] = {
        **account.values,
        "numbers": (account.number, account.second_number),
        "time_scale": _TIME_SCALE,
        "port": port,
    }
    return SIMULATORS.get(account.provider, Simulator)(**options)


def seed_of(account: Account, url: str, *, bus_user: str) -> Seed:
    """What an administrator makes of the account: a connection with a number."""
    return Seed(
        bus_user=bus_user,
        connection_id=account.connection_id,
        provider=account.provider,
        parameters=account.parameters(url),
        number=account.number,
        number_type=account.number_type,
        region=account.region,
    )


def enter_in_portal(
    simulator: ProviderSimulator, public_url: str, seed: Seed, key: TenantKey
) -> None:
    """Copy the connection's address, and its login where there is one, from the console."""
    (address,) = addresses(seed.spec, public_url, connection_id=seed.connection_id, key=key)
    login = address.login
    simulator.portal(address.url, login.username if login else "", login.password if login else "")
