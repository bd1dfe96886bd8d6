"""What nobody should send: arbitrary and mutated callbacks, as hypothesis strategies."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

import orjson
from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
"""With halves of surrogate pairs and control characters."""

_WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["", " ", "0", "-1", "+", "null", "9" * 400, "1e999", "\x00", "😀", "STOP"]),
)
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(allow_nan=False), _WORDS
)
JSON_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=8,
)

HOSTILE = (
    b"",
    b"\x00",
    b"\xff\xfe\xfd",
    b"\xef\xbb\xbf{}",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b'"\\ud800"',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"NaN",
    b"1" * 5_000,
    b"&&&===%%%",
    b"%FF=%FE&%",
    b"<a/>",
    b"<a>" * 50_000,
    b'<?xml version="1.0" encoding="utf-7"?><a/>',
    b'<?xml version="1.0" encoding="no-such"?><a/>',
    b'<!DOCTYPE a [<!ENTITY b "x"><!ENTITY c "&b;&b;&b;&b;">]><a>&c;&c;</a>',
    b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    b'<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a/>',
)
"""Bodies of which none tells anything."""


def large(limit: int) -> dict[str, bytes]:
    """Bodies as large as they may be, of each kind that can cost a parser time."""
    return {
        "octets": b"a" * limit,
        "fields": (b"a=1&" * limit)[:limit],
        "blanks": (b"&" * limit)[:limit],
        "escapes": (b"%25" * limit)[:limit],
        "array": b"[" + (b"1," * limit)[: limit - 3] + b"1]",
        "depth": b"[" * limit,
        "elements": (b"<a/>" * limit)[:limit],
        "attributes": b"<a b='" + b"x" * (limit - 10) + b"'/>",
        "base64": b"Body=" + b"QUJD" * ((limit - 5) // 4),
    }


def mutated(body: bytes) -> st.SearchStrategy[bytes]:
    """Bodies near this one: as octets, and in its own form."""
    ways = [_octets(body)]
    if (value := _json(body)) is not None:
        ways.append(_with_leaf(value).map(orjson.dumps))
    elif body.lstrip().startswith(b"<"):
        ways.append(_xml(body))
    elif pairs := parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
        ways.append(_form(pairs))
    return st.one_of(ways)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


@st.composite
def _octets(draw: st.DrawFn, body: bytes) -> bytes:
    start = draw(st.integers(0, len(body)))
    end = min(len(body), start + draw(st.integers(0, 8)))
    return body[:start] + draw(st.binary(max_size=6)) + body[end:]


@st.composite
def _with_leaf(draw: st.DrawFn, value: Any) -> Any:
    """The value with one place of it left out, or holding something else."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        name = draw(st.sampled_from(sorted(value)))
        rest = {key: item for key, item in value.items() if key != name}
        return rest if not draw(st.integers(0, 4)) else rest | {name: draw(_with_leaf(value[name]))}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], draw(_with_leaf(value[place])), *value[place + 1 :]]
    return draw(JSON_VALUES)


@st.composite
def _form(draw: st.DrawFn, pairs: Sequence[tuple[str, str]]) -> bytes:
    place = draw(st.integers(0, len(pairs) - 1))
    name, _ = pairs[place]
    instead = draw(st.lists(st.tuples(st.just(name) | _WORDS, _WORDS), max_size=3))
    return urlencode([*pairs[:place], *instead, *pairs[place + 1 :]]).encode()


@st.composite
def _xml(draw: st.DrawFn, body: bytes) -> bytes:
    root = ET.fromstring(body)  # noqa: S314 - the suite's own payload
    element = draw(st.sampled_from(list(root.iter())))
    words = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs",)), max_size=12)
    changes: list[Callable[[], None]] = [
        lambda: setattr(element, "text", draw(words)),
        lambda: setattr(element, "tag", "other"),
        element.clear,
        lambda: element.append(ET.Element("more")),
        lambda: element.extend(list(element)),
    ]
    if element.attrib:
        name = draw(st.sampled_from(sorted(element.attrib)))
        changes += [
            lambda: element.set(name, draw(words)),
            lambda: element.attrib.pop(name) and None,
        ]
    draw(st.sampled_from(changes))()
    return ET.tostring(root, encoding="utf-8", xml_declaration=True)
