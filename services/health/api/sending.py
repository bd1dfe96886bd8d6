"""The kill switches: of a tenant, and of all."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Self

from pydantic import Field

from common.store.control import Stopped
from health.access.roles import Role
from health.api.paths import PREFIX, TENANT
from health.desk.switches import LONGEST_REASON
from health.web.problems import ProblemCode
from health.web.routes import Answer, Body, Call, Route, View


class Switch(Body):
    """What a kill switch shall be."""

    stopped: bool
    reason: str = Field(
        "", max_length=LONGEST_REASON, description="For those who see that it is on."
    )
    confirm: bool = Field(
        False,
        description="Stopped, every text is refused from the next one on, also those that wait and "
        "those that were approved. Resumed, agents text people again.",
    )


class StopView(View):
    """A kill switch that is on."""

    at: datetime
    by: str
    reason: str

    @classmethod
    def of(cls, stopped: Stopped | None) -> Self | None:
        """As the API shows it; None where it is off."""
        if stopped is None:
            return None
        return cls(at=stopped.at, by=stopped.by, reason=stopped.reason)


class SwitchView(View):
    """The kill switch of all tenants."""

    stopped: bool
    everywhere: StopView | None = Field(description="The switch of all tenants; null: off.")


class TenantSwitchView(SwitchView):
    """The kill switches that count for a tenant."""

    stopped: bool = Field(description="Whether nothing is sent, by either switch.")
    tenant: StopView | None = Field(description="The tenant's own switch; null: off.")


async def get_tenant_sending(call: Call) -> Answer:
    """Whether a tenant's agents can send at all."""
    stops = await call.desks.switches.of_known(call.tenant_id)
    return _of_tenant(stops.everywhere, stops.tenant)


async def set_tenant_sending(call: Call) -> Answer:
    """Stop a tenant's sending, or let it go on."""
    wanted: Switch = call.body
    stops = await call.desks.switches.set_tenant(
        call.tenant_id,
        stopped=wanted.stopped,
        reason=wanted.reason,
        confirmed=wanted.confirm,
        by=call.principal,
    )
    return _of_tenant(stops.everywhere, stops.tenant)


async def get_sending(call: Call) -> Answer:
    """Whether anybody's agents can send."""
    return _of_all(await call.desks.switches.everywhere())


async def set_sending(call: Call) -> Answer:
    """Stop everybody's sending, or let it go on."""
    wanted: Switch = call.body
    stopped = await call.desks.switches.set_everywhere(
        stopped=wanted.stopped,
        reason=wanted.reason,
        confirmed=wanted.confirm,
        by=call.principal,
    )
    return _of_all(stopped)


def _of_all(everywhere: Stopped | None) -> Answer:
    view = SwitchView(stopped=everywhere is not None, everywhere=StopView.of(everywhere))
    return Answer(body=view)


def _of_tenant(everywhere: Stopped | None, tenant: Stopped | None) -> Answer:
    view = TenantSwitchView(
        stopped=everywhere is not None or tenant is not None,
        everywhere=StopView.of(everywhere),
        tenant=StopView.of(tenant),
    )
    return Answer(body=view)


_TAG: Final = "Sending"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="get_tenant_sending",
        method="GET",
        path=f"{TENANT}/sending",
        needs=Role.VIEWER,
        handler=get_tenant_sending,
        summary="Read whether a tenant's sending is stopped",
        answer=TenantSwitchView,
        tag=_TAG,
    ),
    Route(
        name="set_tenant_sending",
        method="PUT",
        path=f"{TENANT}/sending",
        needs=Role.APPROVER,
        handler=set_tenant_sending,
        summary="Stop a tenant's sending, or let it go on, for which the role admin is needed",
        body=Switch,
        answer=TenantSwitchView,
        problems=(ProblemCode.NOT_CONFIRMED,),
        tag=_TAG,
    ),
    Route(
        name="get_sending",
        method="GET",
        path=f"{PREFIX}/sending",
        needs=Role.OPERATOR,
        handler=get_sending,
        summary="Read whether everybody's sending is stopped",
        answer=SwitchView,
        tag=_TAG,
    ),
    Route(
        name="set_sending",
        method="PUT",
        path=f"{PREFIX}/sending",
        needs=Role.OPERATOR,
        handler=set_sending,
        summary="Stop everybody's sending, or let it go on",
        body=Switch,
        answer=SwitchView,
        problems=(ProblemCode.NOT_CONFIRMED,),
        tag=_TAG,
    ),
)
