"""The place of an exception: where it was raised, and nothing of what it says."""

from __future__ import annotations

import pytest

from common.place import place_of


def test_a_place_is_a_file_a_line_and_a_function() -> None:
    with pytest.raises(ValueError, match="canary") as raised:
        _fail()
    line = _fail.__code__.co_firstlineno + 1
    assert place_of(raised.value) == f"test_place.py:{line} in _fail"


def _fail() -> None:
    raise ValueError("canary")


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    assert place_of(ValueError("canary")) == "?"
