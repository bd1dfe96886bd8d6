"""Who answers STOP, START and HELP, and with which words. Pure.

Exactly one answers, or nobody: a second confirmation of one STOP annoys, costs, and in the US is
one more than the rule allows (FCC, 47 CFR 64.1200(a)(12): one text that confirms the opt-out). The
first row of `TABLE` that fits a number decides.

Sources: Microsoft docs, "SMS FAQ" (toll-free numbers: "mandated and enforced by US carriers and
cannot be overridden"; short codes) and "Messaging Connect"; Twilio docs, "Opt-out keywords";
Telesign docs, "Manage opt-outs"; Infobip docs, "Blocklist".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from common.keywords import KEYWORDS, OPT_IN_WHERE_OPTED_OUT
from common.sender_types import NumberType
from common.sending_rules import Answers, SendingRules
from heliograph.models import Keyword


class Answerer(StrEnum):
    """Who tells the remote that its keyword was understood."""

    CARRIER = "carrier"
    """The carrier, which nobody can change or silence."""
    PROVIDER = "provider"
    US = "us"
    NOBODY = "nobody"
    """Nothing can be received, so there is nothing to answer."""


FREE_WORDING: Final = "free wording"
"""In place of a listed word: an opt-out that only `common.optout.wording` recognised."""

_LISTED: Final = frozenset(KEYWORDS) | frozenset(OPT_IN_WHERE_OPTED_OUT)
_TOLL_FREE_REGIONS: Final = frozenset({"US", "CA", "PR"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A sender type, with who answers its keywords. A field that is None fits any number."""

    name: str
    provider: str | None = None
    type: NumberType | None = None
    regions: frozenset[str] | None = None
    managed: bool | None = None
    """Whether the provider's opt-out service was chosen (`rules.managed_opt_out`)."""
    partner: str | None = None
    answers: Mapping[Keyword, Answerer]
    words: frozenset[str] = _LISTED
    """Words to which it reacts; those that it does not know are ours to answer."""
    lifted_by: frozenset[str] | None = None
    """Words by which the remote lifts the block that the other side has put up; None where any
    will do, because there is none or it is told of the opt-in."""
    fixed: bool = False
    """Whether nobody can agree on anything else (`rules.answers`)."""
    source: str


def _all(answerer: Answerer) -> Mapping[Keyword, Answerer]:
    return dict.fromkeys(Keyword, answerer)


_CARRIER: Final = {
    Keyword.OPT_OUT: Answerer.CARRIER,
    Keyword.OPT_IN: Answerer.CARRIER,
    Keyword.HELP: Answerer.US,
}
_OURS: Final = _all(Answerer.US)
_THEIRS: Final = _all(Answerer.PROVIDER)
_SMS_FAQ: Final = "Microsoft docs, SMS FAQ"
_TWILIO: Final = "Twilio docs, Opt-out keywords"

_CARRIER_LIFTS: Final = frozenset({"START", "UNSTOP"})
_CARRIER_WORDS: Final = frozenset({"STOP"}) | _CARRIER_LIFTS
_TWILIO_STOPS: Final = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
)
_TWILIO_HELPS: Final = frozenset({"HELP", "INFO"})
_TWILIO_LIFTS: Final = frozenset({"START", "YES", "UNSTOP"})
_SHORT_CODE_WORDS: Final = frozenset(
    {"STOP", "QUIT", "END", "REVOKE", "OPT OUT", "CANCEL", "UNSUBSCRIBE", "START", "UNSTOP", "HELP"}
)
"""As `common.keywords` writes them. Each list is the provider's own; Spanish and French words are
on none."""

