"""What is wrong with which field, in words for people: the models' library has its own, about
regular expressions and Python's types. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from health.web.problems import Problem, ProblemCode
from heliograph.wire import SLUG_PATTERN

ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
"""No control character, and something that shows."""
BUS_USER: Final = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$"

_PATTERNS: Final[Mapping[str, str]] = {
    ONE_LINE: "holds a line break or a control character, or nothing that shows",
    BUS_USER: "only letters, digits and . _ @ - can be in it, a letter or a digit first",
    SLUG_PATTERN: "only small letters, digits and - _ can be in it, a letter or a digit first",
}
_INSTANT: Final = "not an instant, as 2026-01-31T12:00:00Z is"
_WHOLE: Final = "not a whole number"
_NUMBER: Final = "not a number"
_TEXT: Final = "not a text"
_LIST: Final = "not a list"
_OBJECT: Final = "not an object"
_BOOL: Final = "neither true nor false"

_WORDS: Final[Mapping[str, str]] = {
    "missing": "missing",
    "extra_forbidden": "there is no such field",
    "string_type": _TEXT,
    "string_sub_type": _TEXT,
    "string_unicode": "not valid Unicode",
    "string_too_short": "shorter than {min_length} characters",
    "string_too_long": "longer than {max_length} characters",
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "greater_than": "not more than {gt}",
    "greater_than_equal": "less than {ge}",
    "less_than": "not less than {lt}",
    "less_than_equal": "more than {le}",
    "enum": "not one of {expected}",
    "literal_error": "not {expected}",
    "tuple_type": _LIST,
    "list_type": _LIST,
    "too_short": "fewer than {min_length} items",
    "too_long": "more than {max_length} items",
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "timezone_aware": "without a time zone; 2026-01-31T12:00:00Z has one",
}
"""By the library's type of an error, with its context's values (Pydantic, "Validation errors")."""

_OTHER: Final = "does not have the right form"
_LISTED: Final = 5


def invalid(error: ValidationError) -> Problem:
    """Which fields are not usable, and why; never what they held."""
    fields = {
        ".".join(str(step) for step in item["loc"]) or "body": _told(item)
        for item in error.errors(include_url=False, include_input=False)
    }
    listed = "; ".join(f"{name}: {what}" for name, what in list(fields.items())[:_LISTED])
    return Problem(ProblemCode.INVALID, f"Not usable: {listed}.", fields=fields)


def _told(item: Mapping[str, Any]) -> str:
    kind, context = item["type"], item.get("ctx", {})
    if kind == "value_error":  # Our own words.
        return str(item["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context["pattern"], _OTHER)
    if kind == "string_too_short" and context["min_length"] == 1:
        return "missing"
    return _WORDS.get(kind, _OTHER).format_map(context)
