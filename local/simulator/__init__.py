"""A simulator of Azure Communication Services SMS and Azure Event Grid, for one machine.

It behaves as Microsoft's pages and the Azure REST API specs say that the real ones do, and
misbehaves on demand; docs/simulator.md has its HTTP API, its faults, and what it does where the
sources are silent. It imports nothing of the services, so that it can judge them.

In process:

    async with Simulator(access_key=KEY, numbers=["+18005550100"], time_scale=0.01) as sim:
        await sim.subscribe("http://127.0.0.1:8080/api/webhooks/acs/sms?code=secret")
        await sim.text("+15551230001", "+18005550100", "Hello?")
        texts = await sim.wait_for_texts("+15551230001", 1)

As a process: `python -m local.simulator --help`. The provider's own face is
`POST /sms?api-version=…` for `SmsClient(sim.url, AzureKeyCredential(KEY))`.
"""

from local.simulator.faults import FAULTS
from local.simulator.journal import Entry
from local.simulator.phones import Phone, Text
from local.simulator.simulator import Simulator, UnknownNumber
from local.simulator.subscriptions import HandshakeFailed, Subscription

__all__ = [
    "FAULTS",
    "Entry",
    "HandshakeFailed",
    "Phone",
    "Simulator",
    "Subscription",
    "Text",
    "UnknownNumber",
]
