"""The addresses of ours that a provider has to be told, as an administrator copies them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from common.providers.specs import ProviderSpec

PUBLIC_WEBHOOK_URL: Final = web.AppKey("console_public_webhook_url", str)
"""`HELIOGRAPH_HEALTH_PUBLIC_WEBHOOK_URL`; "" where it is not set."""

NO_HOST: Final = "https://YOUR-WEBHOOK-HOST"
_NO_CONNECTION: Final = "CONNECTION-ID"
_NO_TOKEN: Final = "TOKEN"  # noqa: S105 - stands where a token will

_SECRETS: Final[Mapping[str, str]] = {"acs": "?code=YOUR-WEBHOOK-SECRET"}
"""Event Grid proves itself by a secret that it was given in the address. Source: Microsoft docs,
"Authenticate event delivery to event handlers (Azure Event Grid)", using client secret as a query
parameter."""

EVENT_TYPES: Final[Mapping[str, tuple[str, ...]]] = {
    "acs": (
        "Microsoft.Communication.SMSReceived",
        "Microsoft.Communication.SMSDeliveryReportReceived",
    ),
}
"""What to subscribe to. Source: Microsoft docs, "Azure Communication Services as an Event Grid
source"."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address to copy. `gaps` are the parts that the reader has to fill in."""

    label: str
    url: str
    help: str
    gaps: tuple[str, ...]


def addresses(
    spec: ProviderSpec, public_url: str, *, connection_id: str | None
) -> tuple[Address, ...]:
    """The addresses of a connection, or with None those of one that is still to be made."""
    found = []
    for callback in spec.callbacks:
        path = callback.path_template.replace("{connection_id}", connection_id or _NO_CONNECTION)
        path = path.replace("{token}", _NO_TOKEN)
        url = f"{public_url or NO_HOST}{path}{_SECRETS.get(spec.name, '')}"
        gaps = ("YOUR-WEBHOOK-HOST", "YOUR-WEBHOOK-SECRET", _NO_CONNECTION, _NO_TOKEN)
        found.append(
            Address(callback.label, url, callback.help, tuple(gap for gap in gaps if gap in url))
        )
    return tuple(found)
