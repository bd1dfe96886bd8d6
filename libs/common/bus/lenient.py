"""Reading message properties that pamqp cannot read.

A correlation ID that is no UTF-8, or a timestamp in nanoseconds, passes RabbitMQ, but makes pamqp
raise in aiormq's reader, which ends the connection. The message is delivered again after the
reconnection, and ends it again, until the delivery limit takes it and its innocent neighbours away.
Here such a property counts as absent, and the others as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pamqp import decode
from pamqp.commands import Basic

_LENGTHS: Final[dict[str, Callable[[bytes], int]]] = {
    "octet": lambda _: 1,
    "shortstr": lambda data: 1 + data[0],
    "table": lambda data: 4 + int.from_bytes(data[:4], "big"),
    "timestamp": lambda _: 8,
}
"""Bytes that a value of each type takes (AMQP 0-9-1, section 4.2.5)."""


def install() -> None:
    """Make every connection of this process read leniently; pamqp offers no other way in."""
    Basic.Properties.unmarshal = _unmarshal  # type: ignore[method-assign,assignment]


def _unmarshal(self: Basic.Properties, flags: int, data: bytes) -> None:
    for name in self.__slots__:
        if flags & self.flags[name]:
            kind = self.amqp_type(name)
            try:
                length, value = decode.by_type(data, kind)
            except Exception:  # noqa: BLE001 - several kinds, and no value of a stranger may end us
                length, value = _LENGTHS[kind](data), None
            setattr(self, name, value)
            data = data[length:]
