"""The agents' broker users, kept through RabbitMQ's management HTTP API.

Users that are made here bear a tag, and no other user is ever touched: an administrator of a tenant
chooses the name of an agent's user, and must not get hold of a stranger's that way.

Source: RabbitMQ documentation, "Management HTTP API", "Access Control" and "Topic permissions".
"""

from __future__ import annotations

import base64
import contextlib
import secrets
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import structlog
from yarl import URL

from common.bus.rights import AgentRights

log = structlog.get_logger(__name__)

TAG: Final = "heliograph-agent"
"""Gives no right to the management API, and not the right to name another sender either (those are
`administrator`, `monitoring`, `policymaker`, `management` and `impersonator`)."""

_SECONDS: Final = 10.0
_PASSWORD_OCTETS: Final = 32


class BrokerUnreachable(Exception):
    """The management API did not do what was asked. The text holds no password."""

    code = "broker_unreachable"


class ForeignUser(Exception):
    """The broker has a user of this name that was not made here."""

    code = "foreign_user"


class BrokerUsers:
    """The agents' users in one virtual host of the broker. Every method may raise
    `BrokerUnreachable`; doing one again changes nothing more."""

    def __init__(self, session: aiohttp.ClientSession, base: URL, *, vhost: str):
        self._session = session
        self._base = base
        self._vhost = vhost

    async def require_usable(self, user: str) -> None:
        """Raise ForeignUser unless the name is free or one of ours."""
        await self._is_ours(user)

    async def provision(self, user: str, rights: AgentRights) -> str:
        """Make the user, or give it a new password, with these rights and no others; the password,
        which nobody can ask for again. Connections with an earlier password end.

        Raises:
            ForeignUser: see there.
        """
        existed = await self._is_ours(user)
        password = secrets.token_urlsafe(_PASSWORD_OCTETS)
        await self._ask("PUT", "users", user, body={"password": password, "tags": TAG})
        await self._grant(user, rights)
        if existed:
            await self._end_connections(user)
        return password

    async def restore(self, user: str, rights: AgentRights) -> bool:
        """Give the user its rights back, its password as it was; False where it is none of ours."""
        if not await self._is_known(user):
            return False
        await self._grant(user, rights)
        return True

    async def disable(self, user: str) -> bool:
        """Take every right from the user, and end its connections; False where it is none of ours.

        Without a permission in the virtual host RabbitMQ refuses to let it connect.
        """
        if not await self._is_known(user):
            return False
        await self._ask("DELETE", "permissions", self._vhost, user, missing_is_fine=True)
        await self._end_connections(user)
        return True

    async def remove(self, user: str) -> bool:
        """Delete the user, which ends its connections; False where it is none of ours."""
        if not await self._is_known(user):
            return False
        await self._ask("DELETE", "users", user, missing_is_fine=True)
        await self._end_connections(user)
        return True

    async def _grant(self, user: str, rights: AgentRights) -> None:
        # Topics first: the right to write to an exchange is wide as long as none narrows it.
        for topic in rights.topics:
            await self._ask(
                "PUT",
                "topic-permissions",
                self._vhost,
                user,
                body={"exchange": topic.exchange, "write": topic.write, "read": topic.read},
            )
        await self._ask(
            "PUT",
            "permissions",
            self._vhost,
            user,
            body={"configure": rights.configure, "write": rights.write, "read": rights.read},
        )

    async def _end_connections(self, user: str) -> None:
        await self._ask("DELETE", "connections", "username", user, missing_is_fine=True)

    async def _is_known(self, user: str) -> bool:
        try:
            return await self._is_ours(user)
        except ForeignUser:
            log.warning("broker_user.not_ours", user=user)
            return False

    async def _is_ours(self, user: str) -> bool:
        """Whether there is such a user, made here; raises ForeignUser where another made it."""
        found = await self._ask("GET", "users", user, missing_is_fine=True)
        if found is None:
            return False
        tags = found.get("tags", ())
        # A list since RabbitMQ 3.9, a text with commas before.
        if TAG not in (tags.split(",") if isinstance(tags, str) else tags):
            raise ForeignUser(f"The broker's user {user!r} was not made by Heliograph.")
        return True

    async def _ask(
        self,
        method: str,
        *path: str,
        body: Mapping[str, str] | None = None,
        missing_is_fine: bool = False,
    ) -> Mapping[str, Any] | None:
        """One request; the answer's object, None where there is none."""
        parts = "/".join(quote(part, safe="") for part in ("api", *path))
        url = URL(f"{self._base}{parts}", encoded=True)
        try:
            async with self._session.request(method, url, json=body) as response:
                if response.status == HTTPStatus.NOT_FOUND and missing_is_fine:
                    return None
                if response.status >= HTTPStatus.BAD_REQUEST:
                    raise BrokerUnreachable(
                        f"RabbitMQ's management API answered {response.status} to {method} "
                        f"{path[0]}."
                    )
                return await response.json() if method == "GET" else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise BrokerUnreachable(
                f"RabbitMQ's management API does not answer ({type(error).__name__})."
            ) from None


@contextlib.asynccontextmanager
async def open_broker_users(management_url: str, rabbitmq_url: str) -> AsyncIterator[BrokerUsers]:
    """A client for as long as it is needed.

    Args:
        management_url: `http(s)://user:password@host:port/`; the user must be an administrator.
        rabbitmq_url: the services' own AMQP URL, whose virtual host is the agents' as well.
    """
    url = URL(management_url)
    pair = f"{url.user or ''}:{url.password or ''}".encode()
    headers = {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    base = url.with_user(None).with_query(None).with_fragment(None)
    if not base.path.endswith("/"):
        base = base / ""
    timeout = aiohttp.ClientTimeout(total=_SECONDS)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield BrokerUsers(session, base, vhost=vhost_of(rabbitmq_url))


def vhost_of(rabbitmq_url: str) -> str:
    """The virtual host that an AMQP URL names, `/` where it names none (RabbitMQ documentation,
    "URI Specification")."""
    return URL(rabbitmq_url).path[1:] or "/"
