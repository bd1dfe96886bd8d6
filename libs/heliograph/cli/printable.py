"""Texts of strangers on a terminal. A text message can hold escape sequences and marks that reorder
a line, and must not be able to speak to the terminal of the person who reads it. Pure."""

from __future__ import annotations

import json
import re
from typing import Any, Final

# C0 and C1 controls (ECMA-48), and the marks that turn the direction of a line (Unicode UAX #9).
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_UNSAFE_IN_JSON: Final = re.compile(r"[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SHOWN: Final = {"\n": " ⏎ ", "\r": "", "\t": " "}


def printable(text: str) -> str:
    """The text on one line; what could steer a terminal is `�`."""
    return _UNSAFE.sub(lambda found: _SHOWN.get(found.group(), "�"), text)


def as_json(value: Any, *, indent: int | None = None) -> str:
    """JSON that is the same value and cannot steer a terminal either."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    # Outside strings JSON is ASCII, so these stand in strings only, where they can be escaped.
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found.group()):04x}", text)
