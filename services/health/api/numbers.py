"""Numbers of a tenant. The gate has an endpoint of its own, and no other one changes it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self
from urllib.parse import quote

from pydantic import Field

from common.store.control import NewNumber, NumberRecord, NumberType
from health.access.roles import Role
from health.api.paths import TENANT, AgentSlug, ListQuery, Name
from health.desk.numbering import MAX_OWNERS
from health.desk.wording import MAX_NAME
from health.web.problems import ProblemCode
from health.web.routes import Answer, Body, Call, ListView, Route, View

NUMBERS: Final = f"{TENANT}/numbers"
NUMBER: Final = f"{NUMBERS}/{{address}}"

Address = Annotated[str, Field(min_length=1, max_length=32, examples=["+18005550100"])]
Region = Annotated[str, Field(pattern="^[A-Za-z]{2}$", examples=["US"])]
Owners = Annotated[tuple[Name, ...], Field(max_length=MAX_OWNERS)]
ConnectionId = Annotated[str, Field(min_length=1, max_length=64, examples=["con-0123456789ab"])]


class NumberToAdd(Body):
    """A number to be connected; its gate is off."""

    address: Address
    name: Name | None = None
    type: NumberType
    owners: Owners = Field((), description="Users or teams who may use it.")
    region: Region | None = Field(
        None,
        description="In which recipients' national numbers are read; that of the number's country "
        "code unless given.",
    )
    agent_id: AgentSlug

    def number(self) -> NewNumber:
        """As the desk takes it."""
        return NewNumber(
            address=self.address,
            name=self.name or "",
            type=self.type,
            owners=self.owners,
            region=self.region or "",
            agent_id=self.agent_id,
        )


class NumberChanges(Body):
    """What to change of a number; what is left out, or null, stays, but for the name."""

    name: Annotated[str, Field(max_length=MAX_NAME)] | None = Field(
        None, description="An empty text or null takes it away."
    )
    type: NumberType | None = None
    owners: Owners | None = None
    region: Region | None = None

    def given(self) -> dict[str, Any]:
        """What was given; null counts for the name only."""
        given = {name: value for name, value in self if value is not None}
        return ({"name": ""} if "name" in self.model_fields_set else {}) | given


class Assignment(Body):
    """Whose the number shall be."""

    agent_id: AgentSlug


class Move(Body):
    """Onto which connection the number shall go."""

    connection_id: ConnectionId


class Gate(Body):
    """What the gate shall be."""

    on: bool
    confirm: bool = Field(
        False, description="With the gate on, the agent texts people without anybody's approval."
    )


class NumberQuery(ListQuery):
    """Which numbers are wanted."""

    connection_id: ConnectionId | None = None
    agent_id: AgentSlug | None = None


class NumberView(View):
    """A number."""

    address: str
    name: str
    type: NumberType
    connection_id: str
    provider: str
    agent_id: str
    owners: tuple[str, ...]
    region: str
    failover: tuple[str, ...] = Field(
        description="The connections that it falls back on, in order."
    )
    gate_on: bool
    gate_changed_at: datetime | None
    gate_changed_by: str | None
    connected: bool
    created_at: datetime
    version: int

    @classmethod
    def of(cls, number: NumberRecord) -> Self:
        """As the API shows it."""
        return cls(
            address=number.address,
            name=number.name,
            type=number.type,
            connection_id=number.connection_id,
            provider=number.provider,
            agent_id=number.agent_id,
            owners=number.owners,
            region=number.region,
            failover=number.failover,
            gate_on=number.gate_on,
            gate_changed_at=number.gate_changed_at,
            gate_changed_by=number.gate_changed_by,
            connected=number.connected,
            created_at=number.created_at,
            version=number.version,
        )


def _answer(number: NumberRecord, **more: Any) -> Answer:
    return Answer(body=NumberView.of(number), version=number.version, **more)


async def add_number(call: Call) -> Answer:
    """Connect a number."""
    wanted: NumberToAdd = call.body
    number = await call.desks.numbers.add(
        call.tenant_id, call.at("connection_id"), wanted.number(), by=call.principal
    )
    location = NUMBER.format(tenant_id=call.tenant_id, address=quote(number.address, safe=""))
    return _answer(number, status=201, location=location)


async def list_numbers(call: Call) -> Answer:
    """Connected numbers."""
    page = await call.desks.numbers.list(
        call.tenant_id,
        connection_id=call.query.connection_id,
        agent_id=call.query.agent_id,
        limit=call.query.limit,
        cursor=call.query.cursor,
    )
    items = tuple(map(NumberView.of, page.items))
    return Answer(body=ListView[NumberView](items=items, next=page.next))


async def get_number(call: Call) -> Answer:
    """One number, also one that was freed."""
    return _answer(await call.desks.numbers.get(call.tenant_id, call.at("address")))


async def update_number(call: Call) -> Answer:
    """Another name, type, region, other owners."""
    wanted: NumberChanges = call.body
    return _answer(
        await call.desks.numbers.update(
            call.tenant_id,
            call.at("address"),
            changes=wanted.given(),
            version=call.version,
            by=call.principal,
        )
    )


async def remove_number(call: Call) -> Answer:
    """Free a number."""
    await call.desks.numbers.remove(
        call.tenant_id, call.at("address"), version=call.version, by=call.principal
    )
    return Answer(status=204)


async def assign_number(call: Call) -> Answer:
    """Another agent."""
    wanted: Assignment = call.body
    return _answer(
        await call.desks.numbers.assign(
            call.tenant_id,
            call.at("address"),
            wanted.agent_id,
            version=call.version,
            by=call.principal,
        )
    )


async def move_number(call: Call) -> Answer:
    """Another connection, of whatever provider."""
    wanted: Move = call.body
    return _answer(
        await call.desks.numbers.move(
            call.tenant_id,
            call.at("address"),
            wanted.connection_id,
            version=call.version,
            by=call.principal,
        )
    )


async def set_gate(call: Call) -> Answer:
    """Autonomous sending on or off."""
    wanted: Gate = call.body
    return _answer(
        await call.desks.numbers.set_gate(
            call.tenant_id,
            call.at("address"),
            on=wanted.on,
            confirmed=wanted.confirm,
            by=call.principal,
        )
    )


_TAG: Final = "Numbers"
_AGENT_PROBLEMS: Final = (ProblemCode.UNKNOWN_AGENT, ProblemCode.INACTIVE_AGENT)
_OWNED_PROBLEMS: Final = (
    ProblemCode.DISCONNECTED,
    ProblemCode.INVALID_NUMBER,
    ProblemCode.INVALID_CREDENTIALS,
    ProblemCode.NUMBER_NOT_ON_RESOURCE,
    ProblemCode.PROVIDER_UNAVAILABLE,
)

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="add_number",
        method="POST",
        path=f"{TENANT}/connections/{{connection_id}}/numbers",
        needs=Role.ADMIN,
        handler=add_number,
        summary="Connect a number",
        body=NumberToAdd,
        answer=NumberView,
        status=201,
        problems=(*_OWNED_PROBLEMS, *_AGENT_PROBLEMS, ProblemCode.NUMBER_TAKEN),
        tag=_TAG,
    ),
    Route(
        name="list_numbers",
        method="GET",
        path=NUMBERS,
        needs=Role.VIEWER,
        handler=list_numbers,
        summary="List connected numbers",
        query=NumberQuery,
        answer=ListView[NumberView],
        problems=(ProblemCode.BAD_CURSOR,),
        tag=_TAG,
    ),
    Route(
        name="get_number",
        method="GET",
        path=NUMBER,
        needs=Role.VIEWER,
        handler=get_number,
        summary="Read a number",
        answer=NumberView,
        tag=_TAG,
    ),
    Route(
        name="update_number",
        method="PATCH",
        path=NUMBER,
        needs=Role.ADMIN,
        handler=update_number,
        summary="Change a number, but for its gate",
        body=NumberChanges,
        answer=NumberView,
        versioned=True,
        problems=(ProblemCode.INVALID_NUMBER,),
        tag=_TAG,
    ),
    Route(
        name="remove_number",
        method="DELETE",
        path=NUMBER,
        needs=Role.ADMIN,
        handler=remove_number,
        summary="Free a number; its conversations stay",
        status=204,
        versioned=True,
        tag=_TAG,
    ),
    Route(
        name="assign_number",
        method="PUT",
        path=f"{NUMBER}/agent",
        needs=Role.ADMIN,
        handler=assign_number,
        summary="Give a number to another agent; its history stays",
        body=Assignment,
        answer=NumberView,
        versioned=True,
        problems=_AGENT_PROBLEMS,
        tag=_TAG,
    ),
    Route(
        name="move_number",
        method="POST",
        path=f"{NUMBER}/move",
        needs=Role.ADMIN,
        handler=move_number,
        summary="Move a number to another connection; agent, gate and conversations stay",
        body=Move,
        answer=NumberView,
        versioned=True,
        problems=_OWNED_PROBLEMS,
        tag=_TAG,
    ),
    Route(
        name="set_gate",
        method="PUT",
        path=f"{NUMBER}/gate",
        needs=Role.ADMIN,
        handler=set_gate,
        summary="Turn a number's autonomous sending on or off, from the next command on",
        body=Gate,
        answer=NumberView,
        problems=(ProblemCode.NOT_CONFIRMED,),
        tag=_TAG,
    ),
)
