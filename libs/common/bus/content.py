"""The content header of a message, written straight into its frame's form.

pamqp finds each property's type and encoder by name, 14 times a message; what a message of ours has
is always the same, so it is spelled out: 4 µs instead of 15. Form: AMQP 0-9-1 specification,
sections 2.3.5.2 "Content header" and 1.8.3 "basic".
"""

from __future__ import annotations

from datetime import datetime
from struct import pack
from typing import Final

import pamqp.encode

from common.bus.messages import Outgoing
from heliograph import wire

_BASIC: Final = 60
_PERSISTENT: Final = b"\x02"
_LONGEST: Final = 255

_CONTENT_TYPE, _HEADERS, _DELIVERY_MODE = 1 << 15, 1 << 13, 1 << 12
_CORRELATION_ID, _REPLY_TO, _MESSAGE_ID = 1 << 10, 1 << 9, 1 << 7
_TIMESTAMP, _TYPE, _USER_ID, _APP_ID = 1 << 6, 1 << 5, 1 << 4, 1 << 3
_ALWAYS: Final = _HEADERS | _DELIVERY_MODE | _MESSAGE_ID | _TIMESTAMP | _USER_ID


def content_header(
    message: Outgoing, *, message_id: str, at: datetime, user: str, app: str
) -> bytes:
    """The payload of the message's header frame; empty properties are left out.

    Raises:
        ValueError, TypeError: something in it has no form in AMQP (a text of more than 255 octets,
            a header of a foreign type).
    """
    flags, parts = _ALWAYS, []
    if message.content_type:
        flags |= _CONTENT_TYPE
        parts.append(_short(message.content_type))
    instant = at.timestamp()
    headers = {**message.headers, wire.HEADER_PUBLISHED: int(instant * 1000)}
    parts.append(pamqp.encode.field_table(headers))
    parts.append(_PERSISTENT)
    if message.correlation_id:
        flags |= _CORRELATION_ID
        parts.append(_short(message.correlation_id))
    if message.reply_to:
        flags |= _REPLY_TO
        parts.append(_short(message.reply_to))
    parts += (_short(message_id), pack(">Q", int(instant)))
    if message.type:
        flags |= _TYPE
        parts.append(_short(message.type))
    parts.append(_short(user))
    if app:
        flags |= _APP_ID
        parts.append(_short(app))
    return pack(">HHQH", _BASIC, 0, len(message.body), flags) + b"".join(parts)


def _short(text: str) -> bytes:
    encoded = text.encode()
    if len(encoded) > _LONGEST:
        raise ValueError(f"a property is longer than {_LONGEST} octets")
    return bytes((len(encoded),)) + encoded
