"""Whether a tenant may connect a provider."""

from __future__ import annotations

from common.providers.spec import ProviderSpec
from common.providers.specs import SPECS
from common.store.control import TenantRecord
from common.store.control_ports import NotFound, Tenants
from health.desk.asking import Asking
from health.web.problems import Problem, ProblemCode


class Permission:
    """What must be so before a connection is made."""

    def __init__(self, tenants: Tenants, asking: Asking):
        self._tenants = tenants
        self._asking = asking

    async def tenant(self, tenant_id: str) -> TenantRecord:
        """Raises NotFound."""
        tenant = await self._tenants.get(tenant_id)
        if tenant is None:
            raise NotFound("There is no such tenant.")
        return tenant

    def spec(self, provider: str) -> ProviderSpec:
        """A provider that this release speaks to. Raises Problem: PROVIDER_UNAVAILABLE."""
        spec = SPECS.get(provider)
        if spec is None or not self._asking.speaks_to(provider):
            available = ", ".join(name for name in SPECS if self._asking.speaks_to(name))
            said = f"one of {available}"
            raise Problem(ProblemCode.PROVIDER_UNAVAILABLE, fields={"provider": said})
        return spec

    async def permitted(self, tenant_id: str, provider: str) -> ProviderSpec:
        """A provider that the tenant may connect.

        Raises:
            NotFound, Problem: PROVIDER_UNAVAILABLE, FEATURE_MISSING.
        """
        tenant = await self.tenant(tenant_id)
        spec = self.spec(provider)
        if spec.feature not in tenant.features:
            raise Problem(
                ProblemCode.FEATURE_MISSING,
                f"{spec.title} needs the feature {spec.feature}, which the tenant does not have.",
                extra={"feature": spec.feature},
            )
        return spec

    async def require_opt_out(self, tenant_id: str, *, accepted: bool) -> None:
        """Somebody of the tenant has accepted, or does so now, that opt-out commands are handled
        properly. Raises Problem: OPT_OUT_NOT_ACCEPTED."""
        if not accepted and (await self.tenant(tenant_id)).opt_out_accepted_at is None:
            said = "must be true, the first time"
            raise Problem(ProblemCode.OPT_OUT_NOT_ACCEPTED, fields={"accept_opt_out": said})
