"""A command as texts, one a recipient, and what is said of each. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import orjson

from common.ids import derive
from common.longtext import fit
from common.phone import InvalidRecipient, normalise_recipient
from common.segments import measure
from common.store.clock import milliseconds
from common.store.records import NewOutbound, Route
from heliograph.codes import TEXTS, OutcomeCode
from heliograph.models import MAX_BODY_CHARACTERS, Outcome, OutcomeStatus, SendCommand

_BLOCKED: Final = frozenset(
    {
        OutcomeCode.NOT_AUTHORISED,
        OutcomeCode.UNKNOWN_NUMBER,
        OutcomeCode.NUMBER_NOT_YOURS,
        OutcomeCode.CONNECTION_INACTIVE,
        OutcomeCode.RECIPIENT_OPTED_OUT,
        OutcomeCode.COMMAND_EXPIRED,
        OutcomeCode.APPROVAL_REJECTED,
        OutcomeCode.APPROVAL_EXPIRED,
    }
)
"""Refusals that are about permission or time; all others are about the text or the provider."""

_BY_CODE: Final[Mapping[OutcomeCode, OutcomeStatus]] = {
    OutcomeCode.SENT: OutcomeStatus.SENT,
    OutcomeCode.GATE_OFF: OutcomeStatus.HELD,
    OutcomeCode.AMBIGUOUS: OutcomeStatus.UNCERTAIN,
    **dict.fromkeys(_BLOCKED, OutcomeStatus.BLOCKED),
}


@dataclass(slots=True)
class Recipients:
    """A command's recipients: texts to send, and outcomes of those that no phone could have."""

    texts: list[NewOutbound] = field(default_factory=list)
    invalid: list[Outcome] = field(default_factory=list)


def now() -> datetime:
    """The present moment as the store keeps it, so that an outcome told again is the same."""
    return milliseconds(datetime.now(UTC))


def digest_of(command: SendCommand) -> str:
    """A fingerprint of all that changes what a command does, apart from its ID and its agent."""
    content = [
        command.number,
        command.recipients,
        command.body,
        command.in_reply_to,
        command.tag,
        command.expires_at,
    ]
    return hashlib.sha256(orjson.dumps(content)).hexdigest()


def recipients_of(
    command: SendCommand, route: Route, *, limit: int, at: datetime, traceparent: str | None
) -> Recipients:
    """Normalise the recipients in the number's region, and fit and measure the body. A recipient
    that is named twice gets one text, and its agent one outcome."""
    fitted = fit(command.body, limit)
    measured = measure(fitted.body)
    digest = digest_of(command)
    found = Recipients()
    seen: set[str] = set()
    for index, written in enumerate(command.recipients):
        try:
            recipient = normalise_recipient(written, route.region)
        except InvalidRecipient as error:
            found.invalid.append(refusal(command, written, error.code, at))
            continue
        if recipient.e164 in seen:
            continue
        seen.add(recipient.e164)
        found.texts.append(
            NewOutbound(
                tenant_id=command.tenant_id,
                agent_id=command.agent_id,
                command_id=command.command_id,
                index=index,
                digest=digest,
                connection_id=route.connection_id,
                provider=route.provider,
                number=route.address,
                remote=recipient.e164,
                original_to=written,
                body=fitted.body,
                # One character above what is allowed, so that the policy sees that it is too long
                # while no document outgrows the database.
                original_body=command.body[: MAX_BODY_CHARACTERS + 1],
                truncated=fitted.truncated,
                encoding=measured.encoding,
                segments=measured.segments,
                in_reply_to=command.in_reply_to,
                tag=command.tag,
                expires_at=command.expires_at,
                traceparent=traceparent,
            )
        )
    return found


def status_of(code: OutcomeCode) -> OutcomeStatus:
    """The status that goes with a code."""
    return _BY_CODE.get(code, OutcomeStatus.FAILED)


def outcome_of(
    text: NewOutbound,
    code: OutcomeCode,
    at: datetime,
    *,
    provider_message_id: str | None = None,
    edited: bool = False,
    reason: str | None = None,
) -> Outcome:
    """What became of a claimed text; `edited` and `reason` are of who decided on a held one."""
    return Outcome(
        command_id=text.command_id,
        status=status_of(code),
        code=code,
        message=TEXTS[code].model,
        message_id=text.id,
        provider_message_id=provider_message_id,
        to=text.remote,
        original_to=text.original_to,
        body=text.body,
        original_body=text.original_body,
        truncated=text.truncated,
        encoding=text.encoding,
        segments=text.segments,
        edited=edited,
        reason=reason,
        at=at,
    )


def refusal(command: SendCommand, to: str, code: OutcomeCode, at: datetime) -> Outcome:
    """What is said of a recipient whose text was never claimed."""
    return bare_outcome(command.command_id, to, code, at)


def refusals(command: SendCommand, code: OutcomeCode, at: datetime) -> Sequence[Outcome]:
    """One refusal a recipient."""
    return [refusal(command, to, code, at) for to in command.recipients]


def bare_outcome(command_id: str, to: str, code: OutcomeCode, at: datetime) -> Outcome:
    """An outcome of which nothing but its recipient, as written, is known."""
    return Outcome(
        command_id=command_id,
        status=status_of(code),
        code=code,
        message=TEXTS[code].model,
        to=to,
        original_to=to,
        at=at,
    )


def outcome_id(tenant_id: str, agent_id: str, outcome: Outcome) -> str:
    """The bus message's ID: the same outcome told again is recognisable."""
    about = outcome.message_id or outcome.original_to
    return derive(
        "outcome", tenant_id, agent_id, outcome.command_id, about, outcome.status, outcome.code
    )
