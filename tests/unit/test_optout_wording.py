"""Free wording: what asks for no more texts, and what only sounds like it."""

from __future__ import annotations

import time
import tomllib
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import optout
from common.keywords import classify
from common.optout import english_names, spanish_french, surroundings
from common.optout.patterns import read_pattern
from common.optout.sentences import MAX_CHARACTERS, MAX_WORDS, segments_of
from common.optout.wording import RULES, classify_wording

pytestmark = pytest.mark.unit

EXAMPLES: Final = Path(optout.__file__).with_name("examples.toml")
_TABLE: Final = tomllib.loads(EXAMPLES.read_text(encoding="utf-8"))
OPT_OUTS: Final[list[str]] = [text for group in _TABLE["opt_out"] for text in group["texts"]]
NONE: Final[list[str]] = [text for group in _TABLE["none"] for text in group["texts"]]


@pytest.mark.parametrize("text", OPT_OUTS)
def test_an_opt_out_in_free_wording_is_recognised(text: str) -> None:
    assert classify_wording(text) is not None


@pytest.mark.parametrize("text", NONE)
def test_what_only_sounds_like_one_is_left_alone(text: str) -> None:
    assert classify_wording(text) is None


def test_the_public_table_is_long_and_says_nothing_twice() -> None:
    assert len(OPT_OUTS) >= 160
    assert len(NONE) >= 160
    assert len({text.casefold() for text in (*OPT_OUTS, *NONE)}) == len(OPT_OUTS) + len(NONE)


def test_the_public_table_holds_no_keyword() -> None:
    assert [text for text in (*OPT_OUTS, *NONE) if classify(text) is not None] == []


def test_every_rule_has_an_example() -> None:
    met = {match.rule for text in OPT_OUTS if (match := classify_wording(text))}
    assert met == {rule.name for rule in RULES}


@pytest.mark.parametrize(
    ("text", "rule", "phrase"),
    [
        ("Hi! Pls STOP txting me, thx", "stop_texting", "stop texting me"),
        ("wrong number. Take me off ur list!!", "off_the_list", "take me off your list"),
        ("I’d like to opt-out", "opt_out", "i would like to opt out"),
        ("¡Déjenme en paz!", "dejenme_en_paz", "dejenme en paz"),
        ("Désabonnez-moi, svp", "hors_de_la_liste", "desabonnez moi"),
        ("stop. I said don't text me again", "do_not_text_again", "do not text me again"),
    ],
)
def test_a_match_names_its_rule_and_its_words(text: str, rule: str, phrase: str) -> None:
    match = classify_wording(text)
    assert match is not None
    assert (match.rule, match.phrase) == (rule, phrase)


# What surrounds a text, and how it is written, says nothing.

_EDGES: Final = st.text(alphabet=" \t\n.!,;:-()*~🙏😡👋🛑❤️\u200b\u00a0", max_size=6)
_IN_QUOTES: Final = st.sampled_from(["{}", '"{}"', "“{}”", "«{}»", "({})", "*{}*"])
_CASES: Final = st.sampled_from([str.upper, str.lower, str.title, str.swapcase, str])
_WITHOUT_QUOTES: Final = [text for text in (*OPT_OUTS, *NONE) if not set(text) & set("\"“”'’")]


@given(st.sampled_from(_WITHOUT_QUOTES), _EDGES, _EDGES, _IN_QUOTES, _CASES)
@settings(max_examples=400)
def test_case_surrounding_marks_and_emoji_change_nothing(
    text: str, before: str, after: str, quotes: str, cased: object
) -> None:
    assert callable(cased)
    written = before + quotes.format(cased(text)) + after
    assert (classify_wording(written) is None) == (classify_wording(text) is None)


@given(st.sampled_from([*OPT_OUTS, *NONE]), st.sampled_from([" ", "  ", "\u00a0", " \t"]))
@settings(max_examples=200)
def test_the_blanks_between_words_change_nothing(text: str, blank: str) -> None:
    written = blank.join(text.split(" "))
    assert classify_wording(written) == classify_wording(text)


