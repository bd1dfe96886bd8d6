"""Tenants: made and changed by operators, read by everybody who belongs to them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, Self

from pydantic import Field

from common.sending_rules import OptOutScope
from common.store.control import TenantRecord
from health.access.roles import Role
from health.api.paths import PREFIX, TENANT, ListQuery, Name, TenantSlug
from health.desk.tenants import FEATURES
from health.web.problems import ProblemCode
from health.web.routes import Answer, Body, Call, ListView, Route, View

Features = Annotated[
    tuple[str, ...],
    Field(
        max_length=20,
        json_schema_extra={"items": {"type": "string", "enum": list(FEATURES)}},
        description="What the tenant may connect.",
    ),
]


class NewTenant(Body):
    """A tenant to be made."""

    id: TenantSlug
    name: Name
    features: Features = ()


class TenantChanges(Body):
    """What to change of a tenant; what is left out stays."""

    name: Name | None = None
    features: Features | None = None
    opt_out_scope: OptOutScope | None = Field(
        None,
        description="Of which numbers an opt-out is: `number`, of the one that it was sent to; "
        "`tenant`, of all. It counts from the next text on, for opt-outs of any age.",
    )


class OptOutAcceptance(Body):
    """Somebody accepts, for the tenant, that opt-out commands are handled properly."""

    accepted: Literal[True]


class TenantView(View):
    """A tenant."""

    id: str
    name: str
    features: tuple[str, ...]
    opt_out_accepted_at: datetime | None
    opt_out_accepted_by: str | None
    opt_out_scope: OptOutScope
    sending_stopped: bool = Field(description="Whether the tenant's own kill switch is on.")
    created_at: datetime
    version: int

    @classmethod
    def of(cls, tenant: TenantRecord) -> Self:
        """As the API shows it."""
        return cls(
            id=tenant.id,
            name=tenant.name,
            features=tenant.features,
            opt_out_accepted_at=tenant.opt_out_accepted_at,
            opt_out_accepted_by=tenant.opt_out_accepted_by,
            opt_out_scope=tenant.opt_out_scope,
            sending_stopped=tenant.stopped is not None,
            created_at=tenant.created_at,
            version=tenant.version,
        )


async def list_tenants(call: Call) -> Answer:
    """Every tenant."""
    page = await call.desks.tenants.list(limit=call.query.limit, cursor=call.query.cursor)
    items = tuple(TenantView.of(tenant) for tenant in page.items)
    return Answer(body=ListView[TenantView](items=items, next=page.next))


async def create_tenant(call: Call) -> Answer:
    """A new tenant, with a data key of its own."""
    wanted: NewTenant = call.body
    tenant = await call.desks.tenants.create(
        wanted.id, name=wanted.name, features=wanted.features, by=call.principal
    )
    location = TENANT.format(tenant_id=tenant.id)
    return Answer(body=TenantView.of(tenant), status=201, version=tenant.version, location=location)


async def get_tenant(call: Call) -> Answer:
    """One tenant."""
    tenant = await call.desks.tenants.get(call.tenant_id)
    return Answer(body=TenantView.of(tenant), version=tenant.version)


async def update_tenant(call: Call) -> Answer:
    """Another name, other features, another scope of opt-outs."""
    wanted: TenantChanges = call.body
    tenant = await call.desks.tenants.update(
        call.tenant_id,
        name=wanted.name,
        features=wanted.features,
        opt_out_scope=wanted.opt_out_scope,
        version=call.version,
        by=call.principal,
    )
    return Answer(body=TenantView.of(tenant), version=tenant.version)


async def accept_opt_out(call: Call) -> Answer:
    """The acceptance that comes before the first connection."""
    tenant = await call.desks.tenants.accept_opt_out(call.tenant_id, by=call.principal)
    return Answer(body=TenantView.of(tenant), version=tenant.version)


_TAG: Final = "Tenants"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_tenants",
        method="GET",
        path=f"{PREFIX}/tenants",
        needs=Role.OPERATOR,
        handler=list_tenants,
        summary="List tenants",
        query=ListQuery,
        answer=ListView[TenantView],
        problems=(ProblemCode.BAD_CURSOR,),
        tag=_TAG,
    ),
    Route(
        name="create_tenant",
        method="POST",
        path=f"{PREFIX}/tenants",
        needs=Role.OPERATOR,
        handler=create_tenant,
        summary="Make a tenant",
        body=NewTenant,
        answer=TenantView,
        status=201,
        problems=(ProblemCode.TAKEN,),
        tag=_TAG,
    ),
    Route(
        name="get_tenant",
        method="GET",
        path=TENANT,
        needs=Role.VIEWER,
        handler=get_tenant,
        summary="Read a tenant",
        answer=TenantView,
        tag=_TAG,
    ),
    Route(
        name="update_tenant",
        method="PATCH",
        path=TENANT,
        needs=Role.OPERATOR,
        handler=update_tenant,
        summary="Change a tenant",
        body=TenantChanges,
        answer=TenantView,
        versioned=True,
        tag=_TAG,
    ),
    Route(
        name="accept_opt_out",
        method="POST",
        path=f"{TENANT}/opt-out-acceptance",
        needs=Role.ADMIN,
        handler=accept_opt_out,
        summary="Accept that opt-out commands are handled properly",
        body=OptOutAcceptance,
        answer=TenantView,
        tag=_TAG,
    ),
)
