"""`POST /sms`: judge the call, let the texts out, answer, publish the reports."""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from local.simulator import answers, messaging_connect, segments, send_request, versions
from local.simulator.acceptance import Acceptance, Result
from local.simulator.access_key import AccessKeys
from local.simulator.answers import Answer
from local.simulator.events import SmsEvent
from local.simulator.faults import (
    AFTER_ACCEPT,
    BEFORE_ACCEPT,
    AnswerFault,
    FaultBook,
    NotOwned,
    RateLimits,
    Slow,
    name_of,
)
from local.simulator.journal import Journal
from local.simulator.rates import Meter
from local.simulator.reports import Reports
from local.simulator.send_request import SendRequest


@dataclass(slots=True)
class Call:
    """One provider call: what was asked, what it is answered, what follows from it."""

    answer: Answer
    request: SendRequest | None = None
    results: list[Result] = field(default_factory=list)
    reports: list[SmsEvent] = field(default_factory=list)
    partner: str | None = None
    fault: str | None = None

    def facts(self) -> dict[str, Any]:
        """Give the call for the journal; `http_status` null means that it was cut."""
        asked = self.request
        return {
            "from": asked and asked.from_,
            "message": asked and asked.message,
            "tag": asked and asked.tag,
            "enable_delivery_report": asked and asked.wants_report,
            "partner": self.partner,
            "http_status": self.answer.status,
            "fault": self.fault,
            "accepted": any(result.status == 202 for result in self.results),
            "recipients": [result.facts() for result in self.results],
        }


class SmsEndpoint:
    """The send operation of one ACS resource."""

    def __init__(
        self,
        *,
        keys: AccessKeys,
        numbers: Mapping[str, bool],
        partners: Mapping[str, str],
        acceptance: Acceptance,
        reports: Reports,
        faults: FaultBook,
        journal: Journal,
    ) -> None:
        self._keys = keys
        self._numbers = numbers
        self._partners = partners
        self._meter = Meter()
        self._acceptance = acceptance
        self._reports = reports
        self._faults = faults
        self._journal = journal

    async def post(self, request: web.Request) -> web.StreamResponse:
        """Tell the story of one call."""
        body = await request.read()
        phones = send_request.phones_in(body)
        slow = self._faults.take(Slow, phones)
        if slow and not slow.after_accept:
            await asyncio.sleep(slow.seconds)
        call = self._judge(request, body, phones)
        self._journal.record(
            "send",
            api_version=request.query.get("api-version"),
            client_request_id=request.headers.get("x-ms-client-request-id"),
            slow=slow and slow.seconds,
            **call.facts(),
        )
        others = await self._reports.run_ahead(call.reports)
        if slow and slow.after_accept:
            await asyncio.sleep(slow.seconds)
        try:
            return await write(request, call.answer)
        finally:
            for report in others:
                await self._reports.publish(report)

    def _judge(self, request: web.Request, body: bytes, phones: frozenset[str]) -> Call:
        """Decide a call: first who calls, then what is asked."""
        denial = self._keys.refusal(request, body)
        if denial:
            return Call(denial)
        if fault := self._first(BEFORE_ACCEPT, phones):
            return Call(fault.answer(), fault=name_of(fault))
        return self._weigh(request.query.get("api-version"), body, phones)

    def _weigh(self, name: str | None, body: bytes, phones: frozenset[str]) -> Call:
        """Decide what a known caller asks. Validation comes before ownership; which comes first in
        the service is not documented."""
        version = versions.read(name)
        if isinstance(version, Answer):
            return Call(version)
        asked = send_request.read(body)
        if isinstance(asked, Answer):
            return Call(asked)
        partner = messaging_connect.read(asked.messaging_connect, version.messaging_connect)
        if isinstance(partner, Answer):
            return Call(partner, asked)
        refusal, fault = self._refusal(asked, phones, partner)
        if refusal:
            struck = name_of(fault) if fault else None
            return Call(refusal, asked, partner=partner, fault=struck)
        return self._accept(asked, phones, partner)

    def _refusal(
        self, asked: SendRequest, phones: frozenset[str], partner: str | None
    ) -> tuple[Answer | None, AnswerFault | None]:
        """Refuse a sound call of its sender, and tell the fault that is to blame."""
        if asked.from_ not in self._numbers:
            return answers.NOT_OWNED, None
        if fault := self._faults.take(NotOwned, phones):
            return fault.answer(), fault
        if limits := self._over_limits(asked, phones):
            return limits.answer(), limits
        return messaging_connect.refusal(self._partners.get(asked.from_), partner), None

    def _over_limits(self, asked: SendRequest, phones: frozenset[str]) -> RateLimits | None:
        """Give the limits that a call is over, if they are in force."""
        limits = self._faults.find(RateLimits, phones)
        units = segments.count(asked.message) * len(asked.sms_recipients)
        if limits is None or not self._meter.refuses(asked.from_, units, limits):
            return None
        return self._faults.take(RateLimits, phones)

    def _accept(self, asked: SendRequest, phones: frozenset[str], partner: str | None) -> Call:
        """Accept a sound call, and lie about it where a fault demands."""
        results, reports = self._acceptance.accept(asked)
        fault = self._first(AFTER_ACCEPT, phones)
        answer = fault.answer() if fault else answers.accepted([r.wire() for r in results])
        return Call(answer, asked, results, reports, partner, name_of(fault) if fault else None)

    def _first(
        self, models: Sequence[type[AnswerFault]], phones: frozenset[str]
    ) -> AnswerFault | None:
        """Let the first of some faults strike that is in force."""
        return next((f for model in models if (f := self._faults.take(model, phones))), None)


async def write(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Write an answer to its last byte, so that what comes next comes after it."""
    if answer.status is None:
        if request.transport:
            request.transport.close()
        return web.Response()
    echo = {}
    if request.headers.get("x-ms-return-client-request-id") == "true":
        echo["x-ms-client-request-id"] = request.headers.get("x-ms-client-request-id", "")
    headers = {**answer.headers, **echo}
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    with contextlib.suppress(ConnectionError):  # The caller may have hung up meanwhile.
        await response.prepare(request)
        await response.write_eof()
    return response
