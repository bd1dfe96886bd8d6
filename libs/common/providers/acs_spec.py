"""Azure Communication Services as an administrator meets it.

Sources: Microsoft docs, "Authenticate to Communication Services" (connection strings), "Azure
Communication Services as an Event Grid source" (events), "Authenticate event delivery to event
handlers (Azure Event Grid)" (the secret as a query parameter).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from common.providers.acs_answers import OPTED_OUT
from common.providers.acs_credentials import parse_connection_string
from common.providers.hosts import Hosts, provider_url
from common.providers.port import UnusableCredentials
from common.providers.spec import (
    PARTNER_KEY,
    Callback,
    Form,
    Parameter,
    ProviderSpec,
    refuse_control_characters,
)
from common.sender_types import NumberType

CONNECTION_STRING: Final = "connection_string"
SECONDARY_CONNECTION_STRING: Final = "secondary_connection_string"
ENDPOINT: Final = "endpoint"
"""The public value that says which resource a connection string belongs to."""

_LONGEST: Final = 1_000


def _read(spec: ProviderSpec, values: Mapping[str, str], loopback: bool) -> Form:
    """Both connection strings of one resource, at an address of the service."""
    endpoints = {}
    for name in (CONNECTION_STRING, SECONDARY_CONNECTION_STRING):
        if name in values:
            access = parse_connection_string(values[name], name)
            endpoints[name] = provider_url(
                spec.hosts, access.endpoint, field=name, loopback=loopback
            )
    if len(set(endpoints.values())) > 1:
        raise UnusableCredentials(
            f"{SECONDARY_CONNECTION_STRING} belongs to another resource than the primary.",
            field=SECONDARY_CONNECTION_STRING,
        )
    if PARTNER_KEY in values:
        refuse_control_characters(PARTNER_KEY, values[PARTNER_KEY])
    return Form(dict(values), {ENDPOINT: urlsplit(endpoints[CONNECTION_STRING]).netloc})


ACS: Final = ProviderSpec(
    name="acs",
    title="Azure Communication Services",
    feature="custom.acs_sms",
    portal="https://portal.azure.com",
    parameters=(
        Parameter(
            name=CONNECTION_STRING,
            label="Connection string",
            secret=True,
            max_length=_LONGEST,
            help="Azure portal: your Communication Services resource, Settings, Keys, the copy "
            "button beside the primary key's connection string. It begins with endpoint=https:// "
            "and holds ;accesskey=.",
        ),
        Parameter(
            name=SECONDARY_CONNECTION_STRING,
            label="Secondary connection string",
            secret=True,
            required=False,
            max_length=_LONGEST,
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
            topics=(
                "Microsoft.Communication.SMSReceived",
                "Microsoft.Communication.SMSDeliveryReportReceived",
            ),
            query="?code=YOUR-WEBHOOK-SECRET",
        ),
    ),
    # Public cloud and Azure Government.
    hosts=Hosts(suffixes=(".communication.azure.com", ".communication.azure.us")),
    opted_out=OPTED_OUT,
    read=_read,
)
