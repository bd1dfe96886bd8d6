"""What is wrong with a field is said in words for people, whatever the library says."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

import orjson
import pytest
from pydantic import AwareDatetime, Field, ValidationError, field_validator

from health.api.paths import AgentSlug, BusUser, Name
from health.web.fields import invalid
from health.web.routes import Body

pytestmark = pytest.mark.unit


class Hue(StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(Body):
    deep: int = 1


class Thing(Body):
    name: Name = "x"
    slug: AgentSlug = "x"
    user: BusUser = "x"
    on: bool = True
    many: int = Field(1, ge=1, le=9)
    part: float = Field(1, gt=0, lt=2)
    hue: Hue = Hue.RED
    yes: Literal[True] = True
    at: AwareDatetime | None = None
    words: tuple[str, ...] = Field((), max_length=2, min_length=1)
    texts: dict[str, str] = Field({})
    inner: Inner = Inner()
    short: str = Field("abc", min_length=3, max_length=4, pattern="^[a-z]+$")
    own: str = ""

    @field_validator("own")
    @classmethod
    def _own(cls, value: str) -> str:
        raise ValueError("our own words")


class Needed(Body):
    name: str


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"name": "a\x00b"}, "holds a line break or a control character, or nothing that shows"),
        ({"name": " "}, "missing"),
        ({"name": 3}, "not a text"),
        ({"name": "x" * 101}, "longer than 100 characters"),
        ({"slug": "A b"}, "only small letters, digits and - _ can be in it"),
        ({"user": "a b"}, "only letters, digits and . _ @ - can be in it"),
        ({"on": "yes"}, "neither true nor false"),
        ({"many": 0}, "less than 1"),
        ({"many": 10}, "more than 9"),
        ({"many": 1.5}, "not a whole number"),
        ({"many": "3"}, "not a whole number"),
        ({"part": 0}, "not more than 0"),
        ({"part": 2}, "not less than 2"),
        ({"part": "x"}, "not a number"),
        ({"hue": "green"}, "not one of 'red' or 'blue'"),
        ({"yes": False}, "not True"),
        ({"at": "yesterday"}, "not an instant"),
        ({"at": "2026-01-31T12:00:00"}, "without a time zone"),
        ({"words": "a"}, "not a list"),
        ({"words": []}, "fewer than 1 items"),
        ({"words": ["a", "b", "c"]}, "more than 2 items"),
        ({"texts": []}, "not an object"),
        ({"inner": 3}, "not an object"),
        ({"short": "ab"}, "shorter than 3 characters"),
        ({"short": "ABC"}, "does not have the right form"),
        ({"own": "x"}, "our own words"),
        ({"other": 1}, "there is no such field"),
    ],
)
def test_a_field_that_is_not_usable_is_told_of_in_plain_words(
    given: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Thing.model_validate_json(orjson.dumps(given), strict=True)
    problem = invalid(caught.value)
    ((name, said),) = problem.fields.items()
    assert name == next(iter(given))
    assert said.startswith(words)
    assert problem.what == f"Not usable: {name}: {said}."


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        Needed.model_validate({})
    assert invalid(caught.value).fields == {"name": "missing"}


def test_what_is_wrong_with_all_of_it_is_said_of_the_body() -> None:
    with pytest.raises(ValidationError) as caught:
        Needed.model_validate_json("[]", strict=True)
    assert invalid(caught.value).fields == {"body": "not an object"}
