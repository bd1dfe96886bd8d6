"""The people's phones: what each received and sent, and the numbers that it told to stop."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulator.clock import now, ticks
from local.simulator.journal import Bell
from local.simulator.keywords import Keyword

MAX_PHONES = 100_000
TEXTS_PER_PHONE = 10_000


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
    """One phone: texts it really received, texts it sent, the numbers that may text it no more, and
    what carriers answered in the name of a number."""

    def __init__(self, number: str) -> None:
        self.number = number
        self.received: deque[Text] = deque(maxlen=TEXTS_PER_PHONE)
        self.sent: deque[Text] = deque(maxlen=TEXTS_PER_PHONE)
        self.notices: deque[Text] = deque(maxlen=TEXTS_PER_PHONE)
        self.received_total = 0
        self.stopped: set[str] = set()
        self.bell = Bell()

    def receive(self, text: Text) -> None:
        """Show a text on this phone."""
        self.received.append(text)
        self.received_total += 1
        self.bell.ring()

    def send(self, text: Text) -> None:
        """Note a text that this phone sent."""
        self.sent.append(text)

    def obey(self, word: Keyword, number: str) -> None:
        """Let a number stop, or text again; shows what the carrier answers, if it does."""
        (self.stopped.add if word.stops else self.stopped.discard)(number)
        if word.answer is not None:
            self.notices.append(Text("", number, self.number, word.answer))

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
            "notices": [text.facts() for text in self.notices],
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
