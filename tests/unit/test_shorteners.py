"""Shorteners: each domain of the lists is found as a link's host, and nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.shorteners import DOCUMENTED, FURTHER, SHORTENERS, shortener_in

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("domain", DOCUMENTED)
def test_each_shortener_of_the_documents_is_found(domain: str) -> None:
    assert shortener_in(f"See https://{domain}/Ab3 now") == domain


@pytest.mark.parametrize("domain", FURTHER)
def test_each_further_shortener_is_found(domain: str) -> None:
    assert shortener_in(f"See https://{domain}/Ab3 now") == domain


def test_the_documents_list_is_the_published_one() -> None:
    published = """bit.ly goo.gl tinyurl.com Tiny.cc lc.chat is.gd soo.gd s2r.co Clicky.me
    budurl.com bc.vc"""
    assert set(DOCUMENTED) == set(published.lower().split())
    assert not set(DOCUMENTED) & set(FURTHER)
    assert all(domain == domain.lower() and domain.count(".") == 1 for domain in SHORTENERS)


@pytest.mark.parametrize(
    "body",
    [
        "bit.ly/abc",
        "bit.ly",
        "BIT.LY/abc",
        "Bit.Ly",
        "www.bit.ly/abc",
        "http://bit.ly/abc",
        "HTTPS://WWW.BIT.LY",
        "https://go.bit.ly/abc",
        "hxxps://bit.ly/abc",
        "http://user@bit.ly/x",
        "https://user:pass@www.bit.ly/x",
        "https://example.com@bit.ly/x",
        "https://a@b@bit.ly/x",
        "bit.ly:443/abc",
        "bit.ly?x=1",
        "bit.ly#x",
        "See bit.ly.",
        "See bit.ly!",
        "See bit.ly, please",
        "(bit.ly/abc)",
        "<bit.ly/abc>",
        '"bit.ly"',
        "link:bit.ly/abc",
        "see...bit.ly/abc",
        "*bit.ly*",
        "_bit.ly/abc_",
        "-bit.ly",
        "here\nbit.ly/abc",
        "https://example.com and https://bit.ly/abc",
        "https://example.com/?to=https://bit.ly/abc",
        "да,bit.ly/abc",
    ],
)
def test_a_host_is_found_however_it_is_written(body: str) -> None:
    assert shortener_in(body) == "bit.ly"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "habit.ly",
        "rabbit.ly/abc",
        "rab-bit.ly",
        "bit.lyrics.com",
        "bit.ly.example.com",
        "https://bit-ly.com",
        "bitly",
        "a bit. ly",
        "bit ly",
        "https://example.com/bit.ly",
        "https://example.com/bit.ly/abc",
        "someone@bit.ly",
        "mailto:someone@bit.ly",
        "https://bit.ly@example.com/x",
        "https://example.com/x@bit.ly",
        "https://example.com?mail=someone@bit.ly",
        "bit.ly-shop.com",
        "bit.ly_shop",
        "bit.lyé",
        "ébit.ly",
        "this.gd",
        "visit.ly",
        "It is.good",
        "tiny.ccc",
        "mytinyurl.com",
        "https://example.ly/abc",
    ],
)
def test_what_only_looks_like_one_is_none(body: str) -> None:
    assert shortener_in(body) is None


def test_the_first_of_several_is_told() -> None:
    assert shortener_in("tinyurl.com/a or bit.ly/b") == "tinyurl.com"


@given(st.text(max_size=60), st.sampled_from(sorted(SHORTENERS)), st.text(max_size=60))
@settings(max_examples=200)
def test_a_link_between_blanks_is_found_in_any_text(before: str, domain: str, after: str) -> None:
    assert shortener_in(f"{before} https://{domain}/a {after}") in SHORTENERS


def test_a_long_text_of_dots_and_letters_takes_no_time() -> None:
    for body in ("a." * 10_000, "a-" * 10_000, "a" * 20_000, "." * 20_000, "@a." * 7_000):
        assert shortener_in(body) is None
