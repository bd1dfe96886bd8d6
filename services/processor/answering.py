"""What we answer to a keyword, where it is ours to answer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from common.ids import derive
from common.optout.answering import FREE_WORDING, Answerer, answer_text, who_answers
from common.segments import measure
from common.sending_rules import OptOutScope
from common.store.consents import ConsentSource, NewConsent, standing
from common.store.records import Consent, Inbound, NewOutbound, Route, turn_id
from processor.hearing import Heard


def is_due(entry: NewConsent, consents: Sequence[Consent], scope: OptOutScope) -> bool:
    """Whether a word about consent is answered: the one that made the standing, and no repetition
    of it. `consents` are all of the remote's with the tenant.

    Where an opt-out is of all numbers, only the first number that heard it confirms it.
    """
    own = next((it for it in consents if it.number == entry.number), None)
    if own is None or own.cause != entry.id:
        return False
    if not entry.opted_out or scope is OptOutScope.NUMBER:
        return True
    earlier = (it for it in consents if it.opted_out and _noted(it) < _noted(own))
    return next(earlier, None) is None


def _noted(consent: Consent) -> tuple[datetime, str]:
    return consent.opted_out_at or consent.at, consent.number


def may_be_helped(inbound: Inbound, consents: Sequence[Consent], scope: OptOutScope) -> bool:
    """Whether a HELP is answered: never to one who has opted out."""
    return not standing(consents, inbound.text.number, scope).opted_out


def answer_to(inbound: Inbound, heard: Heard, route: Route) -> NewOutbound | None:
    """Our answer to what was heard; None where somebody else answers, or where there is nothing to
    say.

    Its IDs follow from the text's, so that a text is answered once however often it comes.
    """
    text = inbound.text
    words = (
        answer_text(route.rules, heard.keyword) if _answerer(heard, route) is Answerer.US else None
    )
    if not words:
        return None
    measured = measure(words)
    return NewOutbound(
        tenant_id=text.tenant_id,
        agent_id=route.agent_id,
        command_id=f"notice-{inbound.id}",
        index=0,
        digest=derive("notice", inbound.id),
        connection_id=route.connection_id,
        provider=route.provider,
        number=text.number,
        remote=text.remote,
        original_to=text.remote,
        body=words,
        original_body=words,
        truncated=False,
        encoding=measured.encoding.value,
        segments=measured.segments,
        in_reply_to=turn_id(inbound.id),
        tag=None,
        expires_at=None,
        traceparent=text.traceparent,
        notice=heard.keyword,
    )


def _answerer(heard: Heard, route: Route) -> Answerer:
    return who_answers(
        route.provider,
        route.type,
        route.region,
        route.rules,
        heard.keyword,
        partner=route.partner,
        word=heard.rule if heard.source is ConsentSource.KEYWORD else FREE_WORDING,
    )
