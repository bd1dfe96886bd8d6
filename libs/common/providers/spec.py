"""How a provider is described: its parameters, number types, addresses and callbacks, as data.

Console, API and the desk that connects read these descriptions. Each adapter holds its own
(`<provider>.SPEC`), and `specs` gathers them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from common.limits.tables import RATES, Rate
from common.providers.hosts import NO_HOSTS, Hosts, provider_url
from common.providers.opted_out_codes import NONE, OptedOut
from common.providers.port import UnusableCredentials
from common.sender_types import NumberType

PARTNER_KEY: Final = "partner_key"
BASE_URL: Final = "base_url"

_SHORT: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One value that a connection needs. `help` says where the provider's portal shows it."""

    name: str
    label: str
    help: str
    secret: bool = False
    required: bool = True
    kind: Literal["text", "url"] = "text"
    max_length: int = _SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """An address of ours that the provider is to be told. `path_template` may hold
    `{connection_id}` and `{token}`."""

    label: str
    path_template: str
    help: str
    topics: tuple[str, ...] = ()
    """What to choose of the provider's kinds of events, where it asks."""
    query: str = ""
    """What stands behind the address, where the provider proves itself by it."""


@dataclass(frozen=True, slots=True)
class Form:
    """A connection's parameters in normal form, and what else people may see of it."""

    values: dict[str, str] = field(repr=False)
    shown: Mapping[str, str] = field(default_factory=dict)


Read = Callable[["ProviderSpec", Mapping[str, str], bool], Form]
"""Brings parameters into normal form; the last argument says whether this machine may be named as
the provider's address. Raises UnusableCredentials, naming the field and never a value."""


def with_base_url(spec: ProviderSpec, values: Mapping[str, str], loopback: bool) -> Form:
    """Any provider's: one line each, and addresses in normal form, limited to the provider's."""
    read = dict(values)
    for name, value in values.items():
        refuse_control_characters(name, value)
        known = spec.parameter(name)
        if known is not None and known.kind == "url":
            read[name] = provider_url(spec.hosts, value, field=name, loopback=loopback)
    return Form(read)


def refuse_control_characters(name: str, value: str) -> None:
    """Raises UnusableCredentials: a value holds a line break or a control character."""
    if not value.isprintable():
        raise UnusableCredentials(f"{name} holds a line break or a control character.", field=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """A provider as an administrator meets it."""

    name: str
    title: str
    feature: str
    """What a tenant must have to connect it."""
    parameters: tuple[Parameter, ...]
    number_types: tuple[NumberType, ...]
    callbacks: tuple[Callback, ...]
    portal: str
    hosts: Hosts = NO_HOSTS
    """Where a tenant's base URL may point; none where the provider's address is fixed."""
    opted_out: OptedOut = NONE
    """Which answers and reports say that the recipient has opted out."""
    rates: Mapping[NumberType, Rate] = field(default_factory=lambda: RATES)
    """How much a number of each type may send where its rules say nothing else."""
    report_after: float | None = None
    """Seconds after which to ask for a report that has not come, where the provider does not tell
    of a text for as long as the service would wait."""
    read: Read = with_base_url
    basic: bool = False
    """Whether the portal is to be given a user name and a password for our address."""
    rotating: tuple[str, str] | None = None
    """Two secrets that stand for each other, so that one can be replaced while the other works."""
    partners: bool = False
    """Whether numbers of a partner can be used (Messaging Connect), with the partner's key."""

    def parameter(self, name: str) -> Parameter | None:
        """One parameter by its name."""
        return next((item for item in self.parameters if item.name == name), None)

    @property
    def secrets(self) -> frozenset[str]:
        """Names of the parameters that nobody gets to see again."""
        return frozenset(item.name for item in self.parameters if item.secret)


PARTNER_PARAMETER: Final = Parameter(
    name=PARTNER_KEY,
    label="Partner key",
    secret=True,
    help="The API key of your account with the Messaging Connect partner, made in the partner's "
    "own portal. It needs the right to send SMS (Infobip calls it sms:message:send).",
)
"""Wanted in addition where a Messaging Connect partner is named, and only there."""

PARTNER_TYPES: Final = frozenset({NumberType.PARTNER})
"""Numbers that a Messaging Connect partner leases, so that a connection without one has none."""
