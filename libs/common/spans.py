"""Every span and every attribute of one, named once. A span's attributes are IDs, codes and counts:
never a number, a text, a credential, or whose they are.

Names and attributes of what others do too follow OpenTelemetry's semantic conventions ("Messaging
spans", "RabbitMQ", "HTTP spans"); what only we do begins with `heliograph.`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How a span stands to the one that caused it (OpenTelemetry, "SpanKind")."""

    SERVER = "server"
    CLIENT = "client"
    PRODUCER = "producer"
    CONSUMER = "consumer"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class SpanType:
    """A span that exists: how its name begins, what follows there, who records it, and of what."""

    name: str
    of: str
    """What the name ends with; empty where it has nothing more."""
    kind: Kind
    service: str
    says: str


DELIVER: Final = SpanType(
    "deliver",
    "provider",
    Kind.SERVER,
    "webhook",
    "One event of a delivery or callback, from its admission until the broker has confirmed it.",
)
PUBLISH: Final = SpanType(
    "publish",
    "exchange",
    Kind.PRODUCER,
    "all",
    "One message, until the broker has confirmed it. A message that waits has `wait` for exchange, "
    "an answer to whoever asked `reply`, and a replay the queue that it goes to, or `agents`.",
)
PROCESS: Final = SpanType(
    "process",
    "queue",
    Kind.CONSUMER,
    "processor, sender",
    "One message from a queue, until it is known what becomes of it; also where that takes several "
    "tries, while MongoDB or RabbitMQ is away.",
)
RECORD: Final = SpanType(
    "record text", "", Kind.INTERNAL, "processor", "An inbound text is recorded, once, or found."
)
HAND_OVER: Final = SpanType(
    "hand over text",
    "",
    Kind.INTERNAL,
    "processor",
    "A turn is built, published to its agent and marked as handed over.",
)
APPLY_REPORT: Final = SpanType(
    "apply report",
    "",
    Kind.INTERNAL,
    "processor",
    "A delivery report is applied. In the trace of the text that it is about, with a link to the "
    "processing of its own message.",
)
CLAIM: Final = SpanType(
    "claim texts", "", Kind.INTERNAL, "sender", "The texts of a command are claimed."
)
CARRY_OUT: Final = SpanType(
    "carry out decision",
    "",
    Kind.INTERNAL,
    "sender",
    "A text that was held goes on. In the text's trace, with a link to the nudge that brought it.",
)
DECIDE: Final = SpanType(
    "decide",
    "",
    Kind.INTERNAL,
    "sender",
    "Number, gate, consents and conversation are read, and the policy decides.",
)
CALL: Final = SpanType(
    "call", "provider", Kind.CLIENT, "sender", "A provider is called with one or more texts."
)
RECORD_OUTCOME: Final = SpanType(
    "record outcome", "", Kind.INTERNAL, "sender", "What became of a text is recorded."
)

ALL: Final = (
    DELIVER,
    PUBLISH,
    PROCESS,
    RECORD,
    HAND_OVER,
    APPLY_REPORT,
    CLAIM,
    CARRY_OUT,
    DECIDE,
    CALL,
    RECORD_OUTCOME,
)


class Attribute(StrEnum):
    """What a span may say."""

    MESSAGE_ID = "heliograph.message_id"
    COMMAND_ID = "heliograph.command_id"
    PROVIDER = "heliograph.provider"
    EVENT = "heliograph.event"
    CLAIM = "heliograph.claim"
    VERDICT = "heliograph.verdict"
    CODE = "heliograph.code"
    STATUS = "heliograph.status"
    ANSWER = "heliograph.answer"
    MESSAGING_SYSTEM = "messaging.system"
    OPERATION = "messaging.operation.name"
    OPERATION_TYPE = "messaging.operation.type"
    DESTINATION = "messaging.destination.name"
    BUS_MESSAGE_ID = "messaging.message.id"
    TOGETHER = "messaging.batch.message_count"
    HTTP_METHOD = "http.request.method"
    HTTP_STATUS = "http.response.status_code"
    ERROR_TYPE = "error.type"


MEANINGS: Final = {
    Attribute.MESSAGE_ID: "Our ID of the text.",
    Attribute.COMMAND_ID: "The agent's ID of its command, scrubbed as in logs.",
    Attribute.PROVIDER: "The provider by its short name.",
    Attribute.EVENT: "`received`, `report` or `other`.",
    Attribute.CLAIM: "`fresh`, `resumed`, `busy` or `finished`.",
    Attribute.VERDICT: "Of a message `done`, `retry`, `park` or `defer`; of the policy `send`, or "
    "`end`, `wait`.",
    Attribute.CODE: "The stable code that goes with it.",
    Attribute.STATUS: "An outcome's or a report's status.",
    Attribute.ANSWER: "`accepted`, `not_processed`, `ambiguous` or `refused`; `several` where the "
    "texts of one call differ.",
    Attribute.MESSAGING_SYSTEM: "`rabbitmq`.",
    Attribute.OPERATION: "`publish` or `process`.",
    Attribute.OPERATION_TYPE: "`send` or `process`.",
    Attribute.DESTINATION: "The exchange, or the queue that was read.",
    Attribute.BUS_MESSAGE_ID: "The message's ID on the bus.",
    Attribute.TOGETHER: "How many came, or went, together.",
    Attribute.HTTP_METHOD: "`POST`.",
    Attribute.HTTP_STATUS: "The provider's answer, where there was one.",
    Attribute.ERROR_TYPE: "A code of ours, or the class of an exception; never its text.",
}
