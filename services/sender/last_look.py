"""The last look before the call: who has opted out while a text was on its way to it."""

from __future__ import annotations

from collections.abc import Sequence

from common.store.consent_ports import ConsentLedger
from common.store.consents import standing
from common.store.records import Consent
from heliograph.models import Keyword
from sender.calls import Ready
from sender.knowing import ordered_before


async def opted_out_since(ledger: ConsentLedger, texts: Sequence[Ready]) -> frozenset[str]:
    """The IDs of the texts whose remotes have opted out since the policy looked. An opt-out is
    noted, and then cancels what has not begun; so of a text that begins meanwhile, either it finds
    the text not begun, or it is found here."""
    asked = [ready for ready in texts if ready.claimed.text.notice is not Keyword.OPT_OUT]
    if not asked:
        return frozenset()
    pairs = {(it.claimed.text.tenant_id, it.claimed.text.remote) for it in asked}
    consents = await ledger.of_remotes(list(pairs))
    return frozenset(it.claimed.id for it in asked if _is_stopped(it, consents))


def _is_stopped(ready: Ready, consents: Sequence[Consent]) -> bool:
    text = ready.claimed.text
    theirs = [it for it in consents if (it.tenant_id, it.remote) == (text.tenant_id, text.remote)]
    stands = standing(theirs, text.number, ready.route.opt_out_scope)
    return stands.opted_out or ordered_before(ready.claimed, stands.fence)
