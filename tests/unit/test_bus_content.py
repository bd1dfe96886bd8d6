"""The content header that is written by hand says what the library's own would say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from common.bus.content import content_header
from common.bus.messages import Outgoing
from heliograph import wire

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
words = st.text(st.characters(codec="utf-8"), max_size=40)
tables = st.dictionaries(st.text("abc-", min_size=1, max_size=9), words | st.integers(0, 2**31))


@given(
    headers=tables,
    content_type=words,
    correlation_id=st.none() | words,
    reply_to=st.none() | words,
    kind=words,
    app=words,
)
def test_a_header_is_octet_for_octet_what_pamqp_writes(
    *,
    headers: dict[str, Any],
    content_type: str,
    correlation_id: str | None,
    reply_to: str | None,
    kind: str,
    app: str,
) -> None:
    message = Outgoing(
        exchange="e",
        key="k",
        body=b"four",
        type=kind,
        message_id="m",
        headers=headers,
        correlation_id=correlation_id,
        reply_to=reply_to,
        content_type=content_type,
    )
    properties = Basic.Properties(
        content_type=content_type,
        delivery_mode=2,
        headers={**headers, wire.HEADER_PUBLISHED: int(AT.timestamp() * 1000)},
        correlation_id=correlation_id,
        reply_to=reply_to,
        message_id="m",
        message_type=kind,
        timestamp=AT,
        user_id="guest",
        app_id=app,
    )
    written = content_header(message, message_id="m", at=AT, user="guest", app=app)
    assert written == ContentHeader(body_size=4, properties=properties).marshal()


@pytest.mark.parametrize("text", ["x" * 256, "é" * 128])
def test_a_property_that_amqp_cannot_hold_is_refused(text: str) -> None:
    message = Outgoing(exchange="e", key="k", body=b"", type="t", message_id="m", reply_to=text)
    with pytest.raises(ValueError, match="255 octets"):
        content_header(message, message_id="m", at=AT, user="guest", app="a")
