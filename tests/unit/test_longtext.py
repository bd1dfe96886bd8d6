"""Long texts: cut to one segment or split into numbered texts, never inside one character."""

from __future__ import annotations

import re
import time
from itertools import accumulate

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from common.longtext import Fitted, fit, split
from common.segments import Encoding, measure

pytestmark = pytest.mark.unit

CLUSTERS = [
    "a",
    " ",
    ".",
    "é",
    "€",
    "[",
    "e\u0301",  # e + combining acute
    "a\u0323\u0302",  # two marks
    "中",
    "😀",
    "👍🏽",  # with a skin tone
    "❤\ufe0f",  # with a variation selector
    "1\ufe0f\u20e3",  # a keycap
    "👩\u200d👩\u200d👧\u200d👦",  # a family
    "🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",  # the flag of Scotland
    "🇫🇷",
    "\r\n",
    "\u1112\u1161\u11ab",  # Hangul in three letters
    "क्षि",  # two consonants joined by a virama, and a vowel
    "\ud83d\ude00",  # an emoji as two lone surrogates, as a bad decoder leaves it
]
FOREIGN = [cluster for cluster in CLUSTERS if measure(cluster).encoding is Encoding.UCS_2]
WORDS = ["I", "see", "you", "at", "nine", "o'clock", "€5", "[sic]", "naïve", "😀", "नमस्ते", "don’t"]
URL = "https://www.example.com/tickets/2026/a-rather-long-name?of=a&page=1"


def units(text: str) -> int:
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


@pytest.mark.parametrize("length", [0, 1, 157, 159, 160])
def test_a_text_that_fits_is_left_alone(length: int) -> None:
    text = "a" * length
    assert fit(text) == Fitted(body=text, truncated=False)


@pytest.mark.parametrize("length", [161, 162, 500])
def test_a_text_that_does_not_fit_is_its_first_157_characters_and_an_ellipsis(length: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(length))
    assert fit(text) == Fitted(body=text[:157] + "...", truncated=True)


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("я" * 70, "я" * 70),
        ("я" * 71, "я" * 67 + "..."),
        ("😀" * 35, "😀" * 35),
        ("😀" * 36, "😀" * 33 + "..."),  # 66 units; one is too few for another
        ("€" * 80, "€" * 80),
        ("€" * 81, "€" * 78 + "..."),  # 156 septets; one is too few for another
        ("a" * 100 + "[" * 40, "a" * 100 + "[" * 28 + "..."),
    ],
    ids=lambda text: ascii(text)[:20],
)
def test_a_cut_text_is_one_segment_of_its_own_encoding(text: str, body: str) -> None:
    assert fit(text).body == body
    assert measure(body).segments == 1


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ("a" * 160 + "😀", "a" * 157 + "..."),  # what is cut off was all that was not GSM-7
        ("a" * 100 + "😀", "a" * 100 + "..."),  # more than the 67 units of UCS-2
        ("a" * 66 + "я" + "b" * 10, "a" * 66 + "я" + "..."),  # more than 66 septets
        ("a" * 68 + "я" + "b" * 10, "a" * 68 + "..."),
    ],
)
def test_of_both_ways_to_cut_the_one_that_keeps_more_is_taken(text: str, body: str) -> None:
    assert fit(text).body == body


@pytest.mark.parametrize("cluster", [c for c in FOREIGN if units(c) > 1], ids=ascii)
def test_a_cluster_across_the_limit_is_left_out_whole(cluster: str) -> None:
    for inside in range(1, units(cluster)):
        start = "я" * (67 - inside)
        assert fit(start + cluster + "я" * 20).body == start + "..."
    start = "я" * (67 - units(cluster))
    assert fit(start + cluster + "я" * 20).body == start + cluster + "..."


@pytest.mark.parametrize(
    "link",
    [
        URL,
        URL.upper(),
        URL.replace("https", "http"),
        URL.removeprefix("https://"),
        URL.removeprefix("https://www."),
    ],
)
@pytest.mark.parametrize("length", [105, 120, 150])
def test_a_link_that_the_cut_would_break_is_left_out(link: str, length: int) -> None:
    start = ("word " * 40)[:length].rstrip()
    assert fit(f"{start} {link} and more, {'x' * 90}").body == start + "..."
    assert fit(f"{start} ({link}) and more, {'x' * 90}").body == start + " (..."


def test_a_link_before_the_cut_stays_whole() -> None:
    end = 157 - len(URL) - 1
    start = ("word " * 40)[:end].rstrip("w ").ljust(end, "s")
    for after in (" and more of it", ". And more of it", "!?", ")"):
        text = f"{start} {URL}{after}".ljust(200, " ") + "."
        assert fit(text).body == f"{start} {URL}..."


