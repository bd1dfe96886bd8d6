"""Which sending rules can be used, field by field and number by number."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from common.sender_types import NumberType
from common.sending_rules import (
    DEFAULT,
    NAMES,
    Answers,
    FirstContact,
    LongText,
    SendingRules,
    Shorteners,
    Verification,
    read_rules,
    rules_document,
)
from health.api.number_rules import RuleChanges, Rules
from health.console.number_rules_forms import GROUPS
from health.desk.rules import RANGES, applies, plain_rules, valid_rules
from health.web.problems import Problem, ProblemCode

LOCAL, TOLL_FREE = NumberType.LOCAL, NumberType.TOLL_FREE
SHORT, ALPHA = NumberType.SHORT_CODE, NumberType.ALPHANUMERIC
QUIET = {"quiet_from": "21:00", "quiet_until": "08:00"}
COSTS = {"daily_cost": "20.00", "segment_cost": "0.0079"}


def judged(changes: dict[str, Any], kind: NumberType = LOCAL, region: str = "US") -> SendingRules:
    return valid_rules(changes, DEFAULT, kind, region)


@pytest.mark.parametrize(
    ("kind", "changes", "read"),
    [
        (LOCAL, {"long_text": "split"}, {"long_text": LongText.SPLIT}),
        (LOCAL, {"max_segments": 10}, {"max_segments": 10}),
        (LOCAL, {"max_segments": None}, {"max_segments": None}),
        (LOCAL, {"transliterate": True}, {"transliterate": True}),
        (LOCAL, {"shorteners": "flag"}, {"shorteners": Shorteners.FLAG}),
        (LOCAL, {"requests_per_minute": 1}, {"requests_per_minute": 1}),
        (LOCAL, {"att_class": "T"}, {"att_class": "T"}),
        (LOCAL, {"tmobile_tier": "low_mid"}, {"tmobile_tier": "low_mid"}),
        (TOLL_FREE, {"verification": "pending"}, {"verification": Verification.PENDING}),
        (TOLL_FREE, {"att_class": None, "registered_in": ()}, {}),
        (ALPHA, {"registered_in": [" gb", "IE", "GB"]}, {"registered_in": ("GB", "IE")}),
        (SHORT, {"managed_opt_out": False}, {"managed_opt_out": False}),
        (LOCAL, QUIET, QUIET),
        (LOCAL, {"first_contact": "hold"}, {"first_contact": FirstContact.HOLD}),
        (LOCAL, {"daily_texts": 500}, {"daily_texts": 500}),
        (LOCAL, {"segment_cost": "0"}, {"segment_cost": Decimal(0)}),
        (
            LOCAL,
            COSTS,
            {"daily_cost": Decimal("20.00"), "segment_cost": Decimal("0.0079")},
        ),
        (LOCAL, {"loop_replies": None}, {"loop_replies": None}),
        (LOCAL, {"loop_replies": 2, "loop_window": 60}, {"loop_replies": 2, "loop_window": 60}),
        (LOCAL, {"answers": "us"}, {"answers": Answers.US}),
        (LOCAL, {"answer_help": " Call us.\r\nBye "}, {"answer_help": "Call us.\nBye"}),
    ],
)
def test_what_can_be_used_is_read(
    kind: NumberType, changes: dict[str, Any], read: dict[str, Any]
) -> None:
    rules = judged(changes, kind)
    assert rules == replace(DEFAULT, **read)
    assert read_rules(rules_document(rules)) == rules


@pytest.mark.parametrize(
    ("kind", "changes", "wrong"),
    [
        (LOCAL, {"long_text": "shorten"}, {"long_text"}),
        (LOCAL, {"long_text": None, "transliterate": None}, {"long_text", "transliterate"}),
        (LOCAL, {"max_segments": 0}, {"max_segments"}),
        (LOCAL, {"max_segments": 11}, {"max_segments"}),
        (LOCAL, {"max_segments": "3"}, {"max_segments"}),
        (LOCAL, {"max_segments": True}, {"max_segments"}),
        (LOCAL, {"transliterate": "yes"}, {"transliterate"}),
        (
            LOCAL,
            {"requests_per_minute": 0, "units_per_minute": -1},
            {*RANGES}
            & {
                "requests_per_minute",
                "units_per_minute",
            },
        ),
        (LOCAL, {"verification": "verified"}, {"verification"}),
        (LOCAL, {"registered_in": ("GB",)}, {"registered_in"}),
        (LOCAL, {"managed_opt_out": False}, {"managed_opt_out"}),
        (LOCAL, {"att_class": "G"}, {"att_class"}),
        (LOCAL, {"tmobile_tier": "High"}, {"tmobile_tier"}),
        (TOLL_FREE, {"att_class": "A", "tmobile_tier": "top"}, {"att_class", "tmobile_tier"}),
        (ALPHA, {"registered_in": ("UK",)}, {"registered_in"}),
        (LOCAL, {"quiet_from": "21:00"}, {"quiet_until"}),
        (LOCAL, {"quiet_until": "08:00"}, {"quiet_from"}),
        (LOCAL, {"quiet_from": "24:00", "quiet_until": "8:00"}, {"quiet_from", "quiet_until"}),
        (LOCAL, {"quiet_from": "21:00", "quiet_until": "21:00"}, {"quiet_until"}),
        (LOCAL, {"daily_cost": "20"}, {"segment_cost"}),
        (LOCAL, COSTS | {"daily_cost": "-1"}, {"daily_cost"}),
        (LOCAL, COSTS | {"segment_cost": "NaN"}, {"segment_cost"}),
        (LOCAL, COSTS | {"segment_cost": "1e9"}, {"segment_cost"}),
        (LOCAL, COSTS | {"daily_cost": 0.1}, {"daily_cost"}),
        (LOCAL, {"loop_replies": 1}, {"loop_replies"}),
        (LOCAL, {"loop_window": None}, {"loop_window"}),
        (LOCAL, {"answers": "everybody"}, {"answers"}),
        (LOCAL, {"answer_opt_out": " \n"}, {"answer_opt_out"}),
        (LOCAL, {"answer_opt_in": "x" * 321}, {"answer_opt_in"}),
        (LOCAL, {"answer_help": "Call\u202e us"}, {"answer_help"}),
        (LOCAL, {"no_such_rule": 1}, {"no_such_rule"}),
    ],
)
def test_what_cannot_be_used_is_named_each_by_itself(
    kind: NumberType, changes: dict[str, Any], wrong: set[str]
) -> None:
    with pytest.raises(Problem) as caught:
        judged(changes, kind)
    assert caught.value.code is ProblemCode.INVALID
    assert set(caught.value.fields) == wrong
    assert all(caught.value.fields.values())


def test_the_providers_opt_out_service_is_a_choice_in_the_us_only() -> None:
    assert judged({"managed_opt_out": False}, SHORT).managed_opt_out is False
    with pytest.raises(Problem, check=lambda it: set(it.fields) == {"managed_opt_out"}):
        judged({"managed_opt_out": False}, SHORT, "CA")


def test_a_change_leaves_the_other_rules_and_judges_none_of_them_again() -> None:
    # The number was a toll-free one when this was said.
    before = replace(DEFAULT, verification=Verification.VERIFIED, daily_texts=5)
    after = valid_rules({"daily_texts": 6}, before, LOCAL, "US")
    assert after == replace(before, daily_texts=6)


def test_half_of_a_pair_cannot_be_taken_away() -> None:
    before = judged(QUIET | COSTS)
    for name in ("quiet_from", "segment_cost"):
        with pytest.raises(Problem) as caught:
            valid_rules({name: None}, before, LOCAL, "US")
        assert set(caught.value.fields) == {name}
    assert valid_rules({"quiet_from": None, "quiet_until": None}, before, LOCAL, "US") == replace(
        before, quiet_from=None, quiet_until=None
    )


def test_api_and_console_know_every_rule_with_its_default() -> None:
    assert tuple(Rules.model_fields) == NAMES
    assert {it.name for group in GROUPS for it in group.inputs} == set(NAMES)
    usual = plain_rules(DEFAULT)
    assert {name: field.default for name, field in Rules.model_fields.items()} == usual


def test_the_api_tells_what_is_left_out_from_what_is_null() -> None:
    given = RuleChanges.model_validate_json('{"loop_replies": null, "daily_texts": 3}').given()
    assert given == {"loop_replies": None, "daily_texts": 3}


@pytest.mark.parametrize("kind", NumberType)
def test_most_rules_are_for_every_number(kind: NumberType) -> None:
    shown = {name for name in NAMES if applies(name, kind, "US")}
    assert len(NAMES) - len(shown) in {3, 4, 5}
    assert {"long_text", "quiet_from", "daily_texts", "answers"} <= shown
