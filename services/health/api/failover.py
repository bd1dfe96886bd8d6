"""The connections that a number falls back on where its own one cannot carry its texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Self

from pydantic import Field

from common.failover import MOST_ALTERNATIVES
from common.store.control import NumberRecord
from common.store.records import ConnectionRecord, ConnectionStatus
from health.access.roles import Role
from health.api.circuits import CircuitView
from health.api.numbers import NUMBER, ConnectionId
from health.web.problems import ProblemCode
from health.web.routes import Answer, Body, Call, Route, View

FAILOVER: Final = f"{NUMBER}/failover"


class FailoverToSet(Body):
    """What to fall back on."""

    connection_ids: Annotated[
        tuple[ConnectionId, ...],
        Field(
            max_length=MOST_ALTERNATIVES,
            description="In order, without the number's own; none to fall back on nothing.",
        ),
    ]


class WayView(View):
    """A connection that the number's texts may go through."""

    connection_id: str
    name: str
    provider: str
    status: ConnectionStatus
    error: str | None
    circuit: CircuitView

    @classmethod
    def of(cls, record: ConnectionRecord, number: str) -> Self:
        """As the API shows it, for one number."""
        return cls(
            connection_id=record.id,
            name=record.name,
            provider=record.provider,
            status=record.status,
            error=record.error,
            circuit=CircuitView.of(record.circuit, number),
        )


class FailoverView(View):
    """A number's connections, as they are now."""

    address: str
    version: int = Field(description="The number's.")
    own: WayView | None = Field(description="The number's own connection.")
    failover: tuple[WayView, ...] = Field(
        description="Those to fall back on, in order. A disconnected one is passed over."
    )

    @classmethod
    def of(cls, number: NumberRecord, ways: Sequence[ConnectionRecord]) -> Self:
        """As the API shows them."""
        views = [WayView.of(record, number.address) for record in ways]
        return cls(
            address=number.address,
            version=number.version,
            own=next((it for it in views if it.connection_id == number.connection_id), None),
            failover=tuple(it for it in views if it.connection_id != number.connection_id),
        )


async def get_failover(call: Call) -> Answer:
    """What the number falls back on."""
    return await _answer(call, await call.desks.numbers.get(call.tenant_id, call.at("address")))


async def set_failover(call: Call) -> Answer:
    """Other connections, from the next text on."""
    wanted: FailoverToSet = call.body
    number = await call.desks.numbers.set_failover(
        call.tenant_id,
        call.at("address"),
        wanted.connection_ids,
        version=call.version,
        by=call.principal,
    )
    return await _answer(call, number)


async def _answer(call: Call, number: NumberRecord) -> Answer:
    ways = await call.desks.numbers.ways(number)
    return Answer(body=FailoverView.of(number, ways), version=number.version)


_TAG: Final = "Numbers"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="get_failover",
        method="GET",
        path=FAILOVER,
        needs=Role.VIEWER,
        handler=get_failover,
        summary="Read what a number falls back on, with the state of each connection",
        answer=FailoverView,
        tag=_TAG,
    ),
    Route(
        name="set_failover",
        method="PUT",
        path=FAILOVER,
        needs=Role.ADMIN,
        handler=set_failover,
        summary="Choose the connections that a number falls back on, in order",
        body=FailoverToSet,
        answer=FailoverView,
        versioned=True,
        problems=(
            ProblemCode.DISCONNECTED,
            ProblemCode.INVALID_NUMBER,
            ProblemCode.INVALID_CREDENTIALS,
            ProblemCode.NUMBER_NOT_ON_RESOURCE,
            ProblemCode.PROVIDER_UNAVAILABLE,
        ),
        tag=_TAG,
    ),
)
