"""ACS keeps the promises of an adapter. What it tells comes through Event Grid, so its callbacks
are read by the webhook's own door."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qsl

import acs_payloads as payloads
import orjson
from acs_payloads import (
    ID,
    KEY,
    OURS,
    THEIRS,
    accepted,
    error,
    event_grid,
    problem,
    refused,
    reported,
    told,
)
from conformance.provider_suite import ProviderSuite
from conformance.provider_world import (
    BASIC,
    JSON,
    REFERENCE,
    Row,
    Said,
    Sending,
    Sent,
    Told,
    Wire,
    text,
    with_headers,
)
from multidict import CIMultiDict, MultiDict

from common.providers import meanings as m
from common.providers.acs import Acs
from common.providers.acs_events import DELIVERY_CODES
from common.providers.acs_versions import ApiVersion
from common.providers.callbacks import (
    CallbackAnswer,
    CallbackKeys,
    CallbackRequest,
    Door,
    Ignored,
    Reading,
    UnreadableEvent,
)
from common.providers.port import Accepted, Healthy, ProviderClient, Refused, Unhealthy, Unknown
from heliograph.codes import OutcomeCode
from heliograph.models import ReportStatus as S
from webhook.auth import SecretCheck, Secrets
from webhook.eventgrid import read_delivery
from webhook.intake import interpret
from webhook.problems import Refusal

HEADER = "X-Webhook-Secret"
HOST = "https://lighthouse.communication.azure.com"
ANY_RECIPIENT = "+112345678901"
"""What the adapter asks about ownership with: it can be nobody's phone."""


def wire(sender: str, body: str) -> Wire:
    """The request that a text becomes."""
    return Wire(
        target="/sms?api-version=2026-01-23",
        content={
            "from": sender,
            "message": body,
            "smsRecipients": [
                {
                    "to": THEIRS,
                    "repeatabilityRequestId": "8b0e4c5e-6f0a-5c0b-9a51-1c1a5f3d7e21",
                    "repeatabilityFirstSent": "Sun, 01 Mar 2026 12:00:00 GMT",
                }
            ],
            "smsSendOptions": {"enableDeliveryReport": True, "tag": REFERENCE},
        },
    )


def sending(sender: str, body: str = "Grüße vom Leuchtturm – 5 €", **more: Any) -> Sending:
    return Sending(text=text(sender, THEIRS, body), wire=wire(sender, body), **more)


def refusal(code: OutcomeCode, *, account: bool = False) -> m.Meaning:
    return lambda detail, _: Refused(code, detail, account)


