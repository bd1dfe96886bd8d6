"""What can be done with the kill switches: stop all sending, of a tenant or of everybody, and let
it go on."""

from __future__ import annotations

from typing import Final

from common.store.control import Stopped, Stops
from common.store.control_ports import NotFound, Switches, Tenants
from health.access.roles import Principal, Role
from health.desk.wording import require_line
from health.web.problems import Problem, ProblemCode

LONGEST_REASON: Final = 200

_COSTS: Final = {
    True: "Stopping refuses every text from the next one on, also those that wait and those that "
    "somebody has approved; none of them is sent later.",
    False: "Resuming lets agents text people again, from the next text on.",
}


class SwitchDesk:
    """The kill switches, as API and console handle them.

    Who may decide on texts may stop them: it is the safe side. Letting them go again is an
    administrator's.
    """

    def __init__(self, switches: Switches, tenants: Tenants):
        self._switches = switches
        self._tenants = tenants

    async def everywhere(self) -> Stopped | None:
        """The switch of all tenants, where it is on."""
        return await self._switches.all()

    async def of(self, tenant_id: str) -> Stops:
        """The switches that count for a tenant."""
        return await self._switches.of(tenant_id)

    async def of_known(self, tenant_id: str) -> Stops:
        """The same. Raises NotFound: there is no such tenant."""
        if await self._tenants.get(tenant_id) is None:
            raise NotFound("There is no such tenant.")
        return await self._switches.of(tenant_id)

    async def set_tenant(
        self, tenant_id: str, *, stopped: bool, reason: str, confirmed: bool, by: Principal
    ) -> Stops:
        """Stop a tenant's sending, or let it go on.

        Raises:
            NotFound.
            Problem: it was not confirmed; the reason is no line; only an administrator resumes.
        """
        if not stopped and not by.may(Role.ADMIN):
            raise Problem(
                ProblemCode.FORBIDDEN,
                f"Resuming needs the role {Role.ADMIN.value}; yours is {by.role.value}.",
            )
        reason = _checked(reason, stopped=stopped, confirmed=confirmed)
        await self._switches.set_tenant(tenant_id, stopped=stopped, reason=reason, by=by.actor)
        return await self._switches.of(tenant_id)

    async def set_everywhere(
        self, *, stopped: bool, reason: str, confirmed: bool, by: Principal
    ) -> Stopped | None:
        """Stop everybody's sending, or let it go on; who stopped their own stays stopped.

        Raises:
            Problem: it was not confirmed; the reason is no line.
        """
        reason = _checked(reason, stopped=stopped, confirmed=confirmed)
        return await self._switches.set_all(stopped=stopped, reason=reason, by=by.actor)


def _checked(reason: str, *, stopped: bool, confirmed: bool) -> str:
    """The reason without blanks around it; it may be empty."""
    if not confirmed:
        raise Problem(ProblemCode.NOT_CONFIRMED, _COSTS[stopped])
    reason = reason.strip()
    if reason:
        require_line(reason, "reason", limit=LONGEST_REASON)
    return reason
