"""What can be done with tenants."""

from __future__ import annotations

from typing import Final

from common.providers.specs import SPECS
from common.secrets import MasterKeys
from common.sending_rules import OptOutScope
from common.store.control import Page, TenantRecord
from common.store.control_ports import NotFound, Tenants
from health.access.roles import Principal
from health.web.problems import Problem, ProblemCode

FEATURES: Final = tuple(spec.feature for spec in SPECS.values())
"""What a tenant can be allowed: the connection of each provider."""


class TenantDesk:
    """Tenants, as API and console handle them.

    Args:
        keys: the master keys, which wrap each new tenant's data key.
    """

    def __init__(self, tenants: Tenants, keys: MasterKeys):
        self._tenants = tenants
        self._keys = keys

    async def create(
        self, tenant_id: str, *, name: str, features: tuple[str, ...], by: Principal
    ) -> TenantRecord:
        """A tenant with a data key of its own.

        Raises:
            Taken, Problem: a feature that there is not.
        """
        return await self._tenants.create(
            tenant_id,
            name=name,
            features=known_features(features),
            wrapped_key=self._keys.new_tenant_key(tenant_id).to_document(),
            by=by.actor,
        )

    async def list(self, *, limit: int, cursor: str | None = None) -> Page[TenantRecord]:
        """Every tenant, by ID. Raises BadCursor."""
        return await self._tenants.list(limit=limit, cursor=cursor)

    async def get(self, tenant_id: str) -> TenantRecord:
        """Raises NotFound."""
        tenant = await self._tenants.get(tenant_id)
        if tenant is None:
            raise NotFound("There is no such tenant.")
        return tenant

    async def update(
        self,
        tenant_id: str,
        *,
        name: str | None = None,
        features: tuple[str, ...] | None = None,
        opt_out_scope: OptOutScope | None = None,
        version: int | None,
        by: Principal,
    ) -> TenantRecord:
        """Change what is not None. A feature that goes leaves connections as they are; no new one
        can be made.

        Raises:
            NotFound, Stale, Problem: a feature that there is not.
        """
        return await self._tenants.update(
            tenant_id,
            name=name,
            features=None if features is None else known_features(features),
            opt_out_scope=opt_out_scope,
            version=version,
            by=by.actor,
        )

    async def accept_opt_out(self, tenant_id: str, *, by: Principal) -> TenantRecord:
        """Note, once, that somebody accepted that opt-outs are handled properly.

        Raises:
            NotFound.
        """
        return await self._tenants.accept_opt_out(tenant_id, by=by.actor)


def known_features(features: tuple[str, ...]) -> tuple[str, ...]:
    """The features, each once, in the order of the providers.

    Raises:
        Problem: one that there is not.
    """
    unknown = sorted(set(features) - set(FEATURES))
    if unknown:
        raise Problem(
            ProblemCode.INVALID,
            "There is no such feature.",
            remedy=f"The features are {', '.join(FEATURES)}.",
            fields={"features": "holds one that there is not"},
        )
    return tuple(feature for feature in FEATURES if feature in features)
