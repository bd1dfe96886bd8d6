"""Who may do what: four roles, each of which may do all that the ones before it may. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from common.store.control import SYSTEM, Actor


class Role(StrEnum):
    """`viewer` reads, `approver` also decides on held texts, `admin` also changes everything of a
    tenant, `operator` does all that in every tenant and makes tenants."""

    VIEWER = "viewer"
    APPROVER = "approver"
    ADMIN = "admin"
    OPERATOR = "operator"


_RANK: Final = {role: place for place, role in enumerate(Role)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Somebody who has proven who they are. `tenant_id` is None for operators only.

    `session_id` and `csrf` are there where it was proven by a console session.
    """

    kind: str
    id: str
    name: str
    role: Role
    tenant_id: str | None
    session_id: str | None = None
    csrf: str | None = None

    @classmethod
    def nobody(cls) -> Principal:
        """Who has not signed in."""
        return cls(kind="nobody", id="", name="", role=Role.VIEWER, tenant_id="")

    def may(self, needed: Role) -> bool:
        """Whether the role suffices."""
        return _RANK[self.role] >= _RANK[needed]

    def reaches(self, tenant_id: str) -> bool:
        """Whether the tenant is one of theirs."""
        return self.role is Role.OPERATOR or self.tenant_id == tenant_id

    @property
    def actor(self) -> Actor:
        """As the audit trail names them. The service is itself, whatever it may do."""
        if self.kind == SYSTEM.kind:
            return SYSTEM
        return Actor(kind=self.kind, id=self.id, name=self.name, role=self.role.value)
