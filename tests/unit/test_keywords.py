"""Keywords: the whole message or nothing, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.keywords import KEYWORDS, Keyword, classify

pytestmark = pytest.mark.unit

OUT, IN, HELP = Keyword.OPT_OUT, Keyword.OPT_IN, Keyword.HELP


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("STOP", OUT),
        ("ARRET", OUT),
        ("QUIT", OUT),
        ("END", OUT),
        ("REVOKE", OUT),
        ("OPT OUT", OUT),
        ("CANCEL", OUT),
        ("UNSUBSCRIBE", OUT),
        ("START", IN),
        ("UNSTOP", IN),
        ("HELP", HELP),
        ("stop", OUT),
        ("Stop.", OUT),
        ("  sToP!!! ", OUT),
        ('"STOP"', OUT),
        ("«Stop»", OUT),
        ("*stop*", OUT),
        ("STOP\r\n", OUT),
        ("\u200eSTOP\u200f", OUT),
        ("\ufeffSTOP\u00a0", OUT),
        ("ＳＴＯＰ", OUT),
        ("ARRÊT", OUT),
        ("arrêt", OUT),
        ("arre\u0302t.", OUT),
        ("OPTOUT", OUT),
        ("OPT-OUT", OUT),
        ("opt\u2013out", OUT),
        ("Opt_Out", OUT),
        ("opt  \t out", OUT),
        ("help?", HELP),
        ("¡Help!", HELP),
    ],
)
def test_a_keyword_is_recognised_however_it_is_written(text: str, keyword: Keyword) -> None:
    assert classify(text) is keyword


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "...",
        "stop by the shop",
        "please stop",
        "don't stop",
        "STOP STOP",
        "STOP 2",
        "2 STOP",
        "stopp",
        "STOPALL",
        "S.T.O.P",
        "S T O P",
        "un stop",
        "the end",
        "weekend",
        "opt out of this",
        "outopt",
        "can you help me?",
        "restart",
        "startled",
        "да",
        "停止",
    ],
)
def test_a_sentence_is_no_keyword(text: str) -> None:
    assert classify(text) is None


surrounding = st.text(
    alphabet=" \t\r\n.,;:!?'\"()[]{}*_-~#«»“”…\u00a0\u200b\u200e\ufeff", max_size=8
)


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, Keyword]:
    word = draw(st.sampled_from(sorted(KEYWORDS)))
    cased = "".join(c.lower() if draw(st.booleans()) else c for c in word)
    between = draw(st.sampled_from([" ", "  ", "-", " - ", "\n", "_", "\u00a0"]))
    text = draw(surrounding) + cased.replace(" ", between) + draw(surrounding)
    return text, KEYWORDS[word]


@given(spellings())
@settings(deadline=None, max_examples=300)
def test_case_space_and_punctuation_do_not_matter(spelling: tuple[str, Keyword]) -> None:
    text, keyword = spelling
    assert classify(text) is keyword


@given(st.sampled_from(sorted(KEYWORDS)), st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True))
@settings(deadline=None, max_examples=100)
def test_a_keyword_beside_another_word_is_none(word: str, other: str) -> None:
    assert classify(f"{word} {other}") in {None, KEYWORDS.get(f"{word} {other}".upper())}
    assert classify(f"{other} {word}") in {None, KEYWORDS.get(f"{other} {word}".upper())}


@given(st.text(max_size=200))
@settings(deadline=None, max_examples=200)
def test_any_text_can_be_classified(text: str) -> None:
    assert classify(text) in {None, OUT, IN, HELP}
