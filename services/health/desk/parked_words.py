"""What is known of parked messages by their type: which model reads them, what an edit must leave
as it is, and what each forecast says. Data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from common.bus.topology import PROCESSOR_QUEUE, SENDER_QUEUE
from common.events import SmsReceived, SmsReport, TextDecided
from heliograph.models import Outcome, Report, SendCommand, Turn, Wire

_AGENTS: Final = "agents"
_MODELS: Final[Mapping[str, tuple[type[Wire], ...]]] = {
    PROCESSOR_QUEUE: (SmsReceived, SmsReport),
    SENDER_QUEUE: (SendCommand, TextDecided),
    _AGENTS: (Turn, Outcome, Report),
}


def model_of(queue: str, type_: str) -> type[Wire] | None:
    """What the reader of a queue takes messages of a type for, None where it knows no such type.
    The sender takes whatever is no nudge for a command."""
    if queue == SENDER_QUEUE and type_ != TextDecided.type:
        return SendCommand
    models = _MODELS.get(queue, _MODELS[_AGENTS])
    return next((model for model in models if model.type == type_), None)


FIXED: Final[Mapping[str, tuple[str, ...]]] = {
    SmsReceived.type: (
        *("tenant_id", "connection_id", "provider", "provider_message_id"),
        *("number", "remote", "keyword", "at"),
    ),
    SmsReport.type: (
        *("tenant_id", "connection_id", "provider", "provider_message_id", "reference"),
        *("number", "remote"),
    ),
    SendCommand.type: ("tenant_id", "agent_id", "command_id"),
    TextDecided.type: ("tenant_id", "message_id"),
    Turn.type: ("tenant_id", "agent_id", "turn_id", "connection_id"),
    Outcome.type: ("command_id", "message_id"),
    Report.type: ("command_id", "message_id"),
}
"""What an edit must leave: whose a message is, the IDs by which a repeated one is recognised, and
of a text who wrote it to whom, when, and what its provider took it for. Where those could be
changed, an edit could send a text twice or in another's name, or forge somebody's consent."""


class Effect(StrEnum):
    """What a replay would come to, as far as can be known before."""

    ACCEPTED = "accepted"
    CONTINUED = "continued"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    IGNORED = "ignored"
    PARKED_AGAIN = "parked_again"
    SUPERSEDED = "superseded"
    NOT_OURS = "not_ours"
    UNSAFE = "unsafe"

    @property
    def replayable(self) -> bool:
        """Whether a replay is carried out: it is not where the message would only come back, or
        could do twice what it does."""
        return self not in _STAYS


_STAYS: Final = frozenset({Effect.PARKED_AGAIN, Effect.SUPERSEDED, Effect.NOT_OURS, Effect.UNSAFE})

WORDS: Final[Mapping[str, tuple[Effect, str]]] = {
    "new_text": (Effect.ACCEPTED, "It is recorded and handed to its agent as one turn."),
    "text_recorded": (
        Effect.CONTINUED,
        "It is recorded already and not handed over yet; that is caught up on.",
    ),
    "text_handed_over": (
        Effect.DUPLICATE,
        "It was handed to its agent before; it is counted as a duplicate and nothing more happens.",
    ),
    "no_agent": (
        Effect.PARKED_AGAIN,
        "Its number is not connected for this tenant; connect it, then replay.",
    ),
    "new_report": (Effect.ACCEPTED, "It changes its text's state, and the agent is told."),
    "report_known": (
        Effect.DUPLICATE,
        "Its text has this state or a later one already; nothing changes.",
    ),
    "unknown_message": (
        Effect.IGNORED,
        "No text is known for it; after its retries it is dropped and counted.",
    ),
    "new_command": (
        Effect.ACCEPTED,
        "It is claimed and goes the way of every command: opt-outs, gate, rules and limits count.",
    ),
    "command_open": (
        Effect.CONTINUED,
        "It was begun before; what is open of it goes on where it stopped, nothing is sent twice.",
    ),
    "command_finished": (
        Effect.DUPLICATE,
        "Each of its texts has an outcome, which the agent is told again; nothing is sent.",
    ),
    "command_id_reused": (
        Effect.REFUSED,
        "Another command has its ID; nothing is sent and the agent is told.",
    ),
    "command_expired": (Effect.REFUSED, "It has expired; nothing is sent and the agent is told."),
    "unknown_number": (
        Effect.REFUSED,
        "Its number is not connected; nothing is sent and the agent is told.",
    ),
    "number_not_yours": (
        Effect.REFUSED,
        "Its number is another agent's; nothing is sent and the agent is told.",
    ),
    "not_authorised": (
        Effect.PARKED_AGAIN,
        "Its publisher has not proven to be the agent that it names; no replay changes that.",
    ),
    "decision_open": (
        Effect.CONTINUED,
        "The text that was decided on is carried out as the store says.",
    ),
    "decision_told": (Effect.DUPLICATE, "The agent knows the end; nothing happens."),
    "not_decided": (Effect.DUPLICATE, "Nobody has decided on that text; nothing happens."),
    "for_the_agent": (
        Effect.ACCEPTED,
        "It goes to this agent's queue only. The agent recognises what it has seen by its ID.",
    ),
    "turn_unanswered": (
        Effect.ACCEPTED,
        "No answer to it is recorded. The agent gets it, and its answer is sent once.",
    ),
    "turn_answered": (
        Effect.DUPLICATE,
        "It is answered already. The agent gets it again; the same command is not sent twice.",
    ),
    "unknown_type": (Effect.PARKED_AGAIN, "The queue's reader knows no message of this type."),
    "not_json": (Effect.PARKED_AGAIN, "It is not JSON; edit or drop it."),
    "unknown_version": (Effect.PARKED_AGAIN, "Its version is unknown to this release."),
    "wrong_shape": (Effect.PARKED_AGAIN, "It does not have its type's form; edit or drop it."),
    "edited_since": (
        Effect.SUPERSEDED,
        "An edited message stands for it, parked still or back at work; drop this one.",
    ),
    "edit_begun": (
        Effect.UNSAFE,
        "An edit of it was cut short, so another may stand for it; edit it again or drop it.",
    ),
    "forgotten": (
        Effect.UNSAFE,
        "It is older than what the store keeps, so nobody knows whether it was done already.",
    ),
    "foreign_publisher": (
        Effect.NOT_OURS,
        "A broker user that has no business in this queue has published it; read and drop it.",
    ),
}
"""By the forecast's code: its effect and what it says to a person."""
