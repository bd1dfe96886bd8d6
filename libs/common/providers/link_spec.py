"""LINK Mobility as an administrator meets it.

Source: LINK Mobility, "SMS REST API", 0.1 "Before you begin" (what LINK's support hands out) and
0.5.1 "Base URL:s".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from common.limits.tables import Rate, Scope
from common.providers.hosts import Hosts
from common.providers.link_codes import OPTED_OUT_CODES
from common.providers.port import UnusableCredentials
from common.providers.spec import (
    BASE_URL,
    Callback,
    Form,
    Parameter,
    ProviderSpec,
    with_base_url,
)
from common.sender_types import NumberType

PLATFORM_ID: Final = "platform_id"
PARTNER_ID: Final = "platform_partner_id"
GATE_ID: Final = "gate_id"
USERNAME: Final = "username"
PASSWORD: Final = "password"  # noqa: S105 - the name of a parameter

_ONE_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.=+-]{0,63}")


def _read(spec: ProviderSpec, values: Mapping[str, str], loopback: bool) -> Form:
    """IDs are one word each; the user's name fits into HTTP Basic (RFC 7617: without a colon)."""
    form = with_base_url(spec, values, loopback)
    for name in (PLATFORM_ID, PARTNER_ID, GATE_ID):
        if name in values and not _ONE_WORD.fullmatch(values[name]):
            raise UnusableCredentials(
                f"{name} is one word of letters and digits: enter the ID alone, without its label, "
                "quotation marks or an address.",
                field=name,
            )
    if ":" in values.get(USERNAME, ""):
        raise UnusableCredentials(
            f"{USERNAME} holds a colon: enter the name alone, without password or address.",
            field=USERNAME,
        )
    return form


SPEC: Final = ProviderSpec(
    name="link",
    title="LINK Mobility",
    feature="custom.link_sms",
    portal="https://www.linkmobility.com",
    parameters=(
        Parameter(
            name=PLATFORM_ID,
            label="Platform ID",
            help="In the welcome letter of LINK's support: which of their platforms serves you, "
            "such as COMMON_API or SMSC.",
        ),
        Parameter(
            name=PARTNER_ID,
            label="Platform partner ID",
            help="In the same letter: your account on that platform, usually a number.",
        ),
        Parameter(
            name=GATE_ID,
            label="Gate ID",
            help="In the same letter, or asked of LINK's support: the gate that passes inbound "
            "texts and delivery reports on to you, a word of some eight letters and digits.",
        ),
        Parameter(
            name=USERNAME,
            label="Username",
            help="In the same letter: the user of the SMS REST API, not of the portal.",
        ),
        Parameter(
            name=PASSWORD,
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
            help="Ask LINK's support to let the gate deliver inbound texts and delivery reports to "
            "this address, by POST, with content type application/json (never XML), and with the "
            "user name and password that are shown here.",
        ),
    ),
    hosts=Hosts(
        names=("wsx.sp247.net",), suffixes=(".linkmobility.io",), endings=("/sms/send", "/sms")
    ),
    opted_out=OPTED_OUT_CODES,
    # LINK publishes no throughput; it is part of the contract.
    rates=dict.fromkeys(
        (NumberType.SHORT_CODE, NumberType.LOCAL, NumberType.ALPHANUMERIC),
        Rate(Scope.NUMBER, None, None),
    ),
    read=_read,
    basic=True,
)