def test_a_link_without_which_less_than_half_is_left_is_cut() -> None:
    assert fit(f"See {URL}{'x' * 200}").body == f"See {URL}{'x' * 200}"[:157] + "..."
    for length, kept in ((78, 157), (79, 79)):
        text = "a" * length + f" {URL}{'x' * 200}"
        assert fit(text).body == text[:kept] + "..."


def test_what_is_no_link_is_cut_where_the_text_is_full() -> None:
    for word in ("and/or" * 20, "a.b.c" * 30, "8/10/2026" * 20, "http" * 30):
        text = f"{'word ' * 25}{word}"
        assert fit(text).body == text[:157] + "..."


def test_a_long_run_of_what_looks_like_a_host_takes_no_time() -> None:
    started = time.process_time()
    for text in (
        "a." * 50_000,
        "www." * 25_000,
        "a-b." * 25_000,
        "http://" * 15_000,
        "a/" * 50_000,
    ):
        assert fit(text).truncated
    assert time.process_time() - started < 0.5


def test_flags_are_cut_in_pairs() -> None:
    assert fit("🇫🇷" * 100).body == "🇫🇷" * 16 + "..."
    assert fit("я" + "🇫🇷" * 100).body == "я" + "🇫🇷" * 16 + "..."


def test_a_single_cluster_that_is_too_long_leaves_the_ellipsis() -> None:
    assert fit("e" + "\u0301" * 200).body == "..."


@pytest.mark.parametrize(("limit", "body"), [(3, "..."), (4, "a..."), (5, "ab...")])
def test_the_limit_can_be_chosen(limit: int, body: str) -> None:
    assert fit("abcdef", limit=limit).body == body


@pytest.mark.parametrize(("limit", "kept"), [(3, 0), (8, 0), (10, 1), (160, 67), (320, 137)])
def test_the_limit_of_ucs2_is_in_proportion(limit: int, kept: int) -> None:
    assert fit("я" * 1000, limit=limit).body == "я" * kept + "..."


def test_what_is_no_longer_than_the_ellipsis_is_never_cut() -> None:
    assert fit("яяя", limit=3).body == "яяя"


def test_a_limit_without_room_for_the_ellipsis_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 3"):
        fit("abcdef", limit=2)


