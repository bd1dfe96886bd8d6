"""What becomes of emoji and their kin on the way to LINK Mobility."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.graphemes import clusters
from common.providers.link_characters import FORMS, carried
from common.segments import measure

BEYOND = st.sampled_from([*FORMS, *"🎉👍🏽👨👩👧🏴󠁧󠁿🌫𝗛𝟘🄐𠮷𐐷🈂\ud83d\u200d\ufe0f"])
TEXTS = st.lists(st.text(max_size=6) | BEYOND | st.sampled_from([" ", "\n", ".", "|", "€"])).map(
    "".join
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Klar på 5 € – я 漢 ❤️ ☀ 1️⃣", "Klar på 5 € – я 漢 ❤️ ☀ 1️⃣"),
        ("Klar 😀", "Klar :D"),
        ("Klar, sees 😉!", "Klar, sees ;)!"),
        ("Glad i deg 💙🧡", "Glad i deg <3<3"),
        ("🇳🇴 Norge", "NO Norge"),
        ("𝗛𝗲𝗶 𝟮", "Hei 2"),
        ("😶\u200d🌫️ her", ":| her"),
        ("❤️\u200d🔥 varmt", "❤️ varmt"),
        ("☝🏽 her", "☝ her"),
        ("Blokk 🅱", "Blokk B"),
    ],
)
def test_what_has_a_plain_form_gets_it(text: str, expected: str) -> None:
    assert carried(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hei 👋 du", "Hei du"),
        ("Hei 👋🏽 👋 du", "Hei du"),
        ("Ferdig 🎉", "Ferdig"),
        ("Ferdig 🎉!", "Ferdig!"),
        ("🎉 Ferdig", "Ferdig"),
        ("🎉 🎊 Ferdig", "Ferdig"),
        ("en 🎉\n🎉 to", "en\nto"),
        ("en🎉to", "en to"),
        ("(🎉)", "()"),
        ("a 🄐 b", "a b"),  # (A) would take more room than was measured
        ("👨\u200d👩\u200d👧\u200d👦 familie", "familie"),
        ("🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f her", "her"),
        ("\ud83d halvt", "halvt"),
    ],
)
def test_an_emoji_without_one_is_left_out_and_takes_a_blank_along(text: str, expected: str) -> None:
    assert carried(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("𠮷野さん", "?野さん"), ("a 𐐷 b", "a ? b")])
def test_a_letter_without_one_leaves_a_mark_that_it_is_missing(text: str, expected: str) -> None:
    assert carried(text) == expected


@pytest.mark.parametrize("text", ["🎉", " 👍🏽 🎉\n", "𠮷", "🎉 𠮷"])
def test_of_a_text_of_nothing_else_nothing_is_left(text: str) -> None:
    assert carried(text) is None


@pytest.mark.parametrize("text", ["", " ", "?"])
def test_a_text_that_needs_no_work_is_not_judged(text: str) -> None:
    assert carried(text) == text


@given(TEXTS)
@example("😐" * 35)
@example("e\U0001d165\u0301")
def test_what_is_left_is_carried_and_takes_no_more_segments(text: str) -> None:
    words = carried(text)
    if words is None:
        return
    assert all(character <= "\uffff" for character in words)
    words.encode()
    assert carried(words) == words
    assert measure(words).segments <= measure(text).segments


@given(TEXTS)
def test_of_the_plain_characters_only_blanks_go(text: str) -> None:
    plain = [it for it in clusters(text) if it.isascii() and it.isalnum()]
    left = iter(carried(text) or "")
    assert all(character in left for character in plain)


def test_no_form_is_longer_than_what_it_stands_for() -> None:
    assert all(len(form) <= 2 and form.isascii() for form in FORMS.values())
    assert all(len(character) == 1 and character > "\uffff" for character in FORMS)