NOT_OWNED = refusal(OutcomeCode.SENDER_NOT_OWNED, account=True)
SENDINGS = {
    "from a toll-free number": sending(OURS),
    "from a short code": sending("98765"),
    "from a name": sending("Leuchtturm"),
    "with every awkward character": sending(OURS, '50 % off & more = "100" + ½ <b>\n🙂 Grüße; #1?'),
    "without an address for reports": sending(OURS, report_url=None),
}
CLASSIFIED = {
    "accepted": Row(accepted(), Accepted(ID)),
    "accepted, the number without a plus": Row(accepted(to=THEIRS[1:]), Accepted(ID)),
    "no such recipient": Row(refused(400, "Invalid To phone number format."), m.INVALID_RECIPIENT),
    "our values refused": Row(
        refused(400, "Invalid value for repeatability-first-sent."), m.REJECTED
    ),
    "recipient refused with 401": Row(refused(401, "no"), m.REJECTED),
    "opted out": Row(refused(400, "Sender blocked for given recipient."), m.OPTED_OUT),
    "opted out, by code": Row(refused(400, "4007: no"), m.OPTED_OUT),
    "recipient throttled": Row(refused(429, "slow"), m.THROTTLED),
    "recipient later": Row(refused(503, "ServiceUnavailable"), m.UNAVAILABLE),
    "recipient open": Row(refused(500, "InternalError"), m.OPEN),
    "recipient timed out": Row(refused(408, "Timeout"), m.OPEN),
    "malformed": Row(problem(400, To=["x"]), m.REJECTED),
    "denied": Row(error(401, "Denied"), m.CREDENTIALS),
    "not the resource's number": Row(error(401, "Unauthorized", ""), NOT_OWNED),
    "forbidden": Row(error(403, "Forbidden"), m.REJECTED),
    "not found": Row(problem(404), m.REJECTED),
    "conflict": Row(error(409, "Conflict"), m.REJECTED),
    "timed out": Row(Said(408), m.OPEN),
    "throttled": Row(error(429, "TooManyRequests"), m.THROTTLED),
    "throttled with a wish": Row(
        error(429, "TooManyRequests").with_headers(Retry_After="7"), m.THROTTLED
    ),
    "out of order": Row(error(500, "InternalError"), m.OPEN),
    "unavailable": Row(error(503, "ServiceUnavailable"), m.OPEN),
    "200 is not 202": Row(Said(200, accepted().body), m.OPEN),
}
WITHOUT_ID = {
    "nobody": Said(202, {"value": []}),
    "nothing": Said(202, {}),
    "somebody else": accepted(to="+15559999999"),
    "twice": Said(202, {"value": accepted().body["value"] * 2}),
}
STATES: dict[str, S | None] = {
    "Delivered": S.DELIVERED,
    "Expired": S.EXPIRED,
    "Failed": S.FAILED,
    "Vanished": S.FAILED,
    "Failed 7777": S.FAILED,
    **{f"Failed {code}": state for code, state in DELIVERY_CODES.items()},
}
HEALTHS = {
    "the empty request is refused": (problem(400), Healthy),
    "the empty request is taken": (Said(202, {"value": []}), Healthy),
    "denied": (error(401, "Denied"), Unhealthy),
    "forbidden": (Said(403), Unhealthy),
    "throttled": (Said(429), Unknown),
    "out of order": (Said(500), Unknown),
}
REPORTS_ASKED = {
    "delivered": (Said(200, reported()), S.DELIVERED),
    "failed": (Said(200, payloads.FAILED), S.UNDELIVERABLE),
    "not yet": (Said(404), None),
}
CREDENTIALS = {"connection_string": f"endpoint={HOST}/;accesskey={KEY}"}
MALFORMED = tuple(
    (name, value)
    for name in ("connection_string", "secondary_connection_string")
    for value in (
        "nonsense",
        KEY,
        f"{HOST}/",
        f"endpoint={HOST}/",
        f"endpoint={HOST}/;accesskey={KEY[:-3]}",
        f'"endpoint={HOST}/;accesskey={KEY}"',
        f"endpoint=http://lighthouse.communication.azure.com;accesskey={KEY}",
    )
)
SAMPLE = replace(
    payloads.RECEIVED,
    message_id="Incoming_20200918002745d29ebbea-3341-4466-9690-0a03af35228e",
    number="+15555555555",
    remote="+15555555555",
    body="Great to connect with Azure Communication Services events",
    at=datetime(2020, 9, 18, 0, 27, 45, 320000, UTC),
)
OLDER_SAMPLE = replace(SAMPLE, body="Great to connect with ACS events")
UNCOUNTED_SAMPLE = replace(OLDER_SAMPLE, segments=None)
STOP_SAMPLE = replace(
    SAMPLE,
    message_id="Incoming_202009180027460000000-0000-4000-8000-000000000001",
    number="+18005550100",
    remote="+15551230001",
    body="STOP",
)
REPORT_SAMPLE = replace(
    payloads.REPORT,
    message_id="Outgoing_202009180022138813a09b-0cbf-4304-9b03-1546683bb910",
    number="+15555555555",
    remote="+15555555555",
    reference=None,
    at=datetime(2020, 9, 18, 0, 22, 20, 285574, UTC),
)
FAILED_SAMPLE = replace(
    REPORT_SAMPLE,
    status=S.REJECTED,
    code="4007",
    details="4007: Sender blocked for given recipient.",
)
FILES = {
    "sms-received.eventgrid.json": Told(readings=[SAMPLE]),
    "sms-received.eventgrid.pascalcase.json": Told(readings=[OLDER_SAMPLE]),
    "sms-received.eventgrid.pascalcase-no-segmentcount.json": Told(readings=[UNCOUNTED_SAMPLE]),
    "sms-received.cloudevents.pascalcase.json": Told(readings=[UNCOUNTED_SAMPLE]),
    "sms-delivery-report.eventgrid.json": Told(readings=[REPORT_SAMPLE]),
    "sms-delivery-report.eventgrid.pascalcase.json": Told(readings=[REPORT_SAMPLE]),
    "sms-delivery-report.cloudevents.pascalcase.json": Told(readings=[REPORT_SAMPLE]),
    "derived.sms-received.cloudevents.json": Told(readings=[SAMPLE]),
    "derived.sms-delivery-report.cloudevents.json": Told(readings=[REPORT_SAMPLE]),
    "derived.sms-delivery-report-failed.eventgrid.json": Told(readings=[FAILED_SAMPLE]),
    "derived.sms-received-stop-plus-prefixed.eventgrid.json": Told(readings=[STOP_SAMPLE]),
    "derived.batch-mixed.eventgrid.json": Told(readings=[SAMPLE, REPORT_SAMPLE]),
    "derived.dead-letter.eventgrid.json": Told(readings=[SAMPLE]),
    "subscription-validation.eventgrid.json": Told(readings=[Ignored]),
}


