"""SMS events and how Event Grid may write them: envelope, letter case, plus signs.

Sources: Microsoft docs, "Azure Communication Services - SMS events", "Azure Event Grid event
schema" and "Use CloudEvents v1.0 schema with Azure Event Grid"; the PascalCase samples of
azure-rest-api-specs, Microsoft.Communication.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from local.simulator import segments
from local.simulator.clock import compact, now, seconds, ticks
from local.simulator.phones import Text

RECEIVED = "Microsoft.Communication.SMSReceived"
REPORT = "Microsoft.Communication.SMSDeliveryReportReceived"

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000000"
TOPIC = (
    f"{SUBSCRIPTION}/resourcegroups/local/providers/microsoft.communication"
    "/communicationservices/simulator"
)

Schema = Literal["eventgrid", "cloudevents"]
Casing = Literal["camel", "pascal"]
PlusSign = Literal["published", "with", "without"]

# Which fields keep their plus sign: in the published samples, only a report's `to`.
_PLUS: Mapping[PlusSign, Mapping[str, frozenset[str]]] = {
    "published": {RECEIVED: frozenset(), REPORT: frozenset({"to"})},
    "with": dict.fromkeys((RECEIVED, REPORT), frozenset({"from", "to", "subject"})),
    "without": dict.fromkeys((RECEIVED, REPORT), frozenset()),
}


@dataclass(frozen=True, slots=True)
class Style:
    """How one subscription wants its events written."""

    schema: Schema = "eventgrid"
    casing: Casing = "camel"
    plus_sign: PlusSign = "published"
    segment_count: bool = True


@dataclass(frozen=True, slots=True)
class SmsEvent:
    """An SMS event before it is written; `data` is camelCase with E.164 numbers."""

    id: str
    type: str
    number: str
    data: Mapping[str, Any]
    at: datetime = field(default_factory=now)

    def written(self, style: Style) -> dict[str, Any]:
        """Write the event in a subscription's style."""
        keep = _PLUS[style.plus_sign][self.type]
        data = {
            key: value if key in keep or key not in ("from", "to") else value.removeprefix("+")
            for key, value in self.data.items()
            if style.segment_count or key != "segmentCount"
        }
        number = self.number if "subject" in keep else self.number.removeprefix("+")
        subject = f"/phonenumber/{number}"
        cased = _pascal(data) if style.casing == "pascal" else data
        return _ENVELOPES[style.schema](self, subject, cased)


@dataclass(frozen=True, slots=True)
class RawEvent:
    """An event that a test wrote itself; it is delivered exactly as it is, in every style."""

    payload: Any

    @property
    def id(self) -> str:
        """Give the ID of the envelope, as far as there is one."""
        return str(self.payload.get("id")) if isinstance(self.payload, dict) else ""

    @property
    def type(self) -> str:
        """Give the type of the envelope, as far as there is one."""
        if not isinstance(self.payload, dict):
            return ""
        return str(self.payload.get("eventType", self.payload.get("type")))

    def written(self, style: Style) -> Any:
        """Give the payload untouched, whatever the style."""
        return self.payload


Event = SmsEvent | RawEvent


def message_id(direction: Literal["Incoming", "Outgoing"]) -> str:
    """Make a message ID of the published form; readers must treat it as opaque."""
    suffix = "_noam" if direction == "Outgoing" else ""
    return f"{direction}_{compact(now())}{uuid.uuid4()}{suffix}"


def received(text: Text) -> SmsEvent:
    """Make the event of a text that a phone sent to a number."""
    data = {
        "messageId": text.message_id,
        "from": text.from_,
        "to": text.to,
        "message": text.body,
        "receivedTimestamp": ticks(text.at),
        "segmentCount": segments.count(text.body),
    }
    return SmsEvent(text.message_id, RECEIVED, text.to, data)


def report(text: Text, failure: str | None) -> SmsEvent:
    """Make the delivery report of a sent text; `failure` is e.g. `4004: Destination …`."""
    count = segments.count(text.body)
    attempt = {
        "timestamp": ticks(text.at),
        "segmentsSucceeded": 0 if failure else count,
        "segmentsFailed": count if failure else 0,
    }
    data: dict[str, Any] = {
        "messageId": text.message_id,
        "from": text.from_,
        "to": text.to,
        "deliveryStatus": "Failed" if failure else "Delivered",
        "deliveryStatusDetails": failure or "No error.",
        "receivedTimestamp": ticks(now()),
        "deliveryAttempts": [attempt],
    }
    if text.tag is not None:
        data["Tag"] = text.tag  # Capital in the published sample, among camelCase siblings.
    return SmsEvent(text.message_id, REPORT, text.from_, data)


def _event_grid(event: SmsEvent, subject: str, data: Any) -> dict[str, Any]:
    return {
        "id": event.id,
        "topic": TOPIC,
        "subject": subject,
        "data": data,
        "eventType": event.type,
        "dataVersion": "1.0",
        "metadataVersion": "1",
        "eventTime": seconds(event.at),
    }


def _cloud_event(event: SmsEvent, subject: str, data: Any) -> dict[str, Any]:
    return {
        "source": TOPIC,
        "subject": subject,
        "type": event.type,
        "time": ticks(event.at),
        "id": event.id,
        "data": data,
        "specversion": "1.0",
    }


_ENVELOPES = {"eventgrid": _event_grid, "cloudevents": _cloud_event}


def _pascal(value: Any) -> Any:
    """Capitalise every property name at every level, as the older samples do."""
    if isinstance(value, dict):
        return {key[:1].upper() + key[1:]: _pascal(item) for key, item in value.items()}
    return [_pascal(item) for item in value] if isinstance(value, list) else value
