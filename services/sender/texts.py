"""A command as texts, one a recipient, and what is said of each. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from common.command_digest import digest_of
from common.ids import derive
from common.phone import InvalidRecipient, Recipient, normalise_recipient
from common.shaping import Shaped, shape
from common.store.clock import milliseconds
from common.store.records import NewOutbound, Outbound, Route
from heliograph.codes import TEXTS, OutcomeCode
from heliograph.models import (
    MAX_BODY_CHARACTERS,
    Outcome,
    OutcomeStatus,
    OutcomeWarning,
    SendCommand,
)

_US: Final = "US"
_LONGEST_KEPT: Final = MAX_BODY_CHARACTERS + 1
"""One character above what is allowed, so that the policy sees that it is too long while no
document outgrows the database."""

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
        OutcomeCode.SENDING_STOPPED,
        OutcomeCode.FIRST_CONTACT_REFUSED,
        OutcomeCode.BUDGET_SPENT,
        OutcomeCode.CARRIER_CAP_REACHED,
        OutcomeCode.DESTINATION_NOT_SUPPORTED,
        OutcomeCode.SENDER_NOT_VERIFIED,
        OutcomeCode.SENDER_NOT_REGISTERED,
        OutcomeCode.PREMIUM_RECIPIENT,
        OutcomeCode.EMERGENCY_RECIPIENT,
    }
)
"""Refusals that are about permission or time; all others are about the text or the provider."""

_HELD: Final = frozenset(
    {
        OutcomeCode.GATE_OFF,
        OutcomeCode.FIRST_CONTACT_HELD,
        OutcomeCode.LOOP_SUSPECTED,
        OutcomeCode.CONVERSATION_HELD,
    }
)
_BY_CODE: Final[Mapping[OutcomeCode, OutcomeStatus]] = {
    OutcomeCode.SENT: OutcomeStatus.SENT,
    OutcomeCode.AMBIGUOUS: OutcomeStatus.UNCERTAIN,
    **dict.fromkeys(_HELD, OutcomeStatus.HELD),
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


def recipients_of(
    command: SendCommand,
    route: Route,
    *,
    limit: int,
    at: datetime,
    traceparent: str | None,
    ordered_at: datetime | None = None,
) -> Recipients:
    """Normalise the recipients in the number's region, and shape the body by the number's rules. A
    recipient that is named twice gets one text, and its agent one outcome."""
    digest = digest_of(command)
    found = Recipients()
    shapes: dict[bool, Shaped] = {}
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
        to_us = recipient.region == _US
        if to_us not in shapes:
            shapes[to_us] = _shape(command, route, limit=limit, to_us=to_us)
        text = _text_to(recipient, command, route, shapes[to_us])
        found.texts.append(
            replace(
                text, index=index, digest=digest, traceparent=traceparent, ordered_at=ordered_at
            )
        )
    return found


def _shape(command: SendCommand, route: Route, *, limit: int, to_us: bool) -> Shaped:
    return shape(
        command.body[:_LONGEST_KEPT],
        route.rules,
        route.type,
        limit=limit,
        to_us=to_us,
        from_us=route.region == _US,
    )


def _text_to(
    recipient: Recipient, command: SendCommand, route: Route, shaped: Shaped
) -> NewOutbound:
    landline = (OutcomeWarning.LANDLINE,) if recipient.landline else ()
    return NewOutbound(
        tenant_id=command.tenant_id,
        agent_id=command.agent_id,
        command_id=command.command_id,
        index=0,
        digest="",
        connection_id=route.connection_id,
        provider=route.provider,
        number=route.address,
        remote=recipient.e164,
        original_to=recipient.original,
        body=shaped.body,
        original_body=command.body[:_LONGEST_KEPT],
        truncated=shaped.truncated,
        encoding=shaped.encoding,
        segments=shaped.segments,
        in_reply_to=command.in_reply_to,
        tag=command.tag,
        expires_at=command.expires_at,
        parts=shaped.parts if len(shaped.parts) > 1 else (),
        problem=shaped.problem,
        warnings=(*landline, *shaped.warnings),
    )


def status_of(code: OutcomeCode) -> OutcomeStatus:
    """The status that goes with a code."""
    return _BY_CODE.get(code, OutcomeStatus.FAILED)


def outcome_of(
    claimed: Outbound, code: OutcomeCode, at: datetime, *, provider_message_id: str | None = None
) -> Outcome:
    """What became of a claimed text. Of one that was split, the provider's ID is the first part's,
    and `parts_sent` tells of those that went out where that is not all of them or none."""
    text, status = claimed.text, status_of(code)
    some = claimed.part if claimed.part and status is not OutcomeStatus.SENT else None
    return Outcome(
        command_id=text.command_id,
        status=status,
        code=code,
        message=TEXTS[code].model,
        message_id=text.id,
        provider_message_id=next(iter(claimed.part_ids), None) or provider_message_id,
        to=text.remote,
        original_to=text.original_to,
        body=text.body,
        original_body=text.original_body,
        truncated=text.truncated,
        encoding=text.encoding,
        segments=text.segments,
        parts=max(1, len(text.parts)),
        parts_sent=some,
        warnings=text.warnings,
        edited=claimed.edited,
        reason=claimed.reason,
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
