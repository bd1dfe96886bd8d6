"""Which of a provider's codes say that the recipient has opted out of texts from this sender.

Only the recipient's own word counts, for the opt-out ledger keeps it until they take it back. A
list that the sender, the provider or a regulator keeps says something else, and is left out:
Telesign 229 ("blocked at the request of the customer") and 230 ("blocked by Telesign"), Infobip's
status 10 (a national do-not-disturb register, which keeps advertisements away and no others) and
errors 566 (blocked by the operator) and 3041 (a number out of service).

Sources: Microsoft docs, "SMS FAQ" and "Troubleshooting in Azure Communication Services" (4007, and
the text of a refusal); Twilio docs, "Error 21610"; Telesign docs, "Status and error codes"; Infobip
docs, "Response status and error codes"; LINK Mobility docs, "Common SMS API: result codes"; Vibes
docs, "Aggregation: internal error codes".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

OPTED_OUT: Final[Mapping[str, frozenset[str]]] = {
    "acs": frozenset({"4007"}),  # destination opted out
    "twilio": frozenset({"21610"}),  # recipient unsubscribed
    "telesign": frozenset({"510"}),  # blocked by subscriber action or request
    "infobip": frozenset(
        {
            "14",  # REJECTED_DESTINATION_BLOCKLISTED: the list that a STOP fills
            "573",  # EC_SC_BLOCKED_BY_END_USER
            "603",  # EC_CONTENT_BLOCKED: what a toll-free number's STOP gives
            "604",  # EC_BLOCKED_BY_CAMPAIGN_BLACKLIST
            "2050",  # EC_DEST_ADDRESS_BLACKLISTED
            "2052",  # EC_BLACKLISTED_DESTINATIONADDRESS
        }
    ),
    "link": frozenset({"2105", "2205"}),  # barred for good, rejected by the subscriber
    "vibes": frozenset({"9"}),  # on the block list, which STOP fills
}

OPTED_OUT_TEXTS: Final[Mapping[str, tuple[str, ...]]] = {
    "acs": ("sender blocked for given recipient",),
}
"""In lower case. ACS gives a refusal this text where it knows the opt-out at once, without a code
that tells it from other refusals."""


def says_opted_out(provider: str, code: str | None, details: str | None) -> bool:
    """Whether a report, or the refusal of a send, says that the recipient has opted out."""
    if code is not None and code.strip() in OPTED_OUT.get(provider, frozenset()):
        return True
    said = (details or "").lower()
    return any(text in said for text in OPTED_OUT_TEXTS.get(provider, ()))
