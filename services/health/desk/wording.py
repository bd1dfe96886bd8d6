"""Names and descriptions that people give. Pure."""

from __future__ import annotations

from typing import Final

from health.web.problems import Problem, ProblemCode

MAX_NAME: Final = 100
MAX_DESCRIPTION: Final = 1_000


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


def _refuse(field: str, what: str) -> Problem:
    return Problem(ProblemCode.INVALID, f"Not usable: {field}: {what}.", fields={field: what})
