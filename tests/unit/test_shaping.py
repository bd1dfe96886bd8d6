"""Shaping: what goes out of a text under each rule for long texts, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.segments import measure
from common.sender_types import NumberType
from common.sending_rules import LongText, SendingRules, Shorteners
from common.shaping import MAX_CHARACTERS, MAX_SEGMENTS, Shaped, shape
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeWarning

pytestmark = pytest.mark.unit

LIMIT = 160
TOO_LONG = OutcomeCode.TEXT_TOO_LONG
SENTENCE = "We open at nine and close at five on every day of the week. "


def shaped(
    body: str,
    *,
    kind: NumberType = NumberType.TOLL_FREE,
    limit: int = LIMIT,
    to_us: bool = True,
    from_us: bool = True,
    **rules: Any,
) -> Shaped:
    return shape(body, SendingRules(**rules), kind, limit=limit, to_us=to_us, from_us=from_us)


@pytest.mark.parametrize("rule", LongText)
@pytest.mark.parametrize("body", ["", "Hello", "a" * 160, "я" * 70, "€" * 80, "😀" * 35])
def test_a_text_of_one_segment_goes_out_as_it_is_under_every_rule(
    rule: LongText, body: str
) -> None:
    assert shaped(body, long_text=rule) == Shaped(
        body=body,
        parts=(body,),
        truncated=False,
        encoding=measure(body).encoding,
        segments=1,
        problem=None,
        warnings=(),
    )


@pytest.mark.parametrize(
    ("body", "sent", "encoding"),
    [
        ("a" * 161, "a" * 157 + "...", "GSM-7"),
        ("€" * 81, "€" * 78 + "...", "GSM-7"),
        ("я" * 71, "я" * 67 + "...", "UCS-2"),
        ("a" * 160 + "😀", "a" * 157 + "...", "GSM-7"),
    ],
    ids=["GSM-7", "extension", "UCS-2", "UCS-2 that becomes GSM-7"],
)
def test_truncate_is_the_default_and_leaves_one_segment(
    body: str, sent: str, encoding: str
) -> None:
    found = shaped(body)
    assert (found.body, found.parts) == (sent, (sent,))
    assert (found.truncated, found.encoding, found.segments) == (True, encoding, 1)
    assert found.problem is None


def test_the_limit_of_truncate_is_the_callers() -> None:
    found = shaped("a" * 400, limit=306)
    assert (len(found.body), found.segments, found.truncated) == (306, 2, True)


def test_concatenate_sends_the_text_whole() -> None:
    body = SENTENCE * 5
    found = shaped(body, long_text=LongText.CONCATENATE)
    assert (found.body, found.parts, found.truncated) == (body, (body,), False)
    assert (found.segments, found.problem) == (2, None)


SHORT_CODE, TOLL_FREE = NumberType.SHORT_CODE, NumberType.TOLL_FREE


@pytest.mark.parametrize(
    ("kind", "from_us", "character", "part", "most"),
    [
        (SHORT_CODE, True, "я", 67, 4),
        (SHORT_CODE, True, "a", 153, 10),
        (SHORT_CODE, False, "я", 67, 10),
        (TOLL_FREE, True, "я", 67, 10),
        (TOLL_FREE, True, "a", 153, 10),
    ],
    ids=[
        "US short code, UCS-2",
        "US short code, GSM-7",
        "short code elsewhere, UCS-2",
        "other sender, UCS-2",
        "other sender, GSM-7",
    ],
)
def test_concatenate_ends_at_the_tables_segments(
    kind: NumberType, from_us: bool, character: str, part: int, most: int
) -> None:
    rules = {"kind": kind, "from_us": from_us, "long_text": LongText.CONCATENATE}
    assert shaped(character * part * most, **rules).problem is None
    found = shaped(character * (part * most + 1), **rules)
    assert (found.problem, found.segments) == (TOO_LONG, most + 1)


def test_a_numbers_own_most_segments_stand_before_the_table() -> None:
    rules = {"long_text": LongText.CONCATENATE, "kind": SHORT_CODE}
    assert shaped("a" * 153 * 6, max_segments=6, **rules).problem is None
    assert shaped("a" * (153 * 6 + 1), max_segments=6, **rules).problem is TOO_LONG
    assert shaped("a" * 307, max_segments=2, **rules).problem is TOO_LONG


def test_no_rule_lets_a_us_short_code_send_more_than_four_segments_outside_gsm() -> None:
    rules = {"long_text": LongText.CONCATENATE, "kind": SHORT_CODE}
    assert shaped("я" * 67 * 4, max_segments=6, **rules).problem is None
    assert shaped("я" * (67 * 4 + 1), max_segments=6, **rules).problem is TOO_LONG
    assert shaped("я" * (67 * 4 + 1), max_segments=6, from_us=False, **rules).problem is None
    assert shaped("я" * (67 * 2 + 1), max_segments=2, **rules).problem is TOO_LONG


def test_concatenate_ends_at_the_providers_characters_whatever_the_rule() -> None:
    rules = {"long_text": LongText.CONCATENATE, "max_segments": 100}
    assert shaped("a" * MAX_CHARACTERS, **rules).problem is None
    assert shaped("a" * (MAX_CHARACTERS + 1), **rules).problem is TOO_LONG
    assert shaped("😀" * (MAX_CHARACTERS // 2 + 1), **rules).problem is TOO_LONG


def test_split_keeps_the_text_and_sends_numbered_parts() -> None:
    body = SENTENCE * 5
    found = shaped(body, long_text=LongText.SPLIT)
    assert found.body == body
    assert [part[:6] for part in found.parts] == ["(1/2) ", "(2/2) "]
    assert (found.segments, found.truncated, found.problem) == (2, False, None)


def test_split_into_parts_of_both_encodings_has_the_encoding_of_the_whole() -> None:
    found = shaped(SENTENCE * 4 + "Увидимся! " * 3, long_text=LongText.SPLIT)
    assert {measure(part).encoding for part in found.parts} == {"GSM-7", "UCS-2"}
    assert (found.encoding, found.segments) == ("UCS-2", len(found.parts))


def test_split_of_a_text_that_is_too_long_for_its_blanks_only_sends_one_text() -> None:
    found = shaped("a" * 150 + " " * 20, long_text=LongText.SPLIT)
    assert (found.body, found.parts, found.segments) == ("a" * 150, ("a" * 150,), 1)


@pytest.mark.parametrize("most", [None, 3])
@pytest.mark.parametrize("kind", [TOLL_FREE, SHORT_CODE])
def test_split_ends_at_the_parts_allowed(most: int | None, kind: NumberType) -> None:
    rules = {"long_text": LongText.SPLIT, "max_segments": most, "kind": kind}
    allowed = most or MAX_SEGMENTS
    each = 64 if allowed < 10 else 62
    assert len(shaped("я" * each * allowed, **rules).parts) == allowed
    found = shaped("я" * (each * allowed + 1), **rules)
    assert (found.problem, len(found.parts)) == (TOO_LONG, 1)


@pytest.mark.parametrize("body", ["a" * 161, "я" * 71, "a" * 160 + "😀"])
def test_refuse_refuses_more_than_one_segment(body: str) -> None:
    found = shaped(body, long_text=LongText.REFUSE)
    assert (found.problem, found.body, found.parts) == (TOO_LONG, body, (body,))
    assert found.segments == measure(body).segments


def test_a_text_is_transliterated_before_it_is_measured_where_the_rule_says_so() -> None:
    body = "“We’re open” — " + "a" * 100
    found = shaped(body, transliterate=True)
    assert found.body.startswith('"We\'re open" - aaa')
    assert (found.encoding, found.segments, found.truncated) == ("GSM-7", 1, False)
    assert found.warnings == (OutcomeWarning.TRANSLITERATED,)


def test_without_the_rule_nothing_is_transliterated() -> None:
    found = shaped("“Hello”")
    assert (found.body, found.encoding, found.warnings) == ("“Hello”", "UCS-2", ())


@pytest.mark.parametrize("body", ["Hello", "“Привет”", "“Hi” 😀"])
def test_a_text_that_stays_as_it_is_has_no_warning(body: str) -> None:
    found = shaped(body, transliterate=True)
    assert (found.body, found.warnings) == (body, ())


def test_a_shortener_in_a_text_to_the_us_is_refused() -> None:
    found = shaped("See https://bit.ly/abc")
    assert found.problem is OutcomeCode.SHORTENED_URL
    assert found.body == "See https://bit.ly/abc"


def test_a_shortener_is_only_flagged_where_the_rule_says_so() -> None:
    found = shaped("See https://bit.ly/abc", shorteners=Shorteners.FLAG)
    assert (found.problem, found.warnings) == (None, (OutcomeWarning.SHORTENED_URL,))


@pytest.mark.parametrize("rule", Shorteners)
def test_a_shortener_elsewhere_is_nothing(rule: Shorteners) -> None:
    found = shaped("See https://bit.ly/abc", shorteners=rule, to_us=False)
    assert (found.problem, found.warnings) == (None, ())


@pytest.mark.parametrize("rule", [LongText.CONCATENATE, LongText.SPLIT])
def test_a_shortener_is_seen_anywhere_in_a_long_text(rule: LongText) -> None:
    body = SENTENCE * 6 + "See bit.ly/abc. " + SENTENCE
    assert shaped(body, long_text=rule).problem is OutcomeCode.SHORTENED_URL


def test_a_shortener_that_is_cut_off_does_not_go_out() -> None:
    assert shaped(SENTENCE * 6 + "See bit.ly/abc").problem is None


def test_of_two_problems_the_length_is_told() -> None:
    body = "See bit.ly/abc " + SENTENCE * 3
    assert shaped(body, long_text=LongText.REFUSE).problem is TOO_LONG


rules_of_texts = st.builds(
    SendingRules,
    long_text=st.sampled_from(LongText),
    max_segments=st.none() | st.integers(1, 12),
    transliterate=st.booleans(),
)


@given(
    st.text(max_size=900) | st.text(alphabet="ab c€я😀“’", max_size=900),
    rules_of_texts,
    st.sampled_from(NumberType),
    st.booleans(),
)
@settings(max_examples=300)
def test_what_goes_out_is_measured_allowed_and_shaped_once(
    body: str, rules: SendingRules, kind: NumberType, from_us: bool
) -> None:
    found = shape(body, rules, kind, limit=LIMIT, to_us=True, from_us=from_us)
    assert found.segments == sum(measure(part).segments for part in found.parts)
    assert found.encoding == measure(found.body).encoding
    assert len(found.parts) > 1 or found.parts == (found.body,)
    if found.problem is not None:
        return
    assert found.segments <= (rules.max_segments or MAX_SEGMENTS)
    if rules.long_text is not LongText.CONCATENATE:
        assert all(measure(part).segments == 1 for part in found.parts)
    for part in found.parts:
        again = shape(part, rules, kind, limit=LIMIT, to_us=True, from_us=from_us)
        assert (again.parts, again.truncated, again.problem) == ((part,), False, None)
