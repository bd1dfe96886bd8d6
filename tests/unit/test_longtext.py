"""Long texts: cut at 157 characters, visibly, and never inside what a reader sees as one."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.longtext import Fitted, fit

pytestmark = pytest.mark.unit

CLUSTERS = [
    "a",
    " ",
    ".",
    "é",
    "e\u0301",  # e + combining acute
    "a\u0323\u0302",  # two marks
    "中",
    "😀",
    "👍🏽",  # with a skin tone
    "❤\ufe0f",  # with a variation selector
    "1\ufe0f\u20e3",  # a keycap
    "👩\u200d👩\u200d👧\u200d👦",  # a family
    "🏳\ufe0f\u200d🌈",
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
    "🇫🇷",
    "🇯🇵",
    "\r\n",
    "\u1112\u1161\u11ab",  # Hangul in three letters
    "\u1100가",
    "한\u11ab",
    "क्ष",  # two consonants joined by a virama
    "ｶ\uff9e",
    "\ud83d\ude00",  # an emoji as two lone surrogates, as a bad decoder leaves it
]


@pytest.mark.parametrize("length", [0, 1, 157, 159, 160])
def test_a_text_that_fits_is_left_alone(length: int) -> None:
    text = "a" * length
    assert fit(text) == Fitted(body=text, original=text, truncated=False)


@pytest.mark.parametrize("length", [161, 162, 500])
def test_a_text_that_does_not_fit_is_its_first_157_characters_and_an_ellipsis(length: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(length))
    assert fit(text) == Fitted(body=text[:157] + "...", original=text, truncated=True)


@pytest.mark.parametrize("cluster", [c for c in CLUSTERS if len(c) > 1], ids=ascii)
def test_a_cluster_across_the_limit_is_left_out_whole(cluster: str) -> None:
    for inside in range(1, len(cluster)):
        start = "a" * (157 - inside)
        text = start + cluster + "b" * 20
        assert fit(text).body == start + "..."
    start = "a" * (157 - len(cluster))
    assert fit(start + cluster + "b" * 20).body == start + cluster + "..."


def test_flags_are_cut_in_pairs() -> None:
    assert fit("🇫🇷" * 100).body == "🇫🇷" * 78 + "..."
    assert fit("a" + "🇫🇷" * 100).body == "a" + "🇫🇷" * 78 + "..."


def test_a_single_cluster_that_is_too_long_leaves_the_ellipsis() -> None:
    assert fit("e" + "\u0301" * 200).body == "..."


@pytest.mark.parametrize(("limit", "body"), [(3, "..."), (4, "a..."), (5, "ab...")])
def test_the_limit_can_be_chosen(limit: int, body: str) -> None:
    assert fit("abcdef", limit=limit).body == body


def test_a_limit_without_room_for_the_ellipsis_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        fit("abcdef", limit=2)


@given(st.lists(st.sampled_from(CLUSTERS), max_size=120), st.integers(3, 200))
@settings(deadline=None, max_examples=300)
def test_the_cut_is_the_last_one_between_clusters_that_fits(
    clusters: list[str], limit: int
) -> None:
    text = "".join(clusters)
    fitted = fit(text, limit=limit)
    assert fitted.original == text
    assert fitted.truncated == (len(text) > limit)
    if not fitted.truncated:
        assert fitted.body == text
        return
    joins = [0, *accumulate(len(cluster) for cluster in clusters)]
    cut = max(join for join in joins if join <= limit - 3)
    assert fitted.body == text[:cut] + "..."


@given(st.text(max_size=400), st.integers(3, 200))
@settings(deadline=None, max_examples=200)
def test_any_text_fits_afterwards(text: str, limit: int) -> None:
    fitted = fit(text, limit=limit)
    assert len(fitted.body) <= limit
    assert fit(fitted.body, limit=limit).body == fitted.body
    assert text.startswith(fitted.body.removesuffix("...") if fitted.truncated else fitted.body)
