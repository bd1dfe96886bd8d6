"""Who answers STOP, START and HELP: one, and never a second."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Final

import pytest

from common.keywords import KEYWORDS, OPT_IN_WHERE_OPTED_OUT
from common.optout.answering import (
    FREE_WORDING,
    NO_REPLIES,
    TABLE,
    Answerer,
    answer_text,
    lifts_block,
    row_of,
    who_answers,
)
from common.providers.specs import SPECS
from common.segments import Encoding, measure
from common.sender_types import NumberType
from common.sending_rules import DEFAULT, Answers, SendingRules
from heliograph.models import Keyword

pytestmark = pytest.mark.unit

OUT, IN, HELP = Keyword.OPT_OUT, Keyword.OPT_IN, Keyword.HELP
CARRIER, PROVIDER, US, NOBODY = Answerer
UNMANAGED: Final = replace(DEFAULT, managed_opt_out=False)
TOLD_US: Final = replace(DEFAULT, answers=Answers.US)
TOLD_PROVIDER: Final = replace(DEFAULT, answers=Answers.PROVIDER)

TOLL_FREE, SHORT_CODE = NumberType.TOLL_FREE, NumberType.SHORT_CODE
LOCAL, ALPHANUMERIC, PARTNER = NumberType.LOCAL, NumberType.ALPHANUMERIC, NumberType.PARTNER


def answerers(
    provider: str,
    kind: NumberType,
    region: str = "US",
    rules: SendingRules = DEFAULT,
    partner: str | None = None,
) -> tuple[Answerer, Answerer, Answerer]:
    """Who answers STOP, START and HELP."""
    out, again, help_ = (
        who_answers(provider, kind, region, rules, keyword, partner=partner)
        for keyword in (OUT, IN, HELP)
    )
    return out, again, help_


# Every row of the documents' table of opt-outs by sender type.


def test_us_toll_free_the_carrier_answers_stop_and_start_and_help_is_ours() -> None:
    assert answerers("acs", TOLL_FREE) == (CARRIER, CARRIER, US)


def test_us_short_code_with_managed_opt_out_acs_answers_all() -> None:
    assert answerers("acs", SHORT_CODE) == (PROVIDER, PROVIDER, PROVIDER)


def test_us_short_code_without_managed_opt_out_is_ours() -> None:
    assert answerers("acs", SHORT_CODE, rules=UNMANAGED) == (US, US, US)


@pytest.mark.parametrize("region", ["CA", "GB"])
@pytest.mark.parametrize("rules", [DEFAULT, UNMANAGED])
def test_short_code_in_canada_and_uk_is_ours(region: str, rules: SendingRules) -> None:
    assert answerers("acs", SHORT_CODE, region, rules) == (US, US, US)


@pytest.mark.parametrize("provider", ["acs", "twilio", "telesign", "infobip", "link", "vibes"])
@pytest.mark.parametrize("rules", [DEFAULT, TOLD_US, TOLD_PROVIDER])
def test_alphanumeric_sender_id_nobody_answers_what_nobody_can_send(
    provider: str, rules: SendingRules
) -> None:
    assert answerers(provider, ALPHANUMERIC, "GB", rules) == (NOBODY, NOBODY, NOBODY)


def test_10dlc_is_ours() -> None:
    assert answerers("acs", LOCAL) == (US, US, US)


@pytest.mark.parametrize("partner", [None, "infobip"])
def test_messaging_connect_number_is_ours_unless_the_partner_answers(partner: str | None) -> None:
    assert answerers("acs", PARTNER, "DE", partner=partner) == (US, US, US)
    theirs = answerers("acs", PARTNER, "DE", TOLD_PROVIDER, partner)
    assert theirs == (PROVIDER, PROVIDER, PROVIDER)


# Every row of the table of providers.


@pytest.mark.parametrize("kind", [TOLL_FREE, SHORT_CODE, LOCAL])
def test_twilio_answers_all(kind: NumberType) -> None:
    assert answerers("twilio", kind) == (PROVIDER, PROVIDER, PROVIDER)


@pytest.mark.parametrize("provider", ["telesign", "infobip", "link", "vibes"])
def test_telesign_infobip_link_and_vibes_leave_it_to_us(provider: str) -> None:
    assert answerers(provider, LOCAL) == (US, US, US)
    assert answerers(provider, SHORT_CODE) == (US, US, US)


@pytest.mark.parametrize("provider", ["telesign", "infobip", "link", "vibes"])
@pytest.mark.parametrize("region", ["US", "CA", "PR"])
def test_a_toll_free_number_of_any_other_provider_is_the_carriers_too(
    provider: str, region: str
) -> None:
    assert answerers(provider, TOLL_FREE, region) == (CARRIER, CARRIER, US)


def test_a_toll_free_number_elsewhere_has_no_carrier_that_answers() -> None:
    assert answerers("telesign", TOLL_FREE, "GB") == (US, US, US)


def test_a_provider_that_nobody_knows_is_ours() -> None:
    assert answerers("pigeons", LOCAL, "FR") == (US, US, US)


# What a number's owner may decide.


@pytest.mark.parametrize(
    ("provider", "kind"), [("acs", SHORT_CODE), ("twilio", LOCAL), ("telesign", LOCAL)]
)
def test_the_owners_word_counts_where_somebody_can_follow_it(
    provider: str, kind: NumberType
) -> None:
    assert answerers(provider, kind, rules=TOLD_US) == (US, US, US)
    assert answerers(provider, kind, rules=TOLD_PROVIDER) == (PROVIDER, PROVIDER, PROVIDER)


def test_no_owners_word_makes_us_answer_beside_the_carrier() -> None:
    assert answerers("acs", TOLL_FREE, rules=TOLD_US) == (CARRIER, CARRIER, US)
    assert answerers("acs", TOLL_FREE, rules=TOLD_PROVIDER) == (CARRIER, CARRIER, PROVIDER)


# A word that the other side does not know.


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("STOP", CARRIER),
        ("QUIT", US),
        ("ALTO", US),
        ("ARRET", US),
        (FREE_WORDING, US),
        (None, CARRIER),
    ],
)
def test_on_toll_free_what_the_carrier_does_not_understand_is_ours(
    word: str | None, expected: Answerer
) -> None:
    assert who_answers("acs", TOLL_FREE, "US", DEFAULT, OUT, word=word) is expected


def test_a_plain_yes_on_toll_free_is_ours() -> None:
    assert who_answers("acs", TOLL_FREE, "US", DEFAULT, IN, word="UNSTOP") is CARRIER
    assert who_answers("acs", TOLL_FREE, "US", DEFAULT, IN, word="YES") is US


@pytest.mark.parametrize(
    ("provider", "kind", "known"),
    [
        (
            "twilio",
            LOCAL,
            "STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT START YES UNSTOP HELP INFO",
        ),
        (
            "twilio",
            TOLL_FREE,
            "STOP STOPALL UNSUBSCRIBE CANCEL END QUIT REVOKE OPTOUT START UNSTOP HELP INFO",
        ),
        ("acs", SHORT_CODE, "STOP QUIT END REVOKE OPT_OUT CANCEL UNSUBSCRIBE START UNSTOP HELP"),
    ],
)
def test_a_provider_answers_the_words_on_its_own_list_and_we_all_others(
    provider: str, kind: NumberType, known: str
) -> None:
    theirs = {
        word
        for word in (*KEYWORDS, *OPT_IN_WHERE_OPTED_OUT)
        if who_answers(provider, kind, "US", DEFAULT, KEYWORDS.get(word, IN), word=word) is PROVIDER
    }
    assert theirs == {word.replace("_", " ") for word in known.split()}


@pytest.mark.parametrize("word", ["BAJA", "ARRET", "ALTO", "STOP ALL", "DESABONNER"])
@pytest.mark.parametrize(("provider", "kind"), [("twilio", LOCAL), ("acs", SHORT_CODE)])
def test_a_word_that_no_provider_knows_is_ours(provider: str, kind: NumberType, word: str) -> None:
    assert who_answers(provider, kind, "US", DEFAULT, OUT, word=word) is US


@pytest.mark.parametrize(
    ("provider", "kind", "region", "word", "lifts"),
    [
        ("acs", TOLL_FREE, "US", "START", True),
        ("acs", TOLL_FREE, "CA", "UNSTOP", True),
        ("acs", TOLL_FREE, "PR", "YES", False),
        ("telesign", TOLL_FREE, "US", "ALTA", False),
        ("twilio", TOLL_FREE, "US", "YES", False),
        ("twilio", LOCAL, "US", "YES", True),
        ("acs", TOLL_FREE, "GB", "YES", True),
        ("acs", LOCAL, "US", "REPRENDRE", True),
    ],
)
def test_the_carriers_of_toll_free_numbers_lift_their_block_on_start_and_unstop_only(
    provider: str, kind: NumberType, region: str, word: str, lifts: bool
) -> None:
    assert lifts_block(provider, kind, region, DEFAULT, word) is lifts


@pytest.mark.parametrize("provider", ["acs", "twilio"])
def test_free_wording_is_ours_for_nobody_else_understands_it(provider: str) -> None:
    found = who_answers(provider, SHORT_CODE, "US", DEFAULT, OUT, word=FREE_WORDING)
    assert found is US
    told = who_answers(provider, SHORT_CODE, "US", TOLD_PROVIDER, OUT, word=FREE_WORDING)
    assert told is US


# The table as a whole.

_EVERY: Final = list(
    itertools.product(
        [*(spec.name for spec in SPECS.values()), "another"],
        NumberType,
        ["US", "CA", "GB", "PR", "DE"],
        [replace(DEFAULT, answers=a, managed_opt_out=m) for a in Answers for m in (True, False)],
    )
)


def test_every_combination_has_exactly_one_answerer() -> None:
    for provider, kind, region, rules in _EVERY:
        for keyword in Keyword:
            for word in (None, "STOP", "ALTO", FREE_WORDING):
                who = who_answers(provider, kind, region, rules, keyword, word=word)
                assert who in Answerer
                again = who_answers(provider, kind, region, rules, keyword, word=word)
                assert again is who


def test_we_never_answer_the_words_of_a_carrier_or_a_one_way_sender() -> None:
    for provider, kind, region, rules in _EVERY:
        stop = who_answers(provider, kind, region, rules, OUT, word="STOP")
        if kind is ALPHANUMERIC:
            assert stop is NOBODY
        if kind is TOLL_FREE and region in {"US", "CA", "PR"} and provider != "twilio":
            assert stop is CARRIER


def test_every_row_is_some_numbers() -> None:
    used = {row_of(provider, kind, region, rules).name for provider, kind, region, rules in _EVERY}
    assert used == {row.name for row in TABLE}


def test_every_row_has_a_name_of_its_own_a_source_and_an_answer_to_each_keyword() -> None:
    assert len({row.name for row in TABLE}) == len(TABLE)
    for row in TABLE:
        assert row.source
        assert set(row.answers) == set(Keyword)


# Our words.


def test_our_usual_words_say_what_was_done_and_how_to_go_back() -> None:
    out, again = answer_text(DEFAULT, OUT), answer_text(DEFAULT, IN)
    assert out is not None
    assert again is not None
    assert "START" in out
    assert "STOP" in again


@pytest.mark.parametrize("keyword", [OUT, IN])
def test_our_usual_words_are_one_sentence_in_one_gsm_segment(keyword: Keyword) -> None:
    words = answer_text(DEFAULT, keyword)
    assert words is not None
    assert words.count(".") == 1
    assert measure(words).encoding is Encoding.GSM_7
    assert measure(words).segments == 1


def test_help_has_no_answer_unless_the_owner_wrote_one() -> None:
    assert answer_text(DEFAULT, HELP) is None
    assert answer_text(replace(DEFAULT, answer_help="Acme: 1-800."), HELP) == "Acme: 1-800."


@pytest.mark.parametrize(
    ("keyword", "field"), [(OUT, "answer_opt_out"), (IN, "answer_opt_in"), (HELP, "answer_help")]
)
def test_a_numbers_own_words_come_first(keyword: Keyword, field: str) -> None:
    rules = SendingRules(**{field: " Acme says hello. "})  # type: ignore[arg-type] # one str field
    assert answer_text(rules, keyword) == "Acme says hello."
    blank = SendingRules(**{field: "  "})  # type: ignore[arg-type] # as above
    assert answer_text(blank, keyword) == answer_text(DEFAULT, keyword)


def test_the_owner_of_a_one_way_sender_is_told_to_name_another_way() -> None:
    assert "another way" in NO_REPLIES
