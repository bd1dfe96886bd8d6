"""What each provider wants to know, as data: parameters, number types, callbacks.

Console, API and the desk that connects read these tables, so that a provider is described once. Its
adapter is elsewhere (`registry`): a provider without one is described and cannot be connected yet.
Source: each provider's own documentation of its SMS API; where it is, `portal` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from common.store.control import NumberType

CONNECTION_STRING: Final = "connection_string"
SECONDARY_CONNECTION_STRING: Final = "secondary_connection_string"
PARTNER_KEY: Final = "partner_key"
BASE_URL: Final = "base_url"

_LONG: Final = 1_000
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

_ACS: Final = ProviderSpec(
    name="acs",
    title="Azure Communication Services",
    feature="custom.acs_sms",
    portal="https://portal.azure.com",
    parameters=(
        Parameter(
            name=CONNECTION_STRING,
            label="Connection string",
            secret=True,
            max_length=_LONG,
            help="Azure portal: your Communication Services resource, Settings, Keys, the copy "
            "button beside the primary key's connection string. It begins with endpoint=https:// "
            "and holds ;accesskey=.",
        ),
        Parameter(
            name=SECONDARY_CONNECTION_STRING,
            label="Secondary connection string",
            secret=True,
            required=False,
            max_length=_LONG,
            help="The same page, the secondary key. With both, keys can be regenerated one after "
            "the other without a pause.",
        ),
    ),
    number_types=tuple(NumberType),
    rotating=(CONNECTION_STRING, SECONDARY_CONNECTION_STRING),
    partners=True,
    callbacks=(
        Callback(
            label="Event Grid endpoint",
            path_template="/api/webhooks/acs/sms",
            help="Azure portal: your Communication Services resource, Events, Event Subscription, "
            "endpoint type Web Hook. Choose SMS Received and SMS Delivery Report Received, and add "
            "the webhook's secret to the address.",
        ),
    ),
)

_INFOBIP: Final = ProviderSpec(
    name="infobip",
    title="Infobip",
    feature="custom.infobip_sms",
    portal="https://portal.infobip.com",
    parameters=(
        Parameter(
            name=BASE_URL,
            label="API base URL",
            kind="url",
            help="Infobip portal: the home page shows the address that belongs to your account "
            "alone. It ends in .api.infobip.com.",
        ),
        Parameter(
            name="api_key",
            label="API key",
            secret=True,
            help="Infobip portal: Developer tools, API keys. The key needs a scope that allows "
            "sending SMS, such as sms:manage, and must not be limited to other IP addresses.",
        ),
    ),
    number_types=(
        NumberType.TOLL_FREE,
        NumberType.SHORT_CODE,
        NumberType.LOCAL,
        NumberType.ALPHANUMERIC,
    ),
    callbacks=(
        Callback(
            label="Inbound messages",
            path_template="/api/webhooks/infobip/{connection_id}/{token}",
            help="Infobip portal: Channels and numbers, your number, the SMS keyword's forwarding. "
            "Choose HTTP and the format MO_JSON_2. Delivery reports name their address with each "
            "text and need no set-up.",
        ),
    ),
)

_LINK: Final = ProviderSpec(
    name="link",
    title="LINK Mobility",
    feature="custom.link_sms",
    portal="https://www.linkmobility.com",
    parameters=(
        Parameter(
            name="platform_id",
            label="Platform ID",
            help="In the welcome letter of LINK's support: which of their platforms serves you.",
        ),
        Parameter(
            name="platform_partner_id",
            label="Platform partner ID",
            help="In the same letter: your account on that platform.",
        ),
        Parameter(
            name="gate_id",
            label="Gate ID",
            help="In the same letter, or asked of LINK's support: the gate that passes inbound "
            "texts and delivery reports on to you.",
        ),
        Parameter(
            name="username",
            label="Username",
            help="In the same letter: the user of the SMS REST API, not of the portal.",
        ),
        Parameter(
            name="password",
            label="Password",
            secret=True,
            help="Belongs to that username; LINK hands it out once, usually by a separate way.",
        ),
        Parameter(
            name=BASE_URL,
            label="Base URL",
            kind="url",
            help="The address that LINK has assigned to you, such as "
            "https://n-eu.linkmobility.io. An ending /sms or /sms/send may stay, it is taken off.",
        ),
    ),
    number_types=(NumberType.SHORT_CODE, NumberType.LOCAL, NumberType.ALPHANUMERIC),
    callbacks=(
        Callback(
            label="Gate destination",
            path_template="/api/webhooks/link/{connection_id}/{token}",
            help="Ask LINK's support to let the gate deliver inbound texts and delivery reports as "
            "JSON to this address.",
        ),
    ),
)

_TELESIGN: Final = ProviderSpec(
    name="telesign",
    title="Telesign",
    feature="custom.telesign_sms",
    portal="https://teleportal.telesign.com",
    parameters=(
        Parameter(
            name="customer_id",
            label="Customer ID",
            help="Telesign portal: the account's page shows it, 8-4-4-4-12 hexadecimal digits.",
        ),
        Parameter(
            name="api_key",
            label="API key",
            secret=True,
            help="Telesign portal: beside the customer ID, hidden until you show it. Copy it "
            "whole, with the = signs at its end.",
        ),
        Parameter(
            name=BASE_URL,
            label="API host",
            kind="url",
            required=False,
            help="https://rest-ww.telesign.com for full-service accounts, "
            "https://rest-api.telesign.com for self-service ones; your contract tells which you "
            "have. Left empty, it is the former.",
        ),
    ),
    number_types=(
        NumberType.TOLL_FREE,
        NumberType.SHORT_CODE,
        NumberType.LOCAL,
        NumberType.ALPHANUMERIC,
    ),
    callbacks=(
        Callback(
            label="Callback URL",
            path_template="/api/webhooks/telesign/{connection_id}/{token}",
            help="Tell Telesign's support, or enter it in the portal as the account's callback "
            "URL: inbound texts and delivery reports come to the same address.",
        ),
    ),
)

_TWILIO: Final = ProviderSpec(
    name="twilio",
    title="Twilio",
    feature="custom.twilio_sms",
    portal="https://console.twilio.com",
    parameters=(
        Parameter(
            name="account_sid",
            label="Account SID",
            help="Twilio Console: the start page, Account Info. AC and 32 hexadecimal digits.",
        ),
        Parameter(
            name="auth_token",
            label="Auth token",
            secret=True,
            help="Twilio Console: beside the account SID, hidden until you show it. An API key "
            "does not do: Twilio signs what it delivers with this token.",
        ),
    ),
    number_types=(
        NumberType.TOLL_FREE,
        NumberType.SHORT_CODE,
        NumberType.LOCAL,
        NumberType.ALPHANUMERIC,
    ),
    callbacks=(
        Callback(
            label="A message comes in",
            path_template="/api/webhooks/twilio/{connection_id}/{token}",
            help="Twilio Console: Phone Numbers, your number, Messaging Configuration, method HTTP "
            "POST. Delivery reports name their address with each text and need no set-up.",
        ),
    ),
)

_VIBES: Final = ProviderSpec(
    name="vibes",
    title="Vibes",
    feature="custom.vibes_sms",
    portal="https://www.vibes.com",
    parameters=(
        Parameter(
            name="username",
            label="Username",
            help="From your Vibes account team: the user of the Message API (aggregation), not of "
            "the marketing platform.",
        ),
        Parameter(
            name="password",
            label="Password",
            secret=True,
            help="Belongs to that username; ask the same team for a new one if it is lost.",
        ),
    ),
    number_types=(NumberType.TOLL_FREE, NumberType.SHORT_CODE, NumberType.LOCAL),
    callbacks=(
        Callback(
            label="Mobile-originated messages",
            path_template="/api/webhooks/vibes/{connection_id}/{token}",
            help="Ask your Vibes account team to deliver inbound messages, in version 3 of the "
            "format, to this address. Delivery reports name theirs with each text.",
        ),
    ),
)

PARTNER_TYPES: Final = frozenset({NumberType.PARTNER})
"""Numbers that a Messaging Connect partner leases, so that a connection without one has none."""

SPECS: Final[Mapping[str, ProviderSpec]] = {
    spec.name: spec for spec in (_ACS, _INFOBIP, _LINK, _TELESIGN, _TWILIO, _VIBES)
}
