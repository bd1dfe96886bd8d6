"""Transliteration: typographic signs become plain ones, and only where that is enough."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.segments import Encoding, encoding_of
from common.transliteration import PLAIN, transliterate

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("sign", "plain"), PLAIN.items(), ids=[f"U+{ord(s):04X}" for s in PLAIN])
def test_each_sign_becomes_its_plain_one(sign: str, plain: str) -> None:
    assert encoding_of(sign) is Encoding.UCS_2
    assert encoding_of(plain) is Encoding.GSM_7
    assert transliterate(f"a{sign}b") == f"a{plain}b"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("“It’s 5 o’clock” – see you…", "\"It's 5 o'clock\" - see you..."),
        ("10\u00a0€", "10 €"),
        ("a\u202fb\u2009c", "a b c"),
        ("‹Å› «É»", "'Å' \"É\""),
        ("cross\u00adroads\u200b", "crossroads"),
        ("`code`\tand\u2028line", "'code' and\nline"),
    ],
)
def test_a_text_with_nothing_else_becomes_gsm_7(text: str, plain: str) -> None:
    assert transliterate(text) == plain
    assert encoding_of(plain) is Encoding.GSM_7


@pytest.mark.parametrize("text", ["", "Hello", "“Привет”", "“Hi” 😀", "ça va – bien", "it’s 中文"])
def test_a_text_that_stays_outside_gsm_7_is_left_alone(text: str) -> None:
    assert transliterate(text) == text


def test_no_letter_is_replaced() -> None:
    modifiers = {"ʹ", "ʼ"}  # letters in name only: a prime and an apostrophe
    letters = {sign for sign in PLAIN if unicodedata.category(sign).startswith("L")}
    assert letters == modifiers
    assert not any(unicodedata.category(sign)[0] in "MN" for sign in PLAIN)


@given(st.text(max_size=50) | st.text(alphabet=[*PLAIN, "a", "€", "я"], max_size=50))
@settings(max_examples=300)
def test_it_is_all_or_nothing_and_done_once(text: str) -> None:
    plain = transliterate(text)
    assert plain == text or encoding_of(plain) is Encoding.GSM_7
    assert transliterate(plain) == plain
