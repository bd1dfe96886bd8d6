"""Properties that a library chokes on count as absent; the others are read."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from pamqp.commands import Basic

from common.bus.lenient import _unmarshal

NANOSECONDS = struct.pack(">Q", 1_700_000_000_000_000_000)
TABLE_OF_AN_UNKNOWN_TYPE = struct.pack(">I", 3) + b"\x01a?"


def read(flags: int, data: bytes) -> Basic.Properties:
    properties = Basic.Properties()
    _unmarshal(properties, flags, data)
    return properties


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("correlation_id", b"\x03\xff\xfe\xfd"),
        ("timestamp", NANOSECONDS),
        ("timestamp", b"\xff" * 8),
        ("headers", TABLE_OF_AN_UNKNOWN_TYPE),
        ("headers", struct.pack(">I", 4) + b"\x01\xffF\x00"),
    ],
)
def test_an_unreadable_property_is_absent_and_the_next_is_read(name: str, value: bytes) -> None:
    properties = read(
        Basic.Properties.flags[name] | Basic.Properties.flags["app_id"], value + b"\x01a"
    )
    assert getattr(properties, name) is None
    assert properties.app_id == "a"


def test_readable_properties_are_read_as_they_are() -> None:
    written = Basic.Properties(
        content_type="application/json",
        headers={"a": 1, "b": {"c": ["d", None, True]}},
        delivery_mode=2,
        priority=3,
        correlation_id="é",
        timestamp=datetime(2026, 1, 2, tzinfo=UTC),
        user_id="u",
    )
    data = written.marshal()
    assert read(*struct.unpack(">H", data[:2]), data[2:]) == written
