"""W3C trace context, carried by hand through HTTP and AMQP headers.

One text keeps one trace ID from the provider's delivery to the report on its answer. The format is
`traceparent` version 00 (W3C Trace Context, "traceparent Header"). Who records no span passes it on
as it came; spans are `common.tracing`'s.
"""

from __future__ import annotations

import os
import random
import re
from contextvars import ContextVar
from typing import Final

_FORM: Final = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")

_RANDOM: Final = random.Random()  # noqa: S311 - IDs of traces are no secrets, and made per message
"""Seeded by the operating system, once: asking it each time is a system call a message."""

os.register_at_fork(after_in_child=_RANDOM.seed)  # Else two children make the same IDs.

current: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The traceparent of what is being worked on."""


def valid(traceparent: object) -> str | None:
    """The header's value where it is a well-formed version 00 traceparent, else None."""
    return traceparent if isinstance(traceparent, str) and _FORM.fullmatch(traceparent) else None


def fresh() -> str:
    """A new trace, its flag not set: nobody has recorded a span of it yet. Whoever exports decides
    by the trace ID, and so all decide alike (`common.tracing`)."""
    return f"00-{_id(128)}-{_id(64)}-00"


def _id(bits: int) -> str:
    """A random ID in hex digits; all zeros is no ID."""
    return f"{_RANDOM.getrandbits(bits) or 1:0{bits // 4}x}"
