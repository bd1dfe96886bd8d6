"""What a remote's text says about texts from us: pure, but for the matcher that it is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from common.keywords import keyword_of
from common.optout.wording import Matches
from common.store.consents import ConsentSource, NewConsent
from common.store.records import Inbound, NewInbound
from heliograph.models import Keyword

_REMOTE: Final = "remote"
TOLD: Final = "provider"
"""The rule of what the provider itself took a text for, in words that are on no list of ours, such
as an opt-out word of the customer's own."""
_UNNAMED: Final = "wording"
"""The rule of an opt-out that the matcher of the time of recording found, and this one does not."""

_CHANGES: Final = frozenset({Keyword.OPT_OUT, Keyword.OPT_IN})


@dataclass(frozen=True, slots=True)
class Heard:
    """What a text says, and the evidence: the listed word, or the rule that its wording met."""

    keyword: Keyword
    source: ConsentSource
    rule: str

    def entry(self, text: NewInbound) -> NewConsent | None:
        """The ledger's entry; None where nothing is said about consent (HELP)."""
        if self.keyword not in _CHANGES:
            return None
        return NewConsent(
            tenant_id=text.tenant_id,
            number=text.number,
            remote=text.remote,
            opted_out=self.keyword is Keyword.OPT_OUT,
            at=text.at,
            source=self.source,
            rule=self.rule,
            who=_REMOTE,
            message_id=text.id,
            in_doubt=self.source is ConsentSource.WORDING,
        )


def hear(body: str, matches: Matches) -> Heard | None:
    """A keyword, or else an opt-out in free wording; None for everything that is for the agent."""
    listed = keyword_of(body)
    if listed is not None:
        return Heard(listed[0], ConsentSource.KEYWORD, listed[1])
    match = matches(body)
    return Heard(Keyword.OPT_OUT, ConsentSource.WORDING, match.rule) if match is not None else None


def heard_in(inbound: Inbound, matches: Matches) -> Heard | None:
    """What a recorded text says. The recording is believed, also where another matcher, or a model
    on another day, would not find it."""
    keyword = inbound.text.keyword
    if keyword is None:
        return None
    again = hear(inbound.text.body, matches)
    if again is not None and again.keyword is keyword:
        in_doubt = again.source is ConsentSource.WORDING
        return _told(keyword) if in_doubt and inbound.text.keyword_told else again
    if inbound.text.keyword_told:
        return _told(keyword)
    return Heard(keyword, ConsentSource.WORDING, _UNNAMED)


def _told(keyword: Keyword) -> Heard:
    return Heard(keyword, ConsentSource.KEYWORD, TOLD)


def opt_in_of_the_opted_out(inbound: Inbound) -> Heard | None:
    """What a plain YES says, should its remote be opted out."""
    if inbound.text.keyword is not None:
        return None
    listed = keyword_of(inbound.text.body, opted_out=True)
    return Heard(listed[0], ConsentSource.KEYWORD, listed[1]) if listed is not None else None
