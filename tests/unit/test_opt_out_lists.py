"""Promises of speaking to providers' own opt-out lists: whatever is wrong there, it ends in time,
and the client is closed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from common.providers.port import UnusableCredentials
from common.secrets import SecretUnreadable
from common.store.records import ConnectionRecord, ConnectionStatus
from health.desk.opt_out_lists import CannotAsk, OptOutLists
from tests.unit.consent_world import NUMBER, REMOTE, ScriptedLists
from tests.unit.console_setup_stage import number


class Account:
    """A provider, its client, the vault and the connections: all that is spoken to."""

    def __init__(self) -> None:
        self.record: ConnectionRecord | None = None
        self.fault: Exception | None = None
        self.silent = False
        self.asked: list[tuple[Any, ...]] = []
        self.open_clients = 0

    async def get(self, tenant_id: str, connection_id: str) -> ConnectionRecord | None:
        return self.record

    def open(self, record: ConnectionRecord) -> dict[str, str]:
        if isinstance(self.fault, SecretUnreadable):
            raise self.fault
        return {}

    def connect(self, credentials: dict[str, str], *, timeout: float) -> Account:
        if isinstance(self.fault, UnusableCredentials):
            raise self.fault
        self.open_clients += 1
        return self

    async def opt_out(self, sender: str, recipient: str, *, opted_out: bool) -> bool | None:
        self.asked.append((sender, recipient, opted_out))
        if self.silent:
            await asyncio.Event().wait()
        return True

    async def opted_out(self, sender: str, recipient: str) -> bool | None:
        return await self.opt_out(sender, recipient, opted_out=True)

    async def close(self) -> None:
        self.open_clients -= 1


@pytest.fixture
def account() -> Account:
    return Account()


@pytest.fixture
async def record() -> ConnectionRecord:
    found = await ScriptedLists().connection_of(number(NUMBER))
    assert found is not None
    return found


def lists_of(account: Account) -> OptOutLists:
    parts: dict[str, Any] = {"connections": account, "vault": account}
    known: Any = {"acs": account}
    return OptOutLists(providers=known, **parts, timeout=0.05)


async def test_a_provider_is_told_and_asked(account: Account, record: ConnectionRecord) -> None:
    lists = lists_of(account)
    assert await lists.tell(record, NUMBER, REMOTE, opted_out=False) is True
    assert await lists.has(record, NUMBER, REMOTE) is True
    assert account.asked == [(NUMBER, REMOTE, False), (NUMBER, REMOTE, True)]
    assert account.open_clients == 0


@pytest.mark.parametrize(
    "fault",
    [SecretUnreadable("it is not there"), UnusableCredentials("The connection string is cut.")],
)
async def test_credentials_that_cannot_be_used_are_tried_again_later(
    account: Account, record: ConnectionRecord, fault: Exception
) -> None:
    account.fault = fault
    assert await lists_of(account).tell(record, NUMBER, REMOTE, opted_out=True) is False
    with pytest.raises(CannotAsk):
        await lists_of(account).has(record, NUMBER, REMOTE)


async def test_a_silent_provider_is_tried_again_later(
    account: Account, record: ConnectionRecord
) -> None:
    account.silent = True
    assert await lists_of(account).tell(record, NUMBER, REMOTE, opted_out=True) is False
    with pytest.raises(CannotAsk):
        await lists_of(account).has(record, NUMBER, REMOTE)
    assert account.open_clients == 0


async def test_a_provider_without_an_adapter_cannot_be_asked(
    account: Account, record: ConnectionRecord
) -> None:
    other = replace(record, provider="vibes")
    assert await lists_of(account).tell(other, NUMBER, REMOTE, opted_out=True) is False
    with pytest.raises(CannotAsk):
        await lists_of(account).has(other, NUMBER, REMOTE)


@pytest.mark.parametrize(
    ("status", "connected", "live"),
    [
        (ConnectionStatus.ACTIVE, True, True),
        (ConnectionStatus.ERROR, True, True),
        (ConnectionStatus.DISCONNECTED, True, False),
        (ConnectionStatus.ACTIVE, False, False),
    ],
)
async def test_only_a_live_connection_is_spoken_to(
    account: Account,
    record: ConnectionRecord,
    status: ConnectionStatus,
    connected: bool,
    live: bool,
) -> None:
    account.record = replace(record, status=status)
    found = await lists_of(account).connection_of(number(NUMBER, connected=connected))
    assert (found is not None) is live
