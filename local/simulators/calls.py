"""The story of one call of a provider's API: who calls, what is asked, what faults make of it."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

from aiohttp import web

from local.simulator import segments
from local.simulator.faults import Fault, FaultBook, Slow
from local.simulator.journal import Journal
from local.simulator.phones import Phones, Text
from local.simulators import faults as bad
from local.simulators.messages import News, Order, Refusal, Sent, State
from local.simulators.reports import Reports
from local.simulators.wire import Wire

MAX_KNOWN = 100_000

_NAMES = {model: name for name, model in bad.FAULTS.items()}


@dataclass(frozen=True, slots=True)
class Call:
    """What was decided on one call; `answer` None closes the connection without any."""

    answer: web.Response | None
    results: Sequence[Sent | Refusal | None] = ()
    plans: Sequence[tuple[Sent, list[News]]] = ()
    fault: str | None = None
    orders: Sequence[Order] = ()

    def facts(self) -> dict[str, Any]:
        """Give the call for the journal."""
        return {
            "http_status": self.answer and self.answer.status,
            "fault": self.fault,
            "accepted": sum(isinstance(result, Sent) for result in self.results),
            "recipients": [
                _facts(order, result) for order, result in zip_longest(self.orders, self.results)
            ],
        }


def _facts(order: Order, result: Sent | Refusal | None) -> dict[str, Any]:
    return {
        "from": order.sender,
        "to": order.to,
        "body": order.body,
        "reference": order.reference,
        "report_url": order.report_url,
        "message_id": result.id if isinstance(result, Sent) else None,
        "code": result.code if isinstance(result, Refusal) else None,
    }


class Calls:
    """Serves the calls of one simulated account, and starts the reports of what it accepts."""

    def __init__(
        self,
        wire: Wire,
        *,
        sent: OrderedDict[str, Sent],
        phones: Phones,
        reports: Reports,
        faults: FaultBook,
        journal: Journal,
    ) -> None:
        self._wire = wire
        self._sent = sent
        self._phones = phones
        self._reports = reports
        self._faults = faults
        self._journal = journal

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Serve the send endpoint."""
        body = await request.read()
        asked = self._wire.denial(request, body) or self._wire.read(request, body)
        phones = [] if isinstance(asked, Refusal) else [order.to for order in asked]
        slow = self._faults.take(Slow, phones)
        if slow and not slow.after_accept:
            await asyncio.sleep(slow.seconds)
        call = self._judge(asked, phones)
        self._journal.record("send", slow=slow and slow.seconds, **call.facts())
        later = [
            (sent, plan)
            for sent, plan in call.plans
            if not await self._reports.run_ahead(sent, plan)
        ]
        if slow and slow.after_accept:
            await asyncio.sleep(slow.seconds)
        try:
            return await write(request, call.answer)
        finally:
            for sent, plan in later:
                self._reports.start(sent, plan)

    async def query(
        self, operation: str, request: web.Request, answer: Callable[[], web.Response]
    ) -> web.StreamResponse:
        """Serve a call that sends nothing."""
        body = await request.read()
        refusal = self._wire.denial(request, body)
        fault = None if refusal else self._first(bad.ON_EVERY_ROUTE, ())
        if refusal:
            given: web.Response | None = self._wire.refused(refusal)
        elif fault:
            given = self._answer_of(fault)
        else:
            given = answer()
        self._journal.record(
            "query",
            operation=operation,
            http_status=given and given.status,
            fault=_NAMES[type(fault)] if fault else None,
        )
        return await write(request, given)

    def _judge(self, asked: list[Order] | Refusal, phones: Collection[str]) -> Call:
        """Decide a call whose caller and form are judged already."""
        if isinstance(asked, Refusal):
            return Call(self._wire.refused(asked))
        if fault := self._first((*bad.ON_EVERY_ROUTE, *bad.OF_A_SEND), phones):
            return self._struck(fault, asked)
        results = [self._decide(order) for order in asked]
        plans = [(result, self._carry(result)) for result in results if isinstance(result, Sent)]
        lie = self._first(bad.AFTER_ACCEPT, phones) if plans else None
        answer = self._answer_of(lie) if lie else self._wire.accepted(results)
        return Call(answer, results, plans, _NAMES[type(lie)] if lie else None, asked)

    def _struck(self, fault: Fault, orders: list[Order]) -> Call:
        """Refuse everything; a refusal with a 2xx status is one of each recipient."""
        name, refusal = _NAMES[type(fault)], self._refusal_of(fault)
        if refusal and refusal.status < 300:
            results = [replace(refusal, order=order) for order in orders]
            return Call(self._wire.accepted(results), results, fault=name, orders=orders)
        return Call(self._answer_of(fault), fault=name, orders=orders)

    def _decide(self, order: Order) -> Sent | Refusal:
        refusal = self._wire.objection(order)
        if refusal:
            return replace(refusal, order=order)
        fault = self._faults.take(bad.Parts, [order.to])
        parts = fault.parts if fault else segments.count(order.body)
        sent = Sent(self._wire.message_id(order), order, parts)
        self._sent[sent.id] = sent
        if len(self._sent) > MAX_KNOWN:
            self._sent.popitem(last=False)
        return sent

    def _carry(self, sent: Sent) -> list[News]:
        """Bring an accepted text to its phone, unless provider or fault forbid; gives what will
        become known of it."""
        order = sent.order
        plan = self._reports.plan(sent, blocked=self._wire.blocked(order))
        if all(news.state is not State.FAILED for news in plan):
            text = Text(sent.id, order.sender, order.to, order.body, tag=order.reference)
            self._phones[order.to].receive(text)
        return plan

    def _answer_of(self, fault: Fault) -> web.Response | None:
        """What a fault answers; None cuts the connection."""
        match fault:
            case bad.CutBeforeAccept() | bad.CutAfterAccept():
                return None
            case bad.Garbage():
                head = {"Content-Type": fault.content_type}
                return web.Response(
                    status=self._wire.success, body=fault.body.encode(), headers=head
                )
            case bad.ErrorBeforeAccept() | bad.ErrorAfterAccept() if not fault.code:
                return web.Response(status=fault.status, text="upstream error")
        return self._wire.refused(self._refusal_of(fault) or self._wire.DENIED)

    def _refusal_of(self, fault: Fault) -> Refusal | None:
        """The provider's own refusal that a fault is; None where it is something else."""
        match fault:
            case bad.ErrorBeforeAccept() | bad.ErrorAfterAccept() if fault.code:
                return Refusal(fault.status, fault.code)
            case bad.Refuse():
                return Refusal(fault.status, fault.code, retry_after=fault.retry_after)
            case bad.Throttle():
                return replace(self._wire.THROTTLED, retry_after=fault.retry_after)
        return {
            bad.NoCredit: self._wire.NO_CREDIT,
            bad.Suspended: self._wire.SUSPENDED,
            bad.Denied: self._wire.DENIED,
        }.get(type(fault))

    def _first(self, models: Sequence[type[Fault]], phones: Collection[str]) -> Fault | None:
        """Let the first of some faults strike that is in force."""
        return next((f for model in models if (f := self._faults.take(model, phones))), None)


async def write(request: web.Request, answer: web.Response | None) -> web.StreamResponse:
    """Write an answer to its last byte, so that what comes next comes after it."""
    if answer is None:
        if request.transport:
            request.transport.close()
        return web.Response()
    with contextlib.suppress(ConnectionError):  # The caller may have hung up meanwhile.
        await answer.prepare(request)
        await answer.write_eof()
    return answer