COVERS = {Door.PORTAL: BASIC}  # a shared secret: neither body nor address are covered


class TestAcs(ProviderSuite):
    provider = Acs(api_version=ApiVersion.V2026_01_23)
    credentials = CREDENTIALS
    payloads = payloads.PAYLOADS
    repeats = (("text", "text, delivered again"), ("text", "text as a CloudEvent"))
    takes_batches = True
    reference = FILES
    reference_folder = "events"
    reference_others = frozenset(
        {"derived.delivery-headers.json", "subscription-validation.response.json"}
    )
    covers = COVERS
    report_states = STATES
    opt_out_states = frozenset({"Failed 4007"})
    ignores_unknown_states = False
    unreadable = (Refusal, UnreadableEvent)
    body_limit = 1_572_864
    sendings = SENDINGS
    headers_sent = JSON
    through_an_sdk = True
    accepted = (accepted(), ID)
    classified = CLASSIFIED
    without_id = WITHOUT_ID
    healths = HEALTHS
    reports_asked = REPORTS_ASKED
    malformed = MALFORMED

    def report_of(self, state: str) -> Told:
        status, _, code = state.partition(" ")
        details = f"{code}: told so." if code else "Told so."
        data = reported(deliveryStatus=status, deliveryStatusDetails=details)
        return told([event_grid(data)])

    def report_saying(self, words: str) -> Told:
        return told([event_grid(reported(deliveryStatusDetails=words))])

    def proven(self, request: CallbackRequest, given: CallbackKeys) -> CallbackRequest:
        return with_headers(request, X_Webhook_Secret=given.password)

    def verify(self, request: CallbackRequest, given: CallbackKeys) -> str | None:
        check = SecretCheck(Secrets([given.password]), query="code", header=HEADER)
        query = MultiDict(parse_qsl(request.url.partition("?")[2], keep_blank_values=True))
        seen = SimpleNamespace(query=query, headers=CIMultiDict(request.headers))
        try:
            check.admit(cast("Any", seen))
        except Refusal as why:
            return str(why)
        return None

    def read(self, request: CallbackRequest, given: CallbackKeys) -> list[Reading]:
        return [interpret(item) for item in read_delivery(request.body)]

    def answer(self, readings: list[Reading]) -> CallbackAnswer:
        return CallbackAnswer()  # Event Grid takes any 200

    def quoting(self, words: str) -> Said:
        return error(400, "BadRequest", words)

    def client(
        self, url: str, *, timeout: float = 10.0, report_url: str | None = None
    ) -> ProviderClient:
        there = {name: value.replace(HOST, url) for name, value in self.credentials.items()}
        return self.provider.connect(there, timeout=timeout, report_url=report_url)

    def sends_something(self, sent: Sent) -> bool:
        """A request for nobody sends nothing, nor does one for what is no phone."""
        if not sent.target.startswith("/sms?"):
            return False
        recipients = orjson.loads(sent.body)["smsRecipients"]
        return any(item["to"] != ANY_RECIPIENT for item in recipients)

    @property
    def canaries(self) -> frozenset[str]:
        return super().canaries | {KEY}
