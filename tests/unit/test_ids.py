"""Derived ids: stable for ever, apart for different things."""

from __future__ import annotations

import re
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.ids import derive, derive_uuid, frame

pytestmark = pytest.mark.unit

parts = st.lists(st.text(max_size=6), max_size=4).map(tuple)


def test_ids_are_the_same_in_every_release() -> None:
    assert derive("message", "tenant", "acs", "Incoming_1") == "1fb3a99416d86aa6f661f7055e3e25e6"
    assert (
        str(derive_uuid("repeatability", "tenant", "command-1"))
        == "dce08cc6-9929-5456-ae83-e014881a9eec"
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("ab", "c"), ("a", "bc")),
        (("abc",), ("a", "b", "c")),
        (("a", ""), ("a",)),
        (("", "a"), ("a", "")),
        (("a\x00b",), ("a", "b")),
        (("é",), ("e\u0301",)),
    ],
)
def test_what_only_concatenates_alike_stays_apart(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert derive("kind", *one) != derive("kind", *other)
    assert derive_uuid("kind", *one) != derive_uuid("kind", *other)


@given(parts, parts)
@settings(max_examples=300)
def test_ids_are_equal_exactly_where_the_parts_are(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    assert (frame(*one) == frame(*other)) == (one == other)
    assert (derive("k", *one) == derive("k", *other)) == (one == other)
    assert (derive_uuid("k", *one) == derive_uuid("k", *other)) == (one == other)


@given(parts, st.integers(0, 20), st.integers(1, 20))
@settings(max_examples=200)
def test_moving_a_boundary_between_parts_changes_the_id(
    texts: tuple[str, ...], at: int, by: int
) -> None:
    joined = "".join(texts)
    one, other = (joined[:at], joined[at:]), (joined[: at + by], joined[at + by :])
    assert (derive("k", *one) == derive("k", *other)) == (one == other)


def test_the_kind_keeps_equal_parts_apart() -> None:
    assert derive("turn", "1") != derive("message", "1")
    assert derive("turn", "1") != derive("turn1")
    assert derive_uuid("turn", "1") != derive_uuid("message", "1")


@given(parts)
@settings(max_examples=100)
def test_an_id_has_the_form_that_others_rely_on(texts: tuple[str, ...]) -> None:
    assert re.fullmatch(r"[0-9a-f]{32}", derive("k", *texts))
    value = derive_uuid("k", *texts)
    assert len(str(value)) == 36
    assert value.version == 5
    assert value.variant == uuid.RFC_4122


def test_a_lone_surrogate_is_no_obstacle() -> None:
    assert derive("k", "\ud83d") != derive("k", "\ude00")
