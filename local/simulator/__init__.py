"""A simulator of Azure Communication Services SMS and Azure Event Grid, for one machine.

It behaves as `reference/acs-and-event-grid.md` describes the real ones, and misbehaves on demand.
It imports nothing of the services, so that it can judge them.

In process:

    async with Simulator(access_key=KEY, numbers=["+18005550100"], time_scale=0.01) as sim:
        await sim.subscribe("http://127.0.0.1:8080/api/webhooks/acs/sms?code=secret")
        await sim.text("+15551230001", "+18005550100", "Hello?")
        texts = await sim.wait_for_texts("+15551230001", 1)

As a process: `python -m local.simulator --help`. The provider's own face is
`POST /sms?api-version=…` for `SmsClient(sim.url, AzureKeyCredential(KEY))`. The control API, JSON
throughout, is below; `README_SECTION` shows it with curl. Errors are
`{"error": {"code", "message"}}` with status 400 or 404.

    GET    /simulator/health          {"status": "ok", "pending": n, "numbers": [...]}
    POST   /simulator/texts           {from, to, body, message_id?, copies?} -> {"message_id"};
                                      a list of them -> {"message_ids": [...]}
    POST   /simulator/events          a raw event, or a list, delivered exactly as it is
    GET    /simulator/phones          {"phones": [number, ...]}
    GET    /simulator/phones/{number} ?wait_for=N&timeout=S -> {number, received_total,
                                      received: [{message_id, from, to, body, at, tag}],
                                      sent: [...], stopped: [number, ...]}
    GET    /simulator/sends           ?since=SEQ&wait_for=N&timeout=S -> {"total", "items": [...]};
                                      every call of /sms with its result and repeatability
    GET    /simulator/deliveries      as sends: every delivery attempt
    GET    /simulator/dead-letters    as sends: every event that was given up
    GET    /simulator/reports         as sends: every delivery report made
    GET    /simulator/timeline        ?since=SEQ&timeout=S -> {"items": [...], "next": SEQ}
    GET    /simulator/stream          the timeline as server-sent events
    PUT    /simulator/faults          {name: {count?, phone?, ...}, other: null}; null lifts
    GET    /simulator/faults          those in force, with what is left of each count
    DELETE /simulator/faults          ?name=...&name=...; without a name: all
    POST   /simulator/subscriptions   fields of `Subscription`; 400 HandshakeFailed makes none
    GET    /simulator/subscriptions   without their secrets
    DELETE /simulator/subscriptions   all, or .../{name}, with ?notify=true for the deletion notice
    POST   /simulator/numbers         {number, carrier_opt_out?}

The faults and their parameters are the models of `local.simulator.faults`.
"""

from local.simulator.faults import FAULTS
from local.simulator.journal import Entry
from local.simulator.phones import Phone, Text
from local.simulator.readme import README_SECTION
from local.simulator.simulator import Simulator, UnknownNumber
from local.simulator.subscriptions import HandshakeFailed, Subscription

__all__ = [
    "FAULTS",
    "README_SECTION",
    "Entry",
    "HandshakeFailed",
    "Phone",
    "Simulator",
    "Subscription",
    "Text",
    "UnknownNumber",
]
