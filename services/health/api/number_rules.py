"""The sending rules of a number: what is due to carriers, to the law and to its owner's purse."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, Field

from common.limits.tables import RATES
from common.providers.specs import SPECS
from common.sending_rules import (
    DEFAULT,
    NAMES,
    Answers,
    FirstContact,
    LongText,
    Shorteners,
    Verification,
)
from common.shaping import MAX_SEGMENTS
from common.store.control import NumberRecord
from health.access.roles import Role
from health.api.numbers import NUMBER
from health.desk.rules import (
    AMOUNT,
    LONGEST_ANSWER,
    MOST_COUNTRIES,
    RANGES,
    TIME,
    plain_rules,
)
from health.web.routes import Answer, Body, Call, Route, View

RULES: Final = f"{NUMBER}/rules"

Clock = Annotated[str, Field(pattern=f"^{TIME}$", examples=["21:00"])]
Amount = Annotated[str, Field(pattern=f"^{AMOUNT}$", examples=["0.0079"])]
Country = Annotated[str, Field(pattern="^[A-Za-z]{2}$", examples=["GB"])]
AnswerText = Annotated[str, Field(min_length=1, max_length=LONGEST_ANSWER)]


def _whole(name: str, about: str) -> Any:
    least, most = RANGES[name]
    return Field(getattr(DEFAULT, name), ge=least, le=most, description=about)


class Rules(BaseModel):
    """The sending rules of a number; the defaults are those of a number without any."""

    long_text: LongText = Field(
        DEFAULT.long_text,
        description="What becomes of a text that does not fit into one segment: `truncate` cuts it "
        "visibly, `concatenate` sends it whole as one text of several segments, `split` sends "
        "numbered texts, `refuse` sends nothing.",
    )
    max_segments: int | None = _whole(
        "max_segments",
        "Most segments of a long text; null: as the table of sender types says.",
    )
    transliterate: bool = Field(
        DEFAULT.transliterate,
        description="Whether typographic quotes and dashes become plain ones where that keeps a "
        "text in GSM-7.",
    )
    shorteners: Shorteners = Field(
        DEFAULT.shorteners,
        description="What becomes of a text to the US with a public URL shortener in it.",
    )
    requests_per_minute: int | None = _whole(
        "requests_per_minute", "Texts a minute; null: the table of limits."
    )
    units_per_minute: int | None = _whole(
        "units_per_minute", "Segments a minute; null: the table of limits."
    )
    verification: Verification | None = Field(
        DEFAULT.verification,
        description="Toll-free only: how far its verification has come; null: the provider "
        "decides. Carriers take no texts of a number that is not verified.",
    )
    att_class: Literal["A", "B", "C", "D", "E", "F", "T"] | None = Field(
        None, description="10DLC only: the campaign's class at AT&T."
    )
    tmobile_tier: Literal["top", "high_mid", "low_mid", "low", "standard"] | None = Field(
        None, description="10DLC only: the brand's tier at T-Mobile."
    )
    registered_in: tuple[Country, ...] = Field(
        DEFAULT.registered_in,
        max_length=MOST_COUNTRIES,
        description="Alphanumeric senders only: countries (ISO 3166 alpha-2) where it is "
        "registered.",
    )
    managed_opt_out: bool = Field(
        DEFAULT.managed_opt_out,
        description="Short codes of the US only: whether the provider answers STOP.",
    )
    quiet_from: Clock | None = Field(
        DEFAULT.quiet_from,
        description="From when no text leaves, in the recipient's time zone. A reply within a live "
        "conversation leaves nevertheless.",
    )
    quiet_until: Clock | None = Field(
        DEFAULT.quiet_until, description="Until when; the texts leave then."
    )
    first_contact: FirstContact = Field(
        DEFAULT.first_contact,
        description="What becomes of a text to somebody with whom there was no conversation yet.",
    )
    daily_texts: int | None = _whole("daily_texts", "Texts a day (UTC); null: no budget.")
    daily_cost: Amount | None = Field(
        None, description="Estimated cost a day (UTC), in your currency; null: no budget."
    )
    segment_cost: Amount | None = Field(
        None, description="What a segment is estimated to cost, in the same currency."
    )
    loop_replies: int | None = _whole(
        "loop_replies",
        "More texts to one person within `loop_window` hold the conversation for a person; null: "
        "never.",
    )
    loop_window: int = _whole("loop_window", "Seconds.")
    answers: Answers = Field(
        DEFAULT.answers,
        description="Who answers STOP, START and HELP: `auto`, as the table of sender types says; "
        "`us`, Heliograph; `provider`, the provider or the carrier.",
    )
    answer_opt_out: AnswerText | None = Field(
        DEFAULT.answer_opt_out,
        description="Our answer to STOP, where it is ours to answer; null: the usual words.",
    )
    answer_opt_in: AnswerText | None = Field(
        DEFAULT.answer_opt_in, description="Our answer to START; null: the usual words."
    )
    answer_help: AnswerText | None = Field(
        DEFAULT.answer_help, description="Our answer to HELP; null: none, the agent gets the text."
    )


class RuleChanges(Rules, Body):
    """Which rules to change; what is left out stays as it is."""

    def given(self) -> dict[str, Any]:
        """What was given, null too."""
        return {name: getattr(self, name) for name in NAMES if name in self.model_fields_set}


class Effective(View):
    """What counts where a rule leaves it to the tables."""

    requests_per_minute: int | None = Field(description="null: nobody publishes a limit.")
    units_per_minute: int | None = Field(description="null: nobody publishes a limit.")
    max_segments: int = Field(
        description="Of a long text that is not cut; 4 for a short code of the US and a text with "
        "characters outside GSM-7."
    )

    @classmethod
    def of(cls, number: NumberRecord) -> Self:
        """By the number's type."""
        spec, rules = SPECS.get(number.provider), number.rules
        rates = spec.rates if spec is not None else RATES
        rate = rates.get(number.type, RATES[number.type])
        return cls(
            requests_per_minute=rules.requests_per_minute or rate.requests,
            units_per_minute=rules.units_per_minute or rate.units,
            max_segments=rules.max_segments or MAX_SEGMENTS,
        )


class RulesView(Rules, View):
    """A number's sending rules."""

    address: str
    version: int = Field(description="The number's.")
    effective: Effective

    @classmethod
    def of(cls, number: NumberRecord) -> Self:
        """As the API shows them."""
        return cls(
            address=number.address,
            version=number.version,
            effective=Effective.of(number),
            **plain_rules(number.rules),
        )


async def get_rules(call: Call) -> Answer:
    """A number's rules, also where they are the usual ones."""
    number = await call.desks.numbers.get(call.tenant_id, call.at("address"))
    return Answer(body=RulesView.of(number), version=number.version)


async def set_rules(call: Call) -> Answer:
    """Other rules, from the next text on."""
    wanted: RuleChanges = call.body
    number = await call.desks.numbers.set_rules(
        call.tenant_id,
        call.at("address"),
        wanted.given(),
        version=call.version,
        by=call.principal,
    )
    return Answer(body=RulesView.of(number), version=number.version)


_TAG: Final = "Numbers"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="get_rules",
        method="GET",
        path=RULES,
        needs=Role.VIEWER,
        handler=get_rules,
        summary="Read a number's sending rules",
        answer=RulesView,
        tag=_TAG,
    ),
    Route(
        name="set_rules",
        method="PATCH",
        path=RULES,
        needs=Role.ADMIN,
        handler=set_rules,
        summary="Change some of a number's sending rules, from the next text on",
        body=RuleChanges,
        answer=RulesView,
        versioned=True,
        tag=_TAG,
    ),
)
