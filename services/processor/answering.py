"""What we answer to a keyword, where it is ours to answer. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from common.ids import derive
from common.optout.answering import (
    FREE_WORDING,
    Answerer,
    answer_text,
    lifts_block,
    who_answers,
)
from common.segments import measure
from common.sending_rules import OptOutScope
from common.store.consents import ConsentSource, NewConsent, standing
from common.store.records import Consent, Inbound, NewInbound, NewOutbound, Route, turn_id
from heliograph.models import Keyword
from processor.hearing import TOLD, Heard

_WORTHWHILE: Final = timedelta(minutes=5)
"""How long after the word an answer may leave (FCC, 47 CFR 64.1200(a)(12): a confirmation within
five minutes)."""

_HELPED_FOR: Final = timedelta(minutes=10)
"""In such a span a remote gets one answer to HELP, so that two machines do not help each other."""


def is_due(entry: NewConsent, consents: Sequence[Consent], scope: OptOutScope) -> bool:
    """Whether a word about consent is answered: the opt-in that made the standing, and the remote's
    first own opt-out since the newest opt-in, also where a provider's word came before it. No
    repetition is. `consents` are all of the remote's with the tenant.

    Where an opt-out is of all numbers, only the first number that heard it confirms it.
    """
    if not entry.opted_out:
        return any(it.cause == entry.id for it in consents if it.number == entry.number)
    ours = [it for it in consents if scope is OptOutScope.TENANT or it.number == entry.number]
    opt_ins = [at for it in ours if (at := it.opposed_at if it.opted_out else it.at) is not None]
    since = max(opt_ins, default=None)
    firsts = [first for it in ours if (first := _first_heard(it, since)) is not None]
    return bool(firsts) and min(firsts)[-1] == entry.id


def _first_heard(consent: Consent, since: datetime | None) -> tuple[datetime, str, str] | None:
    """The first opt-out of its own words that a number noted since then, in order of the noting."""
    timely = (word for word in consent.heard if since is None or word.at >= since)
    return next(((word.noted_at, consent.number, word.id) for word in timely), None)


def may_be_helped(inbound: Inbound, consents: Sequence[Consent], scope: OptOutScope) -> bool:
    """Whether a HELP is answered: never to one who has opted out."""
    return not standing(consents, inbound.text.number, scope).opted_out


def answer_to(inbound: Inbound, heard: Heard, route: Route) -> NewOutbound | None:
    """Our answer to what was heard; None where somebody else answers, or where there is nothing to
    say.

    Its IDs follow from the text's, so that a text is answered once however often it comes; HELP,
    which may be said at will, once in a while.
    """
    text = inbound.text
    answered = _help_asked(inbound) if heard.keyword is Keyword.HELP else inbound.id
    words = (
        answer_text(route.rules, heard.keyword)
        if _answerer(text, heard, route) is Answerer.US
        else None
    )
    if not words:
        return None
    measured = measure(words)
    return NewOutbound(
        tenant_id=text.tenant_id,
        agent_id=route.agent_id,
        command_id=f"notice-{answered}",
        index=0,
        digest=derive("notice", answered),
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
        expires_at=text.at + _WORTHWHILE,
        traceparent=text.traceparent,
        notice=heard.keyword,
    )


def _help_asked(inbound: Inbound) -> str:
    """The same for every HELP of a remote to a number in one span of time."""
    text = inbound.text
    span = int(text.at.timestamp() // _HELPED_FOR.total_seconds())
    return derive("help", text.tenant_id, text.number, text.remote, str(span))


def counts_with(text: NewInbound, route: Route, heard: Heard) -> bool:
    """Whether an opt-in is one for the carrier of the number too."""
    if heard.rule == TOLD:
        return True
    partner = _partner(text, route)
    return lifts_block(
        text.provider, route.type, route.region, route.rules, heard.rule, partner=partner
    )


def _partner(text: NewInbound, route: Route) -> str | None:
    """The partner through which a text came. A number may have moved since, or be hosted at several
    providers: the one that brought the text is the one that answers, or does not."""
    return route.partner if text.provider == route.provider else None


def _answerer(text: NewInbound, heard: Heard, route: Route) -> Answerer:
    if heard.rule == TOLD:
        return Answerer.PROVIDER
    return who_answers(
        text.provider,
        route.type,
        route.region,
        route.rules,
        heard.keyword,
        partner=_partner(text, route),
        word=heard.rule if heard.source is ConsentSource.KEYWORD else FREE_WORDING,
    )