TABLE: Final = (
    Row(
        name="Alphanumeric sender",
        type=NumberType.ALPHANUMERIC,
        answers=_all(Answerer.NOBODY),
        fixed=True,
        source=f"{_SMS_FAQ}: one-way, it cannot receive",
    ),
    Row(
        name="Twilio, toll-free number (US, CA, PR)",
        provider="twilio",
        type=NumberType.TOLL_FREE,
        regions=_TOLL_FREE_REGIONS,
        answers=_THEIRS,
        words=_TWILIO_STOPS | _TWILIO_HELPS | _CARRIER_LIFTS,
        lifted_by=_CARRIER_LIFTS,
        source=f"{_TWILIO}: as below, but only START and UNSTOP opt in",
    ),
    Row(
        name="Twilio, other numbers",
        provider="twilio",
        answers=_THEIRS,
        words=_TWILIO_STOPS | _TWILIO_HELPS | _TWILIO_LIFTS,
        source=f"{_TWILIO}: blocks and answers by default",
    ),
    Row(
        name="Toll-free number (US, CA, PR)",
        type=NumberType.TOLL_FREE,
        regions=_TOLL_FREE_REGIONS,
        answers=_CARRIER,
        words=_CARRIER_WORDS,
        lifted_by=_CARRIER_LIFTS,
        fixed=True,
        source=f"{_SMS_FAQ}: enforced by US carriers, cannot be overridden",
    ),
    Row(
        name="ACS, US short code with managed opt-out",
        provider="acs",
        type=NumberType.SHORT_CODE,
        regions=frozenset({"US"}),
        managed=True,
        answers=_THEIRS,
        words=_SHORT_CODE_WORDS,
        source=f"{_SMS_FAQ}: with the replies of the program brief",
    ),
    Row(
        name="ACS, US short code without it",
        provider="acs",
        type=NumberType.SHORT_CODE,
        regions=frozenset({"US"}),
        managed=False,
        answers=_OURS,
        source=f"{_SMS_FAQ}: the opt-out service was not chosen",
    ),
    Row(
        name="ACS, short code in CA or GB",
        provider="acs",
        type=NumberType.SHORT_CODE,
        regions=frozenset({"CA", "GB"}),
        answers=_OURS,
        source=f"{_SMS_FAQ}: STOP and START arrive as any text",
    ),
    Row(
        name="ACS, local number (10DLC)",
        provider="acs",
        type=NumberType.LOCAL,
        answers=_OURS,
        source="CTIA, Messaging Principles: the sender confirms; Microsoft says nothing else",
    ),
    Row(
        name="ACS, partner number (Messaging Connect)",
        provider="acs",
        type=NumberType.PARTNER,
        answers=_OURS,
        source="Microsoft docs, Messaging Connect: no confirmation unless the partner sends one",
    ),
    Row(
        name="Telesign, other numbers",
        provider="telesign",
        answers=_OURS,
        source="Telesign docs: opt-outs are managed by Telesign only where ordered",
    ),
    Row(
        name="Infobip, other numbers",
        provider="infobip",
        answers=_OURS,
        source="Infobip docs, Blocklist: no STOP handling unless a rule is set up",
    ),
    Row(
        name="LINK Mobility, other numbers",
        provider="link",
        answers=_OURS,
        source="LINK Mobility docs: STOP arrives as any text",
    ),
    Row(
        name="Vibes, other numbers",
        provider="vibes",
        answers=_OURS,
        source="Vibes docs: the customer's application answers",
    ),
    Row(
        name="Anything else",
        answers=_OURS,
        source="CTIA, Messaging Principles: the sender confirms",
    ),
)
"""In order: the first row that fits a number is the number's."""

NO_REPLIES: Final = (
    "Nobody can reply STOP to this sender, because it cannot receive texts. Say in every text how "
    "to opt out in another way, for example by a link, a phone number or a number that can be "
    "texted, and enter who does so under Opt-outs."
)
"""What the owner of an alphanumeric sender has to know (FCC, 47 CFR 64.1200(a)(10): where a text
cannot be answered, each one must say so and name another way)."""

_USUAL: Final[Mapping[Keyword, str | None]] = {
    Keyword.OPT_OUT: (
        "You have opted out and will get no more texts from this number, unless you reply START."
    ),
    Keyword.OPT_IN: "You will get texts from this number again; reply STOP to opt out.",
    Keyword.HELP: None,
}
"""One sentence and the way back, in one GSM-7 segment. What HELP must say only the owner knows."""


def row_of(
    provider: str,
    type: NumberType,  # noqa: A002 - the field's own name, as records and documents have it
    region: str,
    rules: SendingRules,
    *,
    partner: str | None = None,
) -> Row:
    """The row of the table that a number falls under. `region` is ISO 3166 alpha-2."""

    def fits(row: Row) -> bool:
        return (
            row.provider in {None, provider}
            and row.type in {None, type}
            and (row.regions is None or region in row.regions)
            and row.managed in {None, rules.managed_opt_out}
            and row.partner in {None, partner}
        )

    return next(row for row in TABLE if fits(row))


def who_answers(
    provider: str,
    type: NumberType,  # noqa: A002 - as above
    region: str,
    rules: SendingRules,
    keyword: Keyword,
    *,
    partner: str | None = None,
    word: str | None = None,
) -> Answerer:
    """Who answers a keyword that a number received.

    `word` is the listed word that was said, or `FREE_WORDING`; None stands for one that everybody
    knows, such as STOP itself. What a carrier or provider does not recognise it does not answer,
    so that is ours.
    """
    row = row_of(provider, type, region, rules, partner=partner)
    answerer = row.answers[keyword]
    if answerer is Answerer.NOBODY:
        return answerer
    if not row.fixed or answerer is Answerer.US:
        answerer = _AS_TOLD.get(rules.answers, answerer)
    return answerer if word is None or word in row.words else Answerer.US


def lifts_block(
    provider: str,
    type: NumberType,  # noqa: A002 - as above
    region: str,
    rules: SendingRules,
    word: str,
    *,
    partner: str | None = None,
) -> bool:
    """Whether texts can go out again to one who was opted out and says a listed word that opts in.
    A carrier that knows the word lifts its block; of another word it hears nothing."""
    lifted_by = row_of(provider, type, region, rules, partner=partner).lifted_by
    return lifted_by is None or word in lifted_by


_AS_TOLD: Final[Mapping[Answers, Answerer]] = {
    Answers.US: Answerer.US,
    Answers.PROVIDER: Answerer.PROVIDER,
}


def answer_text(rules: SendingRules, keyword: Keyword) -> str | None:
    """The words of our answer, where it is ours: the number's own, else the usual ones.

    None where there is nothing to say, as to HELP without words of the number's own.
    """
    own = {
        Keyword.OPT_OUT: rules.answer_opt_out,
        Keyword.OPT_IN: rules.answer_opt_in,
        Keyword.HELP: rules.answer_help,
    }[keyword]
    return (own or "").strip() or _USUAL[keyword]
