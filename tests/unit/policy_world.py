"""A whole conversation in memory: processor and sender over one store, people, a provider."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar

import pytest
from processor_world import FakeDelivery as InboundDelivery
from sender_desk import Desk
from sender_stand_ins import NUMBER, FakeDelivery, command

from common.bus.topology import SENDER_QUEUE
from common.bus.verdicts import Defer
from common.errors import StoreUnavailable
from common.events import SmsReceived, SmsReport, TextDecided
from common.failpoints import Failpoints
from common.providers.port import Refused, SendResult, Text
from common.sending_rules import Answers, LongText, SendingRules, rules_document
from common.shaping import shape
from common.store.clock import milliseconds
from common.store.consents import NewConsent
from common.store.control import NewBody, NumberType
from common.store.memory import MemoryInbound
from common.store.records import ApprovalDecision, Consent, RegisteredNumber, SendState, turn_id
from heliograph.codes import OutcomeCode
from heliograph.models import Keyword, ReportStatus, Wire
from processor.consenting import Consenting
from processor.handover import HandOver
from processor.inbox import Inbox
from processor.permission import Permission
from processor.reporting import Reporting
from processor.wording import Wording

PHONE = "+15551230001"
FRIEND = "+15551230002"
"""Who is written to as well, and never opts out."""
STEP = 2.0
"""Seconds that pass with whatever happens: more than a publisher's clock is coarse."""
RULES = SendingRules(answers=Answers.US, loop_replies=None, long_text=LongText.SPLIT)

_ROUNDS = 20
_LEASED = 15.0
"""Seconds after which another may take up a text that was left."""

T = TypeVar("T")


class Moment(StrEnum):
    """Where something else can happen while the sender is at work on a text."""

    ADMITTING = "before the limits are asked"
    ADMITTED = "after the limits were asked"
    BEGINNING = "before the call is noted"
    BEGUN = "after the call was noted"
    CALLED = "while the provider has the call"
    ANSWERED = "after the provider has answered"
    ADVANCING = "before a part is noted as sent"
    ADVANCED = "after a part was noted as sent"


@dataclass
class Sent:
    """A text that the provider was called for."""

    text: Text
    at: datetime
    taken_at: datetime
    """When the sender took the text up, this time."""
    ordered_at: datetime
    expires_at: datetime | None
    notice: Keyword | None
    in_reply_to: str | None
    opted_out: bool
    """Whether the ledger said so at the moment of the call."""
    opt_outs: tuple[datetime, ...]
    """When those were noted that came before the call."""


@dataclass
class Period:
    """From an opt-out to the opt-in that ends it."""

    noted_at: datetime
    since: datetime | None
    """When the opt-in before it was said."""
    word: str | None = None
    """The turn of the remote's first text that said so; None where only the provider did."""
    over: bool = False


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