@pytest.mark.parametrize(
    "text", ["ｓｔｏｐ ｔｅｘｔｉｎｇ ｍｅ", "s\u200btop texting me", "stop téxting me"]
)
def test_other_forms_of_letters_change_nothing(text: str) -> None:
    assert classify_wording(text) is not None


# Somebody else's words, and long texts.

_STORY: Final = (
    "The quarterly meeting went on for two hours and most of it was about the parking garage, "
    "which will be closed from the fourteenth because the contractor found water below. We "
    "talked about the holiday party too, about who brings the tree and who pays for the band. "
)


@given(st.sampled_from(OPT_OUTS), st.sampled_from(["“{}”", '"{}"', "«{}»"]))
@settings(max_examples=200)
def test_a_quoted_opt_out_within_a_text_is_none(text: str, quotes: str) -> None:
    bare = text.translate(dict.fromkeys(map(ord, '"“”«»')))
    assert classify_wording(f"Yesterday a customer wrote {quotes.format(bare)} to us") is None


@pytest.mark.parametrize("text", OPT_OUTS[::7])
def test_an_opt_out_inside_a_long_story_is_none(text: str) -> None:
    assert classify_wording(f"{_STORY} My neighbor got one that said: {text}. {_STORY}") is None


@pytest.mark.parametrize("text", [it for it in OPT_OUTS if len(segments_of(it)) == 1][::4])
@pytest.mark.parametrize(
    "frame",
    ["She told me: {}", "If it rains, {}", "do not {}", "He was like {}", "{} unless I ask"],
)
def test_a_report_a_condition_or_a_negation_turns_an_opt_out_round(frame: str, text: str) -> None:
    assert classify_wording(frame.format(text.rstrip(".!?"))) is None


def test_a_text_is_read_up_to_its_limits_and_not_beyond() -> None:
    opt_out = "stop texting me. "
    assert classify_wording(opt_out + "word " * (MAX_WORDS - 3)) is not None
    assert classify_wording(opt_out + "word " * (MAX_WORDS - 2)) is None
    assert classify_wording(opt_out + "x" * (MAX_CHARACTERS - len(opt_out))) is not None
    assert classify_wording(opt_out + "x" * (MAX_CHARACTERS - len(opt_out) + 1)) is None


# Any text, in bounded time.

_HOSTILE: Final = (
    "stop " * 4_000,
    "please " * 3_000,
    "a" * 20_000,
    "'" * 20_000,
    '"' * 20_000,
    "'a" * 10_000,
    "." * 20_000,
    "😡" * 20_000,
    " " * 20_000,
    "stop " * MAX_WORDS,
    "please " * MAX_WORDS,
    "i do not want to " * 12,
    "i told you all twice to " * 10,
    "all of these damn " * 15,
    "'a" * 299,
    "\"'" * 299,
    ".?" * 299,
    "stop texting me about " * 15,
)


@pytest.mark.parametrize("text", _HOSTILE)
def test_no_text_takes_long(text: str) -> None:
    started = time.process_time()
    classify_wording(text)
    assert time.process_time() - started < 0.25


@given(st.text(max_size=300))
@settings(max_examples=300)
def test_any_text_can_be_read(text: str) -> None:
    match = classify_wording(text)
    assert match is None or match.phrase


@given(
    st.lists(st.sampled_from(["stop", "texting", "me", "please", "don't", "you", "?", ".", "if"]))
)
@settings(max_examples=300)
def test_the_same_text_is_always_read_the_same(words: list[str]) -> None:
    text = " ".join(words)
    assert classify_wording(text) == classify_wording(text)


# The rules are data: what could be wrong with them.


def test_every_rule_has_a_name_of_its_own() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_no_name_of_a_pattern_is_given_twice() -> None:
    books = (
        *(english_names.NAMES, spanish_french.NAMES),
        *(surroundings.NAMES, surroundings.NAMES_OF_REASONS),
    )
    names = [name for book in books for name in book]
    assert len(set(names)) == len(names)