@given(st.lists(st.sampled_from(CLUSTERS), max_size=120), st.integers(8, 200))
@settings(max_examples=300)
def test_the_cut_is_the_last_one_between_clusters_that_fits(
    clusters: list[str], limit: int
) -> None:
    text = "".join(clusters)

    def fits(body: str) -> bool:
        measured = measure(body)
        ucs = measured.encoding is Encoding.UCS_2
        return measured.units <= max(3, limit * 70 // 160) if ucs else measured.units <= limit

    fitted = fit(text, limit=limit)
    assert fitted.truncated == (not fits(text))
    if not fitted.truncated:
        assert fitted.body == text
        return
    cuts = [0, *accumulate(len(cluster) for cluster in clusters)]
    kept = max(cut for cut in cuts if fits(text[:cut] + "..."))
    assert fitted.body == text[:kept] + "..."


@given(st.text(max_size=400) | st.text(alphabet="ab€я😀", max_size=400), st.integers(3, 200))
@settings(max_examples=300)
def test_what_was_cut_fits_and_is_not_cut_again(text: str, limit: int) -> None:
    fitted = fit(text, limit=limit)
    assert measure(fitted.body).units <= limit
    assert limit > 160 or measure(fitted.body).segments == 1
    assert fit(fitted.body, limit=limit).body == fitted.body
    kept = fitted.body.removesuffix("...") if fitted.truncated else fitted.body
    assert text.startswith(kept)
    clusters = regex.findall(r"\X", text)
    assert len(kept) in {0, *accumulate(map(len, clusters))}


# Splitting.


def bare(parts: tuple[str, ...]) -> list[str]:
    """The parts without their numbers, which must be right."""
    if len(parts) == 1:
        return list(parts)
    bodies = []
    for place, part in enumerate(parts, start=1):
        number = f"({place}/{len(parts)}) "
        assert part.startswith(number)
        bodies.append(part.removeprefix(number))
    return bodies


def split_all(text: str) -> tuple[str, ...]:
    parts = split(text, 1_000)
    assert parts is not None
    return parts


def words(text: str) -> list[str]:
    return re.findall(r"[^\s]+", text)


def test_a_text_is_split_between_words_and_numbered() -> None:
    text = " ".join(["word"] * 62)
    assert split(text, 10) == (
        "(1/2) " + " ".join(["word"] * 31),
        "(2/2) " + " ".join(["word"] * 31),
    )


def test_a_text_of_one_segment_is_not_numbered() -> None:
    assert split("a" * 160, 10) == ("a" * 160,)
    assert split(" " * 9 + "a" * 155 + "\n\n", 10) == ("a" * 155,)


def test_each_part_has_the_encoding_that_its_own_characters_need() -> None:
    plain, foreign = " ".join(["word"] * 31), " ".join(["слово"] * 8)
    parts = split(f"{plain} {foreign}", 10)
    assert parts is not None
    assert [measure(part).encoding for part in parts] == [Encoding.GSM_7, Encoding.UCS_2]


def test_a_part_is_full_to_the_last_unit() -> None:
    parts = split("a" * 400, 10)
    assert parts == ("(1/3) " + "a" * 154, "(2/3) " + "a" * 154, "(3/3) " + "a" * 92)
    parts = split("я" * 100, 10)
    assert parts == ("(1/2) " + "я" * 64, "(2/2) " + "я" * 36)


def test_the_numbers_grow_with_the_count() -> None:
    parts = split("a" * 154 * 10, 11)
    assert parts is not None
    assert parts[0] == "(1/11) " + "a" * 152
    assert parts[10] == "(11/11) " + "a" * 20
    assert all(measure(part).segments == 1 for part in parts)


@pytest.mark.parametrize("most", [2, 9])
def test_more_parts_than_allowed_are_none(most: int) -> None:
    assert split("a" * 154 * most, most + 1) is not None
    assert split("a" * (154 * most + 1), most) is None


def test_a_link_moves_to_the_next_part_whole() -> None:
    text = " ".join(["word"] * 25) + f" {URL} " + " ".join(["word"] * 10)
    parts = split(text, 10)
    assert parts is not None
    assert parts[1].startswith(f"(2/2) {URL} word")


def test_a_word_longer_than_a_part_is_cut_where_the_part_is_full() -> None:
    assert split("see " + "x" * 200, 10) == (
        "(1/2) see " + "x" * 150,
        "(2/2) " + "x" * 50,
    )


def test_a_long_word_is_cut_between_clusters() -> None:
    family = "👩\u200d👩\u200d👧\u200d👦"
    parts = split_all(family * 20)
    assert {part.count("\u200d") % 3 for part in parts} == {0}
    assert "".join(bare(parts)) == family * 20


def test_a_no_break_space_is_no_place_to_cut() -> None:
    text = " ".join(["слово"] * 10) + " 10\u00a0000\u00a0€ слово слово"
    assert split_all(text)[-1] == "(2/2) 10\u00a0000\u00a0€ слово слово"


def test_a_cluster_longer_than_a_part_cannot_be_split() -> None:
    assert split("e" + "\u0301" * 200, 10) is None


@given(st.lists(st.sampled_from([*WORDS, URL]), max_size=200), st.sampled_from([" ", "\n", "  "]))
@settings(max_examples=300)
def test_the_parts_hold_all_words_whole_and_fit(chosen: list[str], blank: str) -> None:
    parts = split_all(blank.join(chosen))
    assert [word for body in bare(parts) for word in words(body)] == chosen
    for part in parts:
        assert measure(part).segments == 1
        assert part == part.strip()


@given(st.lists(st.sampled_from(CLUSTERS), max_size=400))
@settings(max_examples=300)
def test_whatever_is_split_loses_nothing_but_blanks_and_no_cluster(clusters: list[str]) -> None:
    text = "".join(clusters)
    parts = split_all(text)
    bodies = bare(parts)
    assert "".join("".join(bodies).split()) == "".join(text.split())
    assert all(measure(part).segments == 1 for part in parts)
    # The clusters of the parts are those of the text.
    found = [c for body in bodies for c in regex.findall(r"\X", body) if not c.isspace()]
    assert found == [c for c in regex.findall(r"\X", text) if not c.isspace()]


@given(st.text(max_size=600), st.integers(1, 12))
@settings(max_examples=300)
def test_never_more_parts_than_allowed_come_out(text: str, most: int) -> None:
    parts = split(text, most)
    assert parts is None or 1 <= len(parts) <= most


@given(st.text(max_size=600))
@settings(max_examples=200)
def test_a_part_is_not_split_again(text: str) -> None:
    for part in split(text, 100) or ():
        assert split(part, 100) == (part.strip(),)
