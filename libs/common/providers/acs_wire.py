"""A send as it goes over the wire of ACS: what is asked of the SDK, and what is changed after it.

The SDK knows one API version, makes fresh repeatability IDs at every call, and has no option for
Messaging Connect, so a pipeline policy changes URL and body before they are signed; these are its
changes, pure. Source: Azure REST API specs, Communication SMS, `SendMessageRequest`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from common.addresses import normalise_address
from common.providers import acs_partner
from common.providers.acs_partner import Partner
from common.providers.acs_versions import FEATURES, ApiVersion, partner_version
from common.providers.port import Text

MAX_RECIPIENTS: Final = 100
"""Of one call; with one more, the service refuses all of it."""

_VERSION: Final = "api-version"

Repeatability = Mapping[str, Mapping[str, str]]
"""By normalised recipient, the two fields that make a repeat recognisable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One `POST /sms`."""

    version: ApiVersion
    sender: str
    recipients: tuple[str, ...]
    body: str
    tag: str | None = None
    repeatability: Repeatability = field(default_factory=dict)
    partner: Partner | None = None

    @property
    def secret(self) -> str | None:
        """What nobody may quote of this call."""
        return self.partner.key if self.partner is not None else None


def call_of(texts: Sequence[Text], version: ApiVersion, partner: Partner | None) -> Call:
    """The call that sends these texts, which differ in their recipients only.

    Args:
        version: that of calls which name no partner.
        partner: given where the sender is a number of the partner.
    """
    first = texts[0]
    return Call(
        version=version if partner is None else partner_version(version),
        sender=first.sender,
        recipients=tuple(text.recipient for text in texts),
        body=first.body,
        tag=first.reference,
        repeatability={
            normalise_address(text.recipient): {
                "repeatabilityRequestId": str(text.request_id),
                "repeatabilityFirstSent": format_datetime(text.first_sent, usegmt=True),
            }
            for text in texts
        },
        partner=partner,
    )


def changed_body(body: str | bytes, call: Call) -> str:
    """The SDK's body with our repeatability values, each at its recipient, and with the partner.

    It is ASCII, so that its characters are its octets.
    """
    document = json.loads(body)
    for recipient in document["smsRecipients"]:
        recipient.update(call.repeatability.get(normalise_address(recipient["to"]), {}))
    shape = FEATURES[call.version].partner_shape
    if call.partner is not None and shape is not None:
        said = acs_partner.options(call.partner, shape)
        document.setdefault("smsSendOptions", {})["messagingConnect"] = said
    return json.dumps(document)


def changed_url(url: str, version: ApiVersion) -> str:
    """The SDK's URL with another `api-version`."""
    parts = urlsplit(url)
    query = urlencode(dict(parse_qsl(parts.query)) | {_VERSION: version.value})
    return urlunsplit(parts._replace(query=query))
