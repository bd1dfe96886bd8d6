"""What the sender's spans say: IDs, codes and counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.spans import Attribute
from common.store.records import Outbound
from common.tracing import Attributes, Span
from heliograph.models import Outcome
from sender.calls import Lost, Ready
from sender.steps import Finished, Step

ANSWERS: Final[Mapping[type[SendResult], str]] = {
    Accepted: "accepted",
    NotProcessed: "not_processed",
    Ambiguous: "ambiguous",
    Refused: "refused",
}
"""What a provider's answer is called, in metrics too."""


def of_text(claimed: Outbound) -> Attributes:
    """A text that is worked on."""
    return {Attribute.MESSAGE_ID: claimed.id, Attribute.COMMAND_ID: claimed.text.command_id}


def of_call(texts: Sequence[Ready]) -> Attributes:
    """A provider call, of which all texts are of one command."""
    first, several = texts[0], len(texts) > 1
    return {
        Attribute.PROVIDER: first.route.provider,
        Attribute.HTTP_METHOD: "POST",
        Attribute.COMMAND_ID: first.claimed.text.command_id,
        Attribute.MESSAGE_ID: None if several else first.claimed.id,
        Attribute.TOGETHER: len(texts) if several else None,
    }


def say_answers(span: Span, results: Sequence[SendResult]) -> None:
    """What the provider answered; to several texts, where it answered all alike."""
    answers = {ANSWERS[type(result)] for result in results}
    span.note({Attribute.ANSWER: answers.pop() if len(answers) == 1 else "several"})
    for result in results:
        if not isinstance(result, Accepted):
            span.fail("ambiguous" if isinstance(result, Ambiguous) else result.code.value)


def of_ruling(ruling: Step | Lost | None) -> Attributes:
    """What the policy has instead of a call; None lets the text go."""
    match ruling:
        case None:
            return {Attribute.VERDICT: "send"}
        case Finished(code):
            return {Attribute.VERDICT: "end", Attribute.CODE: code.value}
        case _:
            return {Attribute.VERDICT: "wait"}


def of_outcome(outcome: Outcome) -> Attributes:
    """What became of a text."""
    return {
        Attribute.MESSAGE_ID: outcome.message_id,
        Attribute.COMMAND_ID: outcome.command_id,
        Attribute.STATUS: outcome.status.value,
        Attribute.CODE: outcome.code.value,
    }