_ALL_PATTERNS: Final = [
    *(pattern for rule in RULES for pattern in rule.patterns),
    *surroundings.COURTESIES,
    *surroundings.EXCLAMATIONS,
    *surroundings.REASONS,
    *surroundings.WHOLE_REASONS,
    *surroundings.NEVER,
    *surroundings.OF_THE_MOMENT,
]


_BY_NAME: Final = {
    **english_names.NAMES,
    **spanish_french.NAMES,
    **surroundings.NAMES,
    **surroundings.NAMES_OF_REASONS,
}


def plainest(pattern: str) -> str:
    """The shortest text that a pattern allows, with the first word wherever there is a choice."""
    words = []
    for slot in pattern.split():
        if slot.endswith("?"):
            continue
        named = slot.startswith("<")
        words.append(plainest(_BY_NAME[slot[1:-1]][0]) if named else slot.split("|")[0])
    return " ".join(words).replace("*", "brenda")


@pytest.mark.parametrize("pattern", [it for rule in RULES for it in rule.patterns])
def test_every_pattern_recognises_what_it_says(pattern: str) -> None:
    assert classify_wording(plainest(pattern)) is not None


@pytest.mark.parametrize("reason", [*surroundings.REASONS, *surroundings.WHOLE_REASONS])
def test_beside_a_reason_a_bare_stop_counts(reason: str) -> None:
    assert classify_wording(f"{plainest(reason)}. Please stop.") is not None


@pytest.mark.parametrize("courtesy", surroundings.COURTESIES)
def test_a_courtesy_takes_nothing_away(courtesy: str) -> None:
    assert classify_wording(f"{plainest(courtesy)} stop texting me") is not None
    assert classify_wording(f"remove my number {plainest(courtesy)}") is not None


@pytest.mark.parametrize("lead", [*surroundings.STATING, *surroundings.ASKING])
def test_a_demand_or_a_polite_question_leads_into_an_opt_out(lead: str) -> None:
    asks = "?" if lead in surroundings.ASKING else ""
    assert classify_wording(f"{plainest(lead)} take me off your list{asks}") is not None


@pytest.mark.parametrize("sign", surroundings.NEVER)
def test_a_sign_of_a_story_or_an_exception_makes_it_none(sign: str) -> None:
    assert classify_wording(f"stop texting me. {plainest(sign)}") is None


@pytest.mark.parametrize("reason", surroundings.OF_THE_MOMENT)
def test_a_reason_of_this_moment_makes_it_none(reason: str) -> None:
    assert classify_wording(f"stop texting me, {plainest(reason)}") is None
    assert classify_wording(f"take me off your list. {plainest(reason)}") is not None


def test_every_pattern_is_written_in_words_as_texts_are_read() -> None:
    for pattern in _ALL_PATTERNS:
        for word in pattern.replace("?", "").replace("|", " ").split():
            if not word.startswith("<") and word != "*":
                read = [it for segment in segments_of(word) for it in segment.words]
                assert read == [word], pattern


@pytest.mark.parametrize("written", ["*", "* *?", ""])
def test_a_pattern_that_would_match_anything_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="without a word"):
        read_pattern(written, {})


@pytest.mark.parametrize(
    ("written", "text", "ends"),
    [
        ("stop texting me", "stop texting me now", {3}),
        ("stop|quit texting", "quit texting", {2}),
        ("please? stop", "stop", {1}),
        ("stop * me", "stop bugging me", {3}),
        ("stop <it> now?", "stop all that now", {3, 4}),
        ("stop <it>", "stop it", set()),
    ],
)
def test_a_pattern_ends_behind_its_last_word(written: str, text: str, ends: set[int]) -> None:
    pattern = read_pattern(written, {"it": ("all this|that",)})
    assert pattern.ends(text.split(), 0) == ends
