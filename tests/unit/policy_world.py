"""A whole conversation in memory: processor and sender over one store, a person, a provider."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from processor_world import FakeDelivery as InboundDelivery
from sender_desk import Desk
from sender_stand_ins import NUMBER, FakeDelivery, command

from common.bus.topology import SENDER_QUEUE
from common.bus.verdicts import Defer
from common.events import SmsReceived, SmsReport, TextDecided
from common.failpoints import Failpoints
from common.optout.wording import classify_wording
from common.providers.port import SendResult, Text
from common.sending_rules import Answers, SendingRules, rules_document
from common.store.memory import MemoryInbound
from common.store.records import ApprovalDecision, RegisteredNumber, SendState
from heliograph.models import Keyword, ReportStatus, Wire
from processor.consenting import Consenting
from processor.handover import HandOver
from processor.inbox import Inbox
from processor.permission import Permission
from processor.reporting import Reporting

PHONE = "+15551230001"
STEP = 2.0
"""Seconds that pass with whatever happens: more than a publisher's clock is coarse."""

T = TypeVar("T")


class OneNumber:
    """The connected number."""

    async def find(self, address: str) -> RegisteredNumber | None:
        return RegisteredNumber(
            tenant_id="acme",
            connection_id="line",
            provider="fake",
            address=NUMBER,
            agent_id="support",
        )


@dataclass
class Sent:
    """A text that the provider was called for."""

    text: Text
    at: datetime
    ordered_at: datetime
    notice: Keyword | None
    opted_out: bool
    """Whether the ledger said so at the moment of the call."""


