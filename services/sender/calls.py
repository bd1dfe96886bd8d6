"""Provider calls to be made, and what can become of one: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from common.circuit import Circuit
from common.ids import derive_uuid
from common.providers.port import Refused, SendResult, Text
from common.providers.spec import PARTNER_TYPES
from common.store.records import Detour, Outbound, Route


@dataclass(frozen=True, slots=True)
class Ready:
    """A claimed text that the policy lets go, through the connection that `route` names. `counted`
    where an earlier call may have gone out, so that the day's use has it already. `again` where
    another connection was called in the same attempt, `repeats` where any provider was called for
    it before."""

    claimed: Outbound
    route: Route
    counted: bool
    detour: Detour | None = None
    again: bool = False
    repeats: bool = False

    @property
    def body(self) -> str:
        """What this call carries: the text, or the next of its parts."""
        parts = self.claimed.text.parts
        return parts[self.claimed.part] if parts else self.claimed.text.body


@dataclass(frozen=True, slots=True)
class Called:
    """A call was made for the text, with this result."""

    result: SendResult


@dataclass(frozen=True, slots=True)
class NoCall:
    """No call was made, and none will help."""

    result: Refused


@dataclass(frozen=True, slots=True)
class Limited:
    """The number's limits make it wait."""

    seconds: float
    slot: datetime | None


@dataclass(frozen=True, slots=True)
class Unasked:
    """The connection was not asked: it rests, or another text tried whether it works again."""

    circuit: Circuit
    """As it is now, which may be newer than what the route says."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Another replica has taken the text over; nothing may be sent here."""


@dataclass(frozen=True, slots=True)
class Broken:
    """The call, or what belongs to it, ended with an error that says nothing of the text."""

    error: Exception


Answer = Called | NoCall | Limited | Unasked | Lost | Broken


class Kind(NamedTuple):
    """What texts of one call have in common."""

    tenant_id: str
    address: str
    connection_id: str
    credentials_version: str
    body: str
    slot: datetime | None
    counted: bool


def kind_of(ready: Ready) -> Kind:
    route = ready.route
    return Kind(
        tenant_id=route.tenant_id,
        address=route.address,
        connection_id=route.connection_id,
        credentials_version=route.credentials_version,
        body=ready.body,
        slot=ready.claimed.slot,
        counted=ready.counted,
    )


def text_of(ready: Ready) -> Text:
    claimed, route = ready.claimed, ready.route
    # With other words it is another text, also to a provider that remembers a call for the first.
    words = ("edited",) if claimed.edited else ()
    part = (str(claimed.part),) if claimed.text.parts else ()
    return Text(
        sender=route.address,
        recipient=claimed.text.remote,
        body=ready.body,
        reference=claimed.id,
        request_id=derive_uuid("repeatability", claimed.id, *words, *part),
        first_sent=claimed.first_sent,
        partner_number=route.type in PARTNER_TYPES,
    )
