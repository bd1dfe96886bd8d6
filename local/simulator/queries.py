"""The operations beside sending: the opt-out list, and delivery reports that are asked for."""

from collections.abc import Awaitable, Callable
from typing import get_args

from aiohttp import web

from local.simulator import versions
from local.simulator.access_key import AccessKeys
from local.simulator.answers import Answer
from local.simulator.faults import BEFORE_ACCEPT, FaultBook, name_of
from local.simulator.journal import Journal
from local.simulator.opt_outs import Action, OptOuts
from local.simulator.report_book import ReportBook
from local.simulator.sms import write
from local.simulator.versions import Version

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class QueryEndpoint:
    """Serves them to callers who know a key, unless a fault without a phone is in force."""

    def __init__(
        self,
        *,
        keys: AccessKeys,
        opt_outs: OptOuts,
        book: ReportBook,
        faults: FaultBook,
        journal: Journal,
    ) -> None:
        self._keys = keys
        self._opt_outs = opt_outs
        self._book = book
        self._faults = faults
        self._journal = journal

    def routes(self) -> list[web.RouteDef]:
        """Give every route there is."""
        return [
            *(web.post(f"/sms/optouts:{action}", self._change(action)) for action in _ACTIONS),
            web.get("/deliveryReports/{message_id}", self.report),
        ]

    def _change(self, action: Action) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._serve(
                request,
                f"opt_outs_{action}",
                lambda body, version: self._opt_outs.answer(action, body, version),
            )

        return handle

    async def report(self, request: web.Request) -> web.StreamResponse:
        """Give the report of one text."""
        message_id = request.match_info["message_id"]
        return await self._serve(
            request, "delivery_report", lambda _, version: self._book.answer(message_id, version)
        )

    async def _serve(
        self, request: web.Request, operation: str, ask: Callable[[bytes, Version], Answer]
    ) -> web.StreamResponse:
        body = await request.read()
        api_version = request.query.get("api-version")
        answer, fault = self._judge(request, body, ask, api_version)
        self._journal.record(
            "query",
            operation=operation,
            api_version=api_version,
            http_status=answer.status,
            fault=fault,
        )
        return await write(request, answer)

    def _judge(
        self,
        request: web.Request,
        body: bytes,
        ask: Callable[[bytes, Version], Answer],
        api_version: str | None,
    ) -> tuple[Answer, str | None]:
        """Decide a call: first who calls, then what is asked."""
        if denial := self._keys.refusal(request, body):
            return denial, None
        for model in BEFORE_ACCEPT:
            if fault := self._faults.take(model, ()):
                return fault.answer(), name_of(fault)
        version = versions.read(api_version)
        return (version if isinstance(version, Answer) else ask(body, version)), None


_ACTIONS: tuple[Action, ...] = get_args(Action)