class Conversation:
    """A remote, an agent and a person around one number of ours, whose keywords we answer."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._names = itertools.count(1)
        self.desk = self.run(_new_desk())
        self.inbox = self.run(self._inbox())
        self.sent: list[Sent] = []
        self.queued: list[FakeDelivery] = []
        """What the sender has not finished with."""
        self.ordered: dict[str, datetime] = {}
        """When each of the agent's commands was published."""
        self.stops: list[datetime] = []
        """When each opt-out was noted that changed something."""
        self._nudges_seen = 0
        client, send = self.desk.client, self.desk.client.send

        async def watched(text: Text) -> SendResult:
            document = self.desk.memory.messages[text.reference]
            consents = await self.desk.ledger.of_remote("acme", PHONE)
            self.sent.append(
                Sent(
                    text,
                    self.desk.instant,
                    self.ordered.get(document["command_id"], document["claimed_at"]),
                    Keyword(document["notice"]) if document["notice"] else None,
                    any(it.opted_out for it in consents),
                )
            )
            return await send(text)

        client.send = watched  # type: ignore[method-assign]

    def close(self) -> None:
        """Close the loop that all this ran on."""
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something to its end."""
        return self._loop.run_until_complete(work)

    async def _inbox(self) -> Inbox:
        desk = self.desk
        points = Failpoints()
        consenting = Consenting(
            ledger=desk.ledger,
            routes=desk.store,
            bus=desk.bus,
            metrics=desk.metrics,
            failpoints=points,
            matches=classify_wording,
        )
        store = MemoryInbound(desk.memory)
        return Inbox(
            numbers=OneNumber(),
            hand_over=HandOver(
                store=store,
                consenting=consenting,
                permission=Permission(desk.ledger, desk.conversations),
                bus=desk.bus,
                metrics=desk.metrics,
                failpoints=points,
                owner="p",
                lease=5,
                history_limit=10,
            ),
            reporting=Reporting(
                store=store,
                consenting=consenting,
                bus=desk.bus,
                metrics=desk.metrics,
                failpoints=points,
            ),
            metrics=desk.metrics,
            matches=classify_wording,
        )

    # --- What can happen --------------------------------------------------------------------------

    @property
    def opted_out(self) -> bool:
        """Whether the ledger says so now."""
        consents = self.run(self.desk.ledger.of_remote("acme", PHONE))
        return any(it.opted_out for it in consents)

    def hears(self, body: str, *, twice: bool = False) -> None:
        """A text of the remote arrives, perhaps delivered twice."""
        before = self.opted_out
        name = f"in-{next(self._names)}"
        event = SmsReceived(
            provider="fake",
            tenant_id="acme",
            connection_id="line",
            provider_message_id=name,
            number=NUMBER,
            remote=PHONE,
            body=body,
            segments=1,
            at=self.desk.instant,
            accepted_at=self.desk.instant,
        )
        for _ in range(1 + twice):
            self._process(event)
        if self.opted_out and not before:
            self.stops.append(self.desk.instant)

    def reports(self, place: int, status: ReportStatus, code: str) -> None:
        """The provider reports on a text that was sent."""
        if not self.sent:
            return
        before = self.opted_out
        text = self.sent[place % len(self.sent)].text
        self._process(
            SmsReport(
                provider="acs",  # Whose code it is.
                tenant_id="acme",
                connection_id="line",
                provider_message_id=f"p-{next(self._names)}",
                reference=text.reference,
                number=NUMBER,
                remote=PHONE,
                status=status,
                code=code,
                at=self.desk.instant,
                accepted_at=self.desk.instant,
            )
        )
        if self.opted_out and not before:
            self.stops.append(self.desk.instant)

    def _process(self, event: Wire) -> None:
        self.run(self.inbox.handle([InboundDelivery(event.encode(), event.type)]))

    def orders(self, body: str) -> None:
        """The agent publishes a command, which waits in the queue."""
        order = command(command_id=f"c-{next(self._names)}", to=PHONE, body=body)
        self.ordered[order.command_id] = self.desk.instant
        self.queued.append(
            FakeDelivery(body=order.encode(), published_at=self.desk.instant.replace(microsecond=0))
        )

    def works(self, place: int, *, keep: bool = False) -> None:
        """The sender takes one of what is queued; with `keep` it comes again, as after a crash
        before the ack."""
        self._take_nudges()
        if not self.queued:
            return
        delivery = self.queued.pop(place % len(self.queued))
        before = self.opted_out
        verdict = self.run(self.desk.replica().handle(delivery))
        if self.opted_out and not before:
            self.stops.append(self.desk.instant)
        if keep or isinstance(verdict, Defer):
            self.queued.append(delivery)

    def _take_nudges(self) -> None:
        stored = self.desk.broker.stored(SENDER_QUEUE)
        for item in stored[self._nudges_seen :]:
            self.queued.append(
                FakeDelivery(
                    body=item.message.body, type=TextDecided.type, routing_key=item.message.key
                )
            )
        self._nudges_seen = len(stored)

    def decides(self, place: int, decision: ApprovalDecision) -> None:
        """A person decides on a held text."""
        held = [
            item
            for item in self.desk.memory.messages.values()
            if item.get("state") == SendState.HELD.value
        ]
        if not held:
            return
        text = held[place % len(held)]
        self.run(self.desk.store.decide("acme", text["_id"], decision))
        nudge = TextDecided(tenant_id="acme", message_id=text["_id"])
        self.queued.append(
            FakeDelivery(body=nudge.encode(), type=TextDecided.type, routing_key="acme.decided")
        )

    def gate(self, *, on: bool) -> None:
        """Somebody switches autonomous sending."""
        self.run(self.desk.connections.set_gate("acme", NUMBER, on=on))

    def passes(self, seconds: float = STEP) -> None:
        """Time goes by."""
        self.desk.wind(seconds)


async def _new_desk() -> Desk:
    desk = Desk()
    desk.instant = desk.instant.replace(microsecond=0)
    await desk.prepare()
    rules = SendingRules(answers=Answers.US, loop_replies=None)
    desk.memory.numbers[f"acme/{NUMBER}"] |= {
        "rules": rules_document(rules),
        "type": "local",
        "region": "US",
    }
    return desk
