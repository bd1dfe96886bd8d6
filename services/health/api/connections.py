"""Connections of a tenant. Of its secrets, an answer holds the names only."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import Field

from common.store.control import ConnectionView
from common.store.records import ConnectionStatus
from health.access.roles import Role
from health.api.circuits import CircuitView
from health.api.numbers import NumberToAdd
from health.api.paths import TENANT, ListQuery, Name
from health.desk.callbacks import CallbackAddress
from health.desk.numbering import MAX_NUMBERS
from health.desk.wording import MAX_DESCRIPTION
from health.web.problems import Problem, ProblemCode
from health.web.routes import Answer, Body, Call, ListView, Route, View

CONNECTIONS: Final = f"{TENANT}/connections"
CONNECTION: Final = f"{CONNECTIONS}/{{connection_id}}"

Description = Annotated[str, Field(max_length=MAX_DESCRIPTION)]
ParameterName = Annotated[str, Field(min_length=1, max_length=64)]
Value = Annotated[str, Field(max_length=4_000)]
Parameters = Annotated[
    dict[ParameterName, Value],
    Field(
        max_length=20,
        description="As `GET /api/v1/providers` lists them.",
        examples=[{"connection_string": "endpoint=https://…;accesskey=…"}],
    ),
]
Partner = Annotated[str, Field(max_length=64, examples=["infobip"])]


class Credentials(Body):
    """What a connection logs in with."""

    parameters: Parameters
    partner: Partner | None = Field(None, description="A Messaging Connect partner.")


class ConnectionToMake(Credentials):
    """A connection with its numbers."""

    name: Name
    description: Description = ""
    provider: str = Field(max_length=64, examples=["acs"])
    accept_opt_out: bool = Field(
        False,
        description="Accepts, once for the tenant, that opt-out commands are handled properly.",
    )
    numbers: tuple[NumberToAdd, ...] = Field((), max_length=MAX_NUMBERS)


class ConnectionChanges(Body):
    """What to change of a connection; what is left out stays, and so does the name where it is
    null."""

    name: Name | None = None
    description: Description | None = Field(
        None, description="An empty text or null takes it away."
    )

    @property
    def new_description(self) -> str | None:
        """ "" where it is taken away, None where it stays."""
        given = "description" in self.model_fields_set
        return (self.description or "") if given else None


class Rotation(Body):
    """One of two secrets that stand for each other, anew."""

    parameter: ParameterName
    value: Value


class Confirmation(Body):
    """That it is meant."""

    confirm: bool = False


class ConnectionQuery(ListQuery):
    """Which connections are wanted."""

    status: ConnectionStatus | None = None


class CallbackOut(View):
    """An address of ours that the provider has to be told."""

    label: str
    url: str = Field(description="A part in capitals is still to be filled in.")
    help: str
    username: str | None = Field(description="For HTTP Basic, where the provider can.")
    password: str | None
    topics: tuple[str, ...] = Field(description="The kinds of events to choose, where it asks.")

    @classmethod
    def of(cls, address: CallbackAddress) -> Self:
        """As the API shows it."""
        return cls(
            label=address.label,
            url=address.url,
            help=address.help,
            username=address.login.username if address.login else None,
            password=address.login.password if address.login else None,
            topics=address.topics,
        )


class ConnectionOut(View):
    """A connection."""

    id: str
    name: str
    description: str
    provider: str
    partner: str | None
    public: dict[str, str] = Field(description="Parameters that are no secrets.")
    secrets: tuple[str, ...] = Field(description="Names of the secrets that it has.")
    status: ConnectionStatus
    error: str | None
    circuit: CircuitView
    checked_at: datetime | None
    created_at: datetime
    created_by: str
    disconnected_at: datetime | None
    numbers: int = Field(description="How many numbers are connected through it.")
    version: int

    @classmethod
    def of(cls, view: ConnectionView) -> Self:
        """As the API shows it."""
        return cls(
            id=view.id,
            name=view.name,
            description=view.description,
            provider=view.provider,
            partner=view.partner,
            public=dict(view.public),
            secrets=view.secrets,
            status=view.status,
            error=view.error,
            circuit=CircuitView.of(view.circuit),
            checked_at=view.checked_at,
            created_at=view.created_at,
            created_by=view.created_by,
            disconnected_at=view.disconnected_at,
            numbers=view.numbers,
            version=view.version,
        )


def _answer(view: ConnectionView, **more: Any) -> Answer:
    return Answer(body=ConnectionOut.of(view), version=view.version, **more)


async def connect(call: Call) -> Answer:
    """A new connection."""
    wanted: ConnectionToMake = call.body
    view = await call.desks.connections.connect(
        call.tenant_id,
        name=wanted.name,
        description=wanted.description,
        provider=wanted.provider,
        parameters=wanted.parameters,
        partner=wanted.partner,
        accept_opt_out=wanted.accept_opt_out,
        numbers=tuple(number.number() for number in wanted.numbers),
        by=call.principal,
    )
    location = CONNECTION.format(tenant_id=call.tenant_id, connection_id=view.id)
    return _answer(view, status=201, location=location)


async def list_connections(call: Call) -> Answer:
    """Connections, the disconnected ones too."""
    page = await call.desks.connections.list(
        call.tenant_id,
        status=call.query.status,
        limit=call.query.limit,
        cursor=call.query.cursor,
    )
    items = tuple(map(ConnectionOut.of, page.items))
    return Answer(body=ListView[ConnectionOut](items=items, next=page.next))


async def get_connection(call: Call) -> Answer:
    """One connection."""
    return _answer(await call.desks.connections.get(call.tenant_id, call.at("connection_id")))


async def list_callbacks(call: Call) -> Answer:
    """Our addresses, whole: whoever knows one may deliver texts, as far as the provider proves no
    more."""
    found = await call.desks.callbacks.of(call.tenant_id, call.at("connection_id"))
    return Answer(body=ListView[CallbackOut](items=tuple(map(CallbackOut.of, found))))


async def update_connection(call: Call) -> Answer:
    """Another name or description."""
    wanted: ConnectionChanges = call.body
    return _answer(
        await call.desks.connections.update(
            call.tenant_id,
            call.at("connection_id"),
            name=wanted.name,
            description=wanted.new_description,
            version=call.version,
            by=call.principal,
        )
    )


async def set_credentials(call: Call) -> Answer:
    """Other credentials."""
    wanted: Credentials = call.body
    return _answer(
        await call.desks.connections.set_credentials(
            call.tenant_id,
            call.at("connection_id"),
            parameters=wanted.parameters,
            partner=wanted.partner,
            version=call.version,
            by=call.principal,
        )
    )


async def rotate(call: Call) -> Answer:
    """One secret of a pair anew."""
    wanted: Rotation = call.body
    return _answer(
        await call.desks.connections.rotate(
            call.tenant_id,
            call.at("connection_id"),
            parameter=wanted.parameter,
            value=wanted.value,
            version=call.version,
            by=call.principal,
        )
    )


async def check(call: Call) -> Answer:
    """Ask the provider now."""
    return _answer(
        await call.desks.connections.check(
            call.tenant_id, call.at("connection_id"), by=call.principal
        )
    )


async def disconnect(call: Call) -> Answer:
    """The end of a connection, until it is connected again."""
    wanted: Confirmation = call.body
    if not wanted.confirm:
        raise Problem(
            ProblemCode.NOT_CONFIRMED,
            "Disconnecting overwrites the credentials and frees the numbers.",
            fields={"confirm": "must be true"},
        )
    return _answer(
        await call.desks.connections.disconnect(
            call.tenant_id, call.at("connection_id"), version=call.version, by=call.principal
        )
    )


async def reconnect(call: Call) -> Answer:
    """A disconnected connection, live again."""
    wanted: Credentials = call.body
    return _answer(
        await call.desks.connections.reconnect(
            call.tenant_id,
            call.at("connection_id"),
            parameters=wanted.parameters,
            partner=wanted.partner,
            version=call.version,
            by=call.principal,
        )
    )


_TAG: Final = "Connections"
_LIVE_PROBLEMS: Final = (
    ProblemCode.INVALID_CREDENTIALS,
    ProblemCode.CREDENTIALS_REJECTED,
    ProblemCode.NUMBER_NOT_ON_RESOURCE,
    ProblemCode.PROVIDER_UNAVAILABLE,
)

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="connect",
        method="POST",
        path=CONNECTIONS,
        needs=Role.ADMIN,
        handler=connect,
        summary="Connect a provider, with numbers, after a call that sends nothing",
        body=ConnectionToMake,
        answer=ConnectionOut,
        status=201,
        problems=(
            *_LIVE_PROBLEMS,
            ProblemCode.FEATURE_MISSING,
            ProblemCode.OPT_OUT_NOT_ACCEPTED,
            ProblemCode.INVALID_NUMBER,
            ProblemCode.NUMBER_TAKEN,
            ProblemCode.UNKNOWN_AGENT,
            ProblemCode.INACTIVE_AGENT,
        ),
        tag=_TAG,
    ),
    Route(
        name="list_connections",
        method="GET",
        path=CONNECTIONS,
        needs=Role.VIEWER,
        handler=list_connections,
        summary="List connections",
        query=ConnectionQuery,
        answer=ListView[ConnectionOut],
        problems=(ProblemCode.BAD_CURSOR,),
        tag=_TAG,
    ),
    Route(
        name="get_connection",
        method="GET",
        path=CONNECTION,
        needs=Role.VIEWER,
        handler=get_connection,
        summary="Read a connection",
        answer=ConnectionOut,
        tag=_TAG,
    ),
    Route(
        name="list_callbacks",
        method="GET",
        path=f"{CONNECTION}/callbacks",
        needs=Role.ADMIN,
        handler=list_callbacks,
        summary="What to tell the provider, so that its texts and reports arrive",
        answer=ListView[CallbackOut],
        tag=_TAG,
    ),
    Route(
        name="update_connection",
        method="PATCH",
        path=CONNECTION,
        needs=Role.ADMIN,
        handler=update_connection,
        summary="Rename or describe a connection",
        body=ConnectionChanges,
        answer=ConnectionOut,
        versioned=True,
        problems=(ProblemCode.DISCONNECTED,),
        tag=_TAG,
    ),
    Route(
        name="set_credentials",
        method="PUT",
        path=f"{CONNECTION}/credentials",
        needs=Role.ADMIN,
        handler=set_credentials,
        summary="Replace the credentials by others that work",
        body=Credentials,
        answer=ConnectionOut,
        versioned=True,
        problems=(*_LIVE_PROBLEMS, ProblemCode.DISCONNECTED),
        tag=_TAG,
    ),
    Route(
        name="rotate_credentials",
        method="POST",
        path=f"{CONNECTION}/rotate",
        needs=Role.ADMIN,
        handler=rotate,
        summary="Replace one secret of a pair while the other works",
        body=Rotation,
        answer=ConnectionOut,
        versioned=True,
        problems=(*_LIVE_PROBLEMS, ProblemCode.DISCONNECTED),
        tag=_TAG,
    ),
    Route(
        name="check_connection",
        method="POST",
        path=f"{CONNECTION}/check",
        needs=Role.ADMIN,
        handler=check,
        summary="Ask the provider now whether the credentials work",
        answer=ConnectionOut,
        problems=(ProblemCode.DISCONNECTED,),
        tag=_TAG,
    ),
    Route(
        name="disconnect",
        method="POST",
        path=f"{CONNECTION}/disconnect",
        needs=Role.ADMIN,
        handler=disconnect,
        summary="Overwrite the credentials and free the numbers",
        body=Confirmation,
        answer=ConnectionOut,
        versioned=True,
        problems=(ProblemCode.NOT_CONFIRMED,),
        tag=_TAG,
    ),
    Route(
        name="reconnect",
        method="POST",
        path=f"{CONNECTION}/reconnect",
        needs=Role.ADMIN,
        handler=reconnect,
        summary="Make a disconnected connection live again, without numbers",
        body=Credentials,
        answer=ConnectionOut,
        versioned=True,
        problems=(
            *_LIVE_PROBLEMS,
            ProblemCode.FEATURE_MISSING,
            ProblemCode.NOT_DISCONNECTED,
        ),
        tag=_TAG,
    ),
)