class Conversation:
    """A remote, an agent and a person around one number of ours, whose keywords we answer."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._names = itertools.count(1)
        self._patch = pytest.MonkeyPatch()
        self.desk = self.run(_new_desk())
        self.inbox = _inbox(self.desk)
        self.sent: list[Sent] = []
        self.queued: list[FakeDelivery] = []
        """What the sender has not finished with."""
        self.unheard: list[Wire] = []
        """What the processor has not finished with."""
        self.ordered: dict[str, datetime] = {}
        """When each of the agent's commands was published."""
        self.periods: list[Period] = []
        self.meanwhile: tuple[Moment, Callable[[], Coroutine[Any, Any, None]]] | None = None
        """What happens once, when the sender comes there."""
        self.broken_step: str | None = None
        """The ledger's step that fails once."""
        self.careless: list[str] = []
        """Texts that the policy let go although an opt-out forbade them when they were taken up."""
        self._taken_at = self.desk.instant
        self._taken_out = False
        self._taken_opt_outs: list[datetime] = []
        self._nudges_seen = 0
        self._watch()

    def close(self) -> None:
        """Close the loop that all this ran on."""
        self._patch.undo()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something to its end."""
        return self._loop.run_until_complete(work)

    # --- What is watched --------------------------------------------------------------------------

    def _watch(self) -> None:
        desk, moment = self.desk, Moment
        for module in ("carrying", "handler", "knowing"):
            self._patch.setattr(f"sender.{module}.now", lambda: milliseconds(desk.instant))
        self._between(desk.limits, "admit", moment.ADMITTING, moment.ADMITTED)
        self._between(desk.store, "begin", moment.BEGINNING, moment.BEGUN)
        self._between(desk.store, "advance", moment.ADVANCING, moment.ADVANCED)
        for step in ("note", "cancel", "answer"):
            self._breakable(step)
        note, answer, begin = desk.ledger.note, desk.client.send, desk.store.begin

        async def begun(tenant_id: str, message_id: str, **rest: Any) -> bool:
            document = desk.memory.messages[message_id]
            ordered = self._ordered_at(document)
            forbidden = self._taken_out or any(ordered < at for at in self._taken_opt_outs)
            exempt = document["notice"] == Keyword.OPT_OUT or document["remote"] == FRIEND
            if forbidden and not exempt:
                self.careless.append(message_id)
            return await begin(tenant_id, message_id, **rest)

        async def noted(entries: Sequence[NewConsent]) -> Sequence[Consent]:
            for entry in entries:
                stood = self._standing(entry)
                await note([entry])
                self._keep(entry, stood)
            consents: Sequence[Consent] = await note(entries)
            return consents

        async def call_all(texts: Sequence[Text]) -> Sequence[SendResult]:
            self.sent += map(self._sent, texts)
            await self._reach(moment.CALLED)
            results = [_from_whom(text, await answer(text)) for text in texts]
            await self._reach(moment.ANSWERED)
            return results

        async def call(text: Text) -> SendResult:
            return (await call_all([text]))[0]

        self._patch.setattr(desk.ledger, "note", noted)
        self._patch.setattr(desk.store, "begin", begun)
        self._patch.setattr(desk.client, "send", call)
        self._patch.setattr(desk.client, "send_all", call_all)

    def _between(self, owner: object, name: str, before: Moment, after: Moment) -> None:
        work = getattr(owner, name)

        async def watched(*args: Any, **kwargs: Any) -> Any:
            await self._reach(before)
            result = await work(*args, **kwargs)
            await self._reach(after)
            return result

        self._patch.setattr(owner, name, watched)

    def _breakable(self, name: str) -> None:
        work = getattr(self.desk.ledger, name)

        async def watched(*args: Any, **kwargs: Any) -> Any:
            if self.broken_step == name:
                self.broken_step = None
                raise StoreUnavailable("away")
            return await work(*args, **kwargs)

        self._patch.setattr(self.desk.ledger, name, watched)

    async def _reach(self, moment: Moment) -> None:
        if self.meanwhile is not None and self.meanwhile[0] is moment:
            _, happen = self.meanwhile
            self.meanwhile = None
            self.passes(1)
            await happen()
            self.passes(1)

    def _sent(self, text: Text) -> Sent:
        document = self.desk.memory.messages[text.reference]
        return Sent(
            text=text,
            at=self.desk.instant,
            taken_at=self._taken_at,
            ordered_at=self._ordered_at(document),
            expires_at=document["expires_at"],
            notice=Keyword(document["notice"]) if document["notice"] else None,
            in_reply_to=document["in_reply_to"],
            opted_out=self.opted_out,
            opt_outs=tuple(period.noted_at for period in self.periods),
        )

    def _standing(self, entry: NewConsent) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.desk.memory.consents.get(entry.conversation_id)
        return found

    def _keep(self, entry: NewConsent, stood: dict[str, Any] | None) -> None:
        """What an entry makes of the periods. What was said before the opt-in is no word of the
        period after it."""
        assert entry.remote == PHONE
        before = stood is not None and stood["opted_out"]
        if self.opted_out and not before:
            since = stood["at"] if stood is not None else None
            self.periods.append(Period(self.desk.memory.now(), since))
        elif before and not self.opted_out:
            self.periods[-1].over = True
        if self.opted_out and entry.opted_out and entry.who == "remote":
            period = self.periods[-1]
            timely = period.since is None or entry.at >= period.since
            if timely and period.word is None:
                period.word = turn_id(entry.message_id or "")

    def _ordered_at(self, text: dict[str, Any]) -> datetime:
        claimed_at: datetime = text["claimed_at"]
        return self.ordered.get(text["command_id"], claimed_at)

    @property
    def opted_out(self) -> bool:
        """Whether the ledger says so now."""
        return any(it["opted_out"] for it in self.desk.memory.consents.values())

    # --- What can happen --------------------------------------------------------------------------

    async def hear(self, body: str, *, twice: bool = False) -> None:
        """A text of the remote arrives, perhaps delivered twice."""
        event = SmsReceived(
            provider="fake",
            tenant_id="acme",
            connection_id="line",
            provider_message_id=f"in-{next(self._names)}",
            number=NUMBER,
            remote=PHONE,
            body=body,
            segments=1,
            at=self.desk.instant,
            accepted_at=self.desk.instant,
        )
        for _ in range(1 + twice):
            await self._process(event)

    async def report(self, place: int, status: ReportStatus, code: str) -> None:
        """The provider reports on a text that was sent."""
        if not self.sent:
            return
        text = self.sent[place % len(self.sent)].text
        theirs = text.recipient == PHONE
        event = SmsReport(
            provider="acs",  # Whose code it is.
            tenant_id="acme",
            connection_id="line",
            provider_message_id=f"p-{next(self._names)}",
            reference=text.reference,
            number=NUMBER,
            remote=text.recipient,
            status=status if theirs else ReportStatus.DELIVERED,
            code=code if theirs else "2000",
            at=self.desk.instant,
            accepted_at=self.desk.instant,
        )
        await self._process(event)

    async def _process(self, event: Wire) -> None:
        try:
            await self.inbox.handle([InboundDelivery(event.encode(), event.type)])
        except StoreUnavailable:
            self.unheard.append(event)

    def redelivers(self, place: int) -> None:
        """What the processor could not finish comes again."""
        if self.unheard:
            self.run(self._process(self.unheard.pop(place % len(self.unheard))))

    def orders(self, body: str, to: tuple[str, ...], lives: float | None) -> None:
        """The agent publishes a command, which waits in the queue."""
        at = self.desk.instant
        order = command(
            command_id=f"c-{next(self._names)}",
            to=to,
            body=body,
            expires_at=at + timedelta(seconds=lives) if lives is not None else None,
        )
        self.ordered[order.command_id] = at
        self.queued.append(
            FakeDelivery(body=order.encode(), published_at=at.replace(microsecond=0))
        )

    def works(self, place: int, *, keep: bool = False) -> None:
        """The sender takes one of what is queued. With `keep` it comes again, as after a crash
        before the ack."""
        self._take_nudges()
        if not self.queued:
            return
        delivery = self.queued.pop(place % len(self.queued))
        self._taken_at, self._taken_out = self.desk.instant, self.opted_out
        self._taken_opt_outs = [period.noted_at for period in self.periods]
        try:
            again = isinstance(self.run(self.desk.replica().handle(delivery)), Defer)
        except StoreUnavailable:
            again = True
        if keep or again:
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

    def drains(self) -> None:
        """Everything that is queued comes to its end, at a provider that takes what it gets."""
        self.meanwhile = self.broken_step = None
        self.desk.client.answers.clear()
        while self.unheard:
            self.redelivers(0)
        self._take_nudges()
        for _ in range(_ROUNDS):
            for _ in range(len(self.queued)):
                self.works(0)
            self._take_nudges()
            if not self.queued:
                return
            self.passes(_LEASED)
        assert not self.queued

    def decides(self, place: int, decision: ApprovalDecision, words: str | None = None) -> None:
        """A person decides on a held text, perhaps with other words."""
        held = [
            item
            for item in self.desk.memory.messages.values()
            if item.get("state") == SendState.HELD.value
        ]
        if not held:
            return
        text = held[place % len(held)]["_id"]
        body = _edited(words) if words else None
        self.run(self.desk.store.decide("acme", text, decision, body=body))
        nudge = TextDecided(tenant_id="acme", message_id=text)
        self.queued.append(
            FakeDelivery(body=nudge.encode(), type=TextDecided.type, routing_key="acme.decided")
        )

    def gate(self, *, on: bool) -> None:
        """Somebody switches autonomous sending."""
        self.run(self.desk.connections.set_gate("acme", NUMBER, on=on))

    def passes(self, seconds: float = STEP) -> None:
        """Time goes by."""
        self.desk.wind(seconds)


def _from_whom(text: Text, answer: SendResult) -> SendResult:
    """The friend is never called opted out."""
    said = isinstance(answer, Refused) and answer.code is OutcomeCode.RECIPIENT_OPTED_OUT
    return (
        Refused(OutcomeCode.PROVIDER_REJECTED, "no")
        if said and text.recipient == FRIEND
        else answer
    )


def _edited(words: str) -> NewBody:
    shaped = shape(words, RULES, NumberType.LOCAL, limit=160, to_us=True)
    return NewBody(
        body=shaped.body,
        whole=words,
        truncated=shaped.truncated,
        encoding=shaped.encoding,
        segments=shaped.segments,
        parts=shaped.parts if len(shaped.parts) > 1 else (),
    )


def _inbox(desk: Desk) -> Inbox:
    points, store = Failpoints(), MemoryInbound(desk.memory)
    consenting = Consenting(
        ledger=desk.ledger,
        routes=desk.store,
        bus=desk.bus,
        metrics=desk.metrics,
        failpoints=points,
        wording=Wording(),
    )
    hand_over = HandOver(
        store=store,
        consenting=consenting,
        permission=Permission(desk.ledger, desk.conversations),
        bus=desk.bus,
        metrics=desk.metrics,
        failpoints=points,
        owner="p",
        lease=5,
        history_limit=10,
    )
    reporting = Reporting(
        store=store,
        consenting=consenting,
        bus=desk.bus,
        metrics=desk.metrics,
        failpoints=points,
    )
    return Inbox(
        numbers=OneNumber(),
        hand_over=hand_over,
        reporting=reporting,
        metrics=desk.metrics,
        wording=Wording(),
    )


async def _new_desk() -> Desk:
    desk = Desk()
    desk.instant = desk.instant.replace(microsecond=0)
    await desk.prepare()
    desk.memory.numbers[f"acme/{NUMBER}"] |= {
        "rules": rules_document(RULES),
        "type": "local",
        "region": "US",
    }
    return desk
