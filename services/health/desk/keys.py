"""API keys: made, listed, revoked. Nobody gives more than they have."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from common.store.control import KeyRecord, Page
from common.store.control_ports import Keys, NotFound, Tenants
from health.access.roles import Principal, Role
from health.access.secrets import Hashing, new_key
from health.web.problems import Problem, ProblemCode

_LONGEST_NAME: Final = 100
_YEARS: Final = 10
_LONGEST_LIFE: Final = timedelta(days=366 * _YEARS)


class KeyDesk:
    """What can be done with API keys. A key of a tenant reaches that tenant only; one without a
    tenant is an operator's, and reaches every tenant."""

    def __init__(
        self,
        *,
        keys: Keys,
        tenants: Tenants,
        hashing: Hashing,
        clock: Callable[[], datetime],
    ):
        self._keys = keys
        self._tenants = tenants
        self._hashing = hashing
        self._clock = clock

    async def make(
        self,
        tenant_id: str | None,
        *,
        name: str,
        role: Role,
        expires_at: datetime | None,
        by: Principal,
    ) -> tuple[KeyRecord, str]:
        """A new key, and its text, which is nowhere afterwards.

        Raises:
            Problem: `INVALID` for a role that such a key cannot have, a name or an expiry that is
                of no use; `FORBIDDEN` for more than one's own role.
            NotFound: there is no such tenant.
        """
        now = self._clock()
        check_name(name)
        check_grant(tenant_id, role, by=by)
        expires_at = check_expiry(expires_at, now=now)
        if tenant_id is not None and await self._tenants.get(tenant_id) is None:
            raise NotFound("There is no such tenant.")
        key = new_key()
        record = KeyRecord(
            id=key.id,
            tenant_id=tenant_id,
            name=name,
            role=role.value,
            hash=await self._hashing.hash(key),
            created_at=now,
            created_by=by.name,
            expires_at=expires_at,
            last_used_at=None,
            revoked_at=None,
        )
        return await self._keys.create(record, by=by.actor), key.text

    async def list(
        self, tenant_id: str | None, *, limit: int, cursor: str | None = None
    ) -> Page[KeyRecord]:
        """A tenant's keys, or with None the operators'; newest first, the revoked ones too."""
        return await self._keys.list(tenant_id, limit=limit, cursor=cursor)

    async def revoke(self, tenant_id: str | None, key_id: str, *, by: Principal) -> KeyRecord:
        """End a key at once, with its sessions; again changes nothing.

        Raises:
            NotFound: the tenant, or the operators, have no such key.
        """
        return await self._keys.revoke(tenant_id, key_id, by=by.actor)


def check_name(name: str) -> None:
    """Whether people can tell a key by this name.

    Raises:
        Problem: `INVALID`.
    """
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        what = f"must be one line of at most {_LONGEST_NAME} characters"
        raise Problem(ProblemCode.INVALID, f"The name {what}.", fields={"name": what})


def check_grant(tenant_id: str | None, role: Role, *, by: Principal) -> None:
    """Whether somebody may give a key with this role.

    Raises:
        Problem: `INVALID`, `FORBIDDEN`.
    """
    if (tenant_id is None) != (role is Role.OPERATOR):
        what = "has no tenant" if role is Role.OPERATOR else "belongs to a tenant"
        raise Problem(
            ProblemCode.INVALID,
            f"A key with the role {role.value} {what}.",
            fields={"role": f"a key with this role {what}"},
        )
    if not by.may(role):
        raise Problem(
            ProblemCode.FORBIDDEN,
            f"You cannot give the role {role.value}; yours is {by.role.value}.",
        )


def check_expiry(expires_at: datetime | None, *, now: datetime) -> datetime | None:
    """The expiry in UTC.

    Raises:
        Problem: `INVALID`, where it is over already or further away than it can mean.
    """
    if expires_at is None or now < expires_at <= now + _LONGEST_LIFE:
        return expires_at.astimezone(UTC) if expires_at is not None else None
    what = "is in the past" if expires_at <= now else f"is more than {_YEARS} years away"
    raise Problem(ProblemCode.INVALID, f"The expiry {what}.", fields={"expires_at": what})
