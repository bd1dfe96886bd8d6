"""Names and descriptions that people give. Pure."""

from __future__ import annotations

import re
from typing import Final

from health.web.problems import Problem, ProblemCode

MAX_NAME: Final = 100
MAX_DESCRIPTION: Final = 1_000

_NOT_PLAIN: Final = (
    (re.compile("[\ud800-\udfff]"), "is not valid Unicode"),
    (
        re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]"),
        "holds a control character other than a line break",
    ),
    (
        re.compile("[\u202a-\u202e\u2066-\u2069]"),
        "holds a character that turns the direction of the text",
    ),
)


def valid_name(text: str, field: str = "name") -> str:
    """A connection's name without blanks around it. Raises Problem: it is no line of text."""
    name = text.strip()
    require_line(name, field, limit=MAX_NAME)
    return name


def valid_description(text: str, field: str = "description") -> str:
    """A description without blanks around it. Raises Problem: it is too long."""
    description = text.strip()
    require_paragraphs(description, field, limit=MAX_DESCRIPTION)
    return description


def require_line(text: str, field: str, *, limit: int) -> None:
    """Raises Problem: the text is empty, longer than `limit` characters or more than one line."""
    if not text.strip():
        raise _refuse(field, "missing")
    if len(text) > limit:
        raise _refuse(field, f"longer than {limit} characters")
    if not text.isprintable():
        raise _refuse(field, "holds a line break or a control character")


def require_paragraphs(text: str, field: str, *, limit: int) -> None:
    """Raises Problem: the text is longer than `limit` characters or holds control characters other
    than line breaks."""
    if len(text) > limit:
        raise _refuse(field, f"longer than {limit} characters")
    if not text.replace("\r", "").replace("\n", "").replace("\t", "").isprintable():
        raise _refuse(field, "holds a control character")


def require_plain(text: str, field: str) -> None:
    """A text that a person writes to another is what it looks like: nothing in it is invisible or
    turns the direction of what follows (Unicode Standard Annex 9, "Explicit Directional
    Formatting Characters").

    Raises:
        Problem: it is not.
    """
    for unwanted, what in _NOT_PLAIN:
        if unwanted.search(text):
            raise _refuse(field, what)


def _refuse(field: str, what: str) -> Problem:
    return Problem(ProblemCode.INVALID, f"Not usable: {field}: {what}.", fields={field: what})
