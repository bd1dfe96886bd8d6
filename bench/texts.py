"""The texts of the benchmarks: the same ones in each round, for ours and for the rival."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from common.events import SmsReceived
from common.store.documents import inbound_document
from common.store.records import NewInbound
from local.simulator.events import Style, received
from local.simulator.phones import Text

TENANT: Final = "acme"
AGENT: Final = "front-desk"
CONNECTION: Final = "acme-acs"
NUMBER: Final = "+18005550100"

CONVERSATIONS: Final = 200
HISTORY: Final = 10
"""Texts that a turn carries; every conversation begins with a few more than that."""

_PAST: Final = HISTORY + 2
_BODIES: Final = (
    "Hi, is my order on its way?",
    "Could you move my appointment to Thursday at 3 pm, please? I have to pick up the kids.",
    "Thanks! One more thing: the door code changed, it is on the paper that I left with Anna.",
    "Ok 👍",
)


def remote(conversation: int) -> str:
    """The other person's number."""
    return f"+1425555{conversation:04d}"


def texts(count: int) -> Iterator[SmsReceived]:
    """Inbound texts as the webhook publishes them, each conversation's in turn."""
    at = datetime.now(UTC)
    for place in range(count):
        moment = at + timedelta(milliseconds=place)
        yield SmsReceived(
            provider="acs",
            tenant_id=TENANT,
            connection_id=CONNECTION,
            provider_message_id=f"Incoming_{place:08d}",
            number=NUMBER,
            remote=remote(place % CONVERSATIONS),
            body=_BODIES[place % len(_BODIES)],
            segments=1,
            at=moment,
            accepted_at=moment,
        )


def events(count: int, *, first: int = 0) -> Iterator[tuple[str, bytes]]:
    """Message IDs and delivery bodies of one event each, as Event Grid writes them."""
    for place in range(first, first + count):
        text = Text(
            f"Incoming_{place:08d}",
            remote(place % CONVERSATIONS),
            NUMBER,
            _BODIES[place % len(_BODIES)],
        )
        yield text.message_id, orjson.dumps([received(text).written(Style())])


def past_documents() -> list[dict[str, Any]]:
    """What the store holds before a round: a past for every conversation, both directions."""
    begin = datetime.now(UTC) - timedelta(days=1)
    documents = []
    for place in range(CONVERSATIONS * _PAST):
        at = begin + timedelta(seconds=place)
        text = NewInbound(
            tenant_id=TENANT,
            connection_id=CONNECTION,
            provider="acs",
            provider_message_id=f"Past_{place:08d}",
            agent_id=AGENT,
            number=NUMBER,
            remote=remote(place % CONVERSATIONS),
            body=_BODIES[place % len(_BODIES)],
            segments=1,
            keyword=None,
            at=at,
            accepted_at=at,
        )
        document = inbound_document(
            text, text_id=text.id, seq=place + 1, now=at, owner="bench", lease_until=at
        )
        document["handed_over_at"] = at
        if (place // CONVERSATIONS) % 2:
            document |= {"direction": "OUTBOUND", "status": "delivered"}
        documents.append(document)
    return documents
