"""Keywords: the whole message or nothing, however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.keywords import (
    BY_LANGUAGE,
    KEYWORDS,
    OPT_IN_WHERE_OPTED_OUT,
    Keyword,
    classify,
    keyword_of,
)

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
        ("STOPALL", OUT),
        ("stop all", OUT),
        ("Stop-All.", OUT),
        ("info", HELP),
        ("ALTO", OUT),
        ("¡Alto!", OUT),
        ("baja", OUT),
        ("Cancelar suscripción", OUT),
        ("AYUDA", HELP),
        ("Iniciar", IN),
        ("comenzar", IN),
        ("ARRÊTER", OUT),
        ("Désabonner", OUT),
        ("désinscrire", OUT),
        ("aide", HELP),
        ("Reprendre", IN),
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
        "STOPALLOF",
        "YES",
        "sí",
        "yes!",
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


DOCUMENTED = {
    OUT: ("STOP", "ARRET", "QUIT", "END", "REVOKE", "OPT OUT", "CANCEL", "UNSUBSCRIBE"),
    IN: ("START", "UNSTOP"),
    HELP: ("HELP",),
}


@pytest.mark.parametrize(
    ("word", "keyword"), [(word, key) for key, words in DOCUMENTED.items() for word in words]
)
def test_every_documented_word_is_listed(word: str, keyword: Keyword) -> None:
    assert word in BY_LANGUAGE["English"][keyword]


@pytest.mark.parametrize("language", sorted(BY_LANGUAGE))
def test_every_language_has_a_word_for_each_keyword(language: str) -> None:
    assert all(BY_LANGUAGE[language][keyword] for keyword in Keyword)


@pytest.mark.parametrize(
    ("language", "keyword", "word"),
    [
        (language, keyword, word)
        for language, words in BY_LANGUAGE.items()
        for keyword, listed in words.items()
        for word in listed
    ],
)
def test_a_listed_word_means_the_same_in_every_language(
    language: str, keyword: Keyword, word: str
) -> None:
    assert keyword_of(word.lower()) == (keyword, word)


@pytest.mark.parametrize("text", ["YES", "yes!", "Sí", "oui."])
def test_yes_is_an_opt_in_only_from_who_is_opted_out(text: str) -> None:
    assert classify(text, opted_out=True) is IN
    assert classify(text) is None


def test_what_everyday_talk_says_is_no_opt_in_by_itself() -> None:
    assert not set(OPT_IN_WHERE_OPTED_OUT) & set(KEYWORDS)


@pytest.mark.parametrize("opted_out", [False, True])
def test_who_is_opted_out_is_otherwise_understood_as_ever(opted_out: bool) -> None:
    assert classify("Stop.", opted_out=opted_out) is OUT
    assert classify("yes please, on Tuesday", opted_out=opted_out) is None


@pytest.mark.parametrize(
    ("text", "word"), [("  stop!! ", "STOP"), ("opt-out", "OPT OUT"), ("Arrêt", "ARRET")]
)
def test_the_listed_word_is_the_evidence(text: str, word: str) -> None:
    assert keyword_of(text) == (OUT, word)


def test_a_long_text_is_no_keyword_however_it_is_spaced() -> None:
    assert classify("stop" + " " * 20_000 + "all") is None
    assert classify("." * 20_000 + "stop" + "!" * 20_000) is OUT


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
@settings(max_examples=300)
def test_case_space_and_punctuation_do_not_matter(spelling: tuple[str, Keyword]) -> None:
    text, keyword = spelling
    assert classify(text) is keyword


@given(st.sampled_from(sorted(KEYWORDS)), st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True))
@settings(max_examples=100)
def test_a_keyword_beside_another_word_is_none(word: str, other: str) -> None:
    assert classify(f"{word} {other}") is KEYWORDS.get(f"{word} {other}".upper())
    assert classify(f"{other} {word}") is KEYWORDS.get(f"{other} {word}".upper())


@given(st.text(max_size=200))
@settings(max_examples=200)
def test_any_text_can_be_classified(text: str) -> None:
    assert classify(text) in {None, OUT, IN, HELP}
