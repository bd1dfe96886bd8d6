"""Simulators of SMS providers, for one machine; that of ACS is `local.simulator`.

Each behaves as its provider's pages say that the real one does, and misbehaves on demand;
docs/simulators.md has the control API and the faults. They import nothing of the services, so that
they can judge them. `local/simulators/base.py` says how a provider is added.

    async with Twilio(account_sid=SID, auth_token=TOKEN, numbers=["+18005550100"]) as sim:
        sim.portal("http://127.0.0.1:8080/api/webhooks/twilio/…")
        await sim.text("+15551230001", "+18005550100", "Hello?")
        texts = await sim.wait_for_texts("+15551230001", 1)

As a process: `python -m local.simulators twilio --help`.
"""

from collections.abc import Mapping

from local.simulators.base import ProviderSimulator, UnknownNumber
from local.simulators.infobip import Infobip
from local.simulators.link import Link
from local.simulators.telesign import Telesign
from local.simulators.twilio import Twilio
from local.simulators.vibes import Vibes

__all__ = ["SIMULATORS", "ProviderSimulator", "UnknownNumber"]

SIMULATORS: Mapping[str, type[ProviderSimulator]] = {
    "twilio": Twilio,
    "infobip": Infobip,
    "link": Link,
    "telesign": Telesign,
    "vibes": Vibes,
}
