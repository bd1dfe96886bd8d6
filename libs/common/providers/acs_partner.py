"""Messaging Connect: the partner of a connection, how a send names it, and how ACS refuses one.

Pure. Sources: Microsoft docs, "Messaging Connect" (what is required, the table of validation
outcomes); Azure REST API specs, Communication SMS, `MessagingConnectOptions` of each version (the
page prints other names than the wire has).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from common.providers.acs_answers import Problem
from common.providers.acs_versions import PartnerShape
from common.providers.port import Refused
from heliograph.codes import OutcomeCode

_NAME: Final = "partner"
_KEY: Final = "partner_key"


@dataclass(frozen=True, slots=True)
class Partner:
    """The partner that leases numbers to a connection, and the account's key with it."""

    name: str
    key: str = field(repr=False)


def read_partner(credentials: Mapping[str, str]) -> Partner | None:
    """The partner of a connection, or None where the name or the key is missing."""
    name, key = credentials.get(_NAME), credentials.get(_KEY)
    return Partner(name, key) if name and key else None


def options(partner: Partner, shape: PartnerShape) -> dict[str, object]:
    """`smsSendOptions.messagingConnect`, as a version wants it."""
    return _SHAPES[shape](partner)


_SHAPES: Final[Mapping[PartnerShape, Callable[[Partner], dict[str, object]]]] = {
    PartnerShape.API_KEY: lambda partner: {"apiKey": partner.key, "partner": partner.name},
    PartnerShape.PARTNER_PARAMS: lambda partner: {
        "partner": partner.name,
        "partnerParams": {"apiKey": partner.key},
    },
}

NO_PARTNER: Final = Refused(
    OutcomeCode.PARTNER_MISSING,
    "the connection names no Messaging Connect partner, or has no key of it",
    account=True,
)


def _names_field(said: Problem) -> bool:
    return any("messagingconnect" in name.lower() for name in said.fields)


def _contains(pattern: str) -> Callable[[Problem], bool]:
    # The page prints typographic quotation marks.
    found = re.compile(pattern.replace("'", "['\u2019]?"), re.IGNORECASE)
    return lambda said: found.search(said.detail) is not None


REFUSALS: Final[tuple[tuple[int, Callable[[Problem], bool], OutcomeCode], ...]] = (
    (400, _contains("option isn't provided"), OutcomeCode.PARTNER_MISSING),
    (400, _contains("isn't matching with the number information"), OutcomeCode.PARTNER_MISMATCH),
    (400, _names_field, OutcomeCode.PARTNER_INCOMPLETE),
    (401, lambda said: said.code.lower() == "unauthorized", OutcomeCode.PARTNER_NOT_LINKED),
)
"""The documented validation outcomes: status, what else must hold, the code; the first that fits.

"Missing messagingConnect fields" comes "with validation details", so as problem details that name
the fields; a refusal of other fields is none of a partner's.
"""


def partner_refusal(said: Problem) -> Refused | None:
    """What an answer to a send from a partner's number says of the partner, if anything."""
    for status, fits, code in REFUSALS:
        if said.status == status and fits(said):
            return Refused(code, said.detail, account=True)
    return None
