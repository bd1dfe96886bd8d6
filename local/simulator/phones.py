"""The people's phones and the carrier between: what each phone received and sent, and its STOPs."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulator.clock import now, ticks
from local.simulator.journal import Bell

MAX_PHONES = 100_000
TEXTS_PER_PHONE = 10_000

# US toll-free, where the carrier enforces them (Microsoft docs, "SMS FAQ").
_OPT_OUT = frozenset({"STOP"})
_OPT_IN = frozenset({"START", "UNSTOP"})


@dataclass(frozen=True, slots=True)
class Text:
    """One text as a phone saw it."""

    message_id: str
    from_: str
    to: str
    body: str
    at: datetime = field(default_factory=now)
    tag: str | None = None

    def facts(self) -> dict[str, Any]:
        """Give the text as JSON-ready values."""
        return {
            "message_id": self.message_id,
            "from": self.from_,
            "to": self.to,
            "body": self.body,
            "at": ticks(self.at),
            "tag": self.tag,
        }


class Phone:
    """One phone: texts it really received, texts it sent, and the numbers that it told to stop."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.received: deque[Text] = deque(maxlen=TEXTS_PER_PHONE)
        self.sent: deque[Text] = deque(maxlen=TEXTS_PER_PHONE)
        self.received_total = 0
        self.stopped: set[str] = set()
        self.bell = Bell()

    def receive(self, text: Text) -> None:
        """Show a text on this phone."""
        self.received.append(text)
        self.received_total += 1
        self.bell.ring()

    def send(self, text: Text) -> None:
        """Note a text that this phone sent; the carrier reads the opt-out words."""
        self.sent.append(text)
        word = text.body.strip().upper()
        if word in _OPT_OUT:
            self.stopped.add(text.to)
        elif word in _OPT_IN:
            self.stopped.discard(text.to)

    async def wait_for_texts(self, total: int, timeout: float | None) -> list[Text]:  # noqa: ASYNC109 -- as Bell.wait
        """Wait until `total` texts were received; raises TimeoutError."""
        await self.bell.wait(lambda: self.received_total >= total, timeout)
        return list(self.received)

    def facts(self) -> dict[str, Any]:
        """Give the phone as JSON-ready values."""
        return {
            "number": self.number,
            "received_total": self.received_total,
            "received": [text.facts() for text in self.received],
            "sent": [text.facts() for text in self.sent],
            "stopped": sorted(self.stopped),
        }


class Phones:
    """All phones, made when first named; the one unused for longest is forgotten when full."""

    def __init__(self, limit: int = MAX_PHONES) -> None:
        self._limit = limit
        self._phones: OrderedDict[str, Phone] = OrderedDict()

    def __getitem__(self, number: str) -> Phone:
        phone = self._phones.get(number)
        if phone is None:
            phone = self._phones[number] = Phone(number)
            if len(self._phones) > self._limit:
                self._phones.popitem(last=False)
        self._phones.move_to_end(number)
        return phone

    def numbers(self) -> list[str]:
        """Give the numbers of all phones that were named so far."""
        return sorted(self._phones)
