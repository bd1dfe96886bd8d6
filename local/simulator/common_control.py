"""The part of the control API that every simulator has: texts, phones, faults, the journal."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from local.simulator.faults import FaultBook
from local.simulator.journal import Entry, Journal
from local.simulator.phones import Phone, Phones

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_LOGS = {
    "/simulator/sends": "send",
    "/simulator/queries": "query",
    "/simulator/deliveries": "delivery",
    "/simulator/dead-letters": "dead_letter",
    "/simulator/reports": "report",
}
_MAX_WAIT = 60.0
_HEARTBEAT = 15.0


class Controlled(Protocol):
    """What the routes here need of a simulator."""

    journal: Journal
    phones: Phones
    faults: FaultBook

    async def text(
        self, from_: str, to: str, body: str, *, message_id: str | None = None, copies: int = 1
    ) -> str:
        """Let a phone text a number."""

    def phone(self, number: str) -> Phone:
        """Give a phone."""

    def fault(self, name: str, /, **parameters: Any) -> None:
        """Put a fault in force."""

    def clear_faults(self, *names: str) -> None:
        """Lift the named faults, or all."""

    def health(self) -> Mapping[str, Any]:
        """Tell that it runs."""


class Order(BaseModel):
    """A body that takes no field that is not named."""

    model_config = ConfigDict(extra="forbid")


class TextOrder(Order):
    """A text to inject."""

    from_: str = Field(alias="from")
    to: str
    body: str
    message_id: str | None = None
    copies: int = Field(default=1, ge=1, le=1000)


_ONE_OR_MORE_TEXTS: TypeAdapter[TextOrder | list[TextOrder]] = TypeAdapter(
    TextOrder | list[TextOrder]
)
_FAULTS: TypeAdapter[dict[str, dict[str, Any] | None]] = TypeAdapter(
    dict[str, dict[str, Any] | None]
)


class CommonControl:
    """Serves what is common to all simulators."""

    def __init__(self, simulator: Controlled) -> None:
        self._simulator = simulator

    def shared_routes(self) -> list[web.RouteDef]:
        """Give the routes that every simulator has."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/simulator/health", self.health),
            ("POST", "/simulator/texts", self.send_texts),
            ("GET", "/simulator/phones", self.list_phones),
            ("GET", "/simulator/phones/{number}", self.show_phone),
            ("PUT", "/simulator/faults", self.set_faults),
            ("GET", "/simulator/faults", self.show_faults),
            ("DELETE", "/simulator/faults", self.clear_faults),
            ("GET", "/simulator/timeline", self.show_timeline),
            ("GET", "/simulator/stream", self.stream),
            *(("GET", path, self.log(kind)) for path, kind in _LOGS.items()),
        ]
        return [web.route(method, path, explaining(handler)) for method, path, handler in table]

    async def health(self, _: web.Request) -> web.Response:
        """Say that it runs."""
        return json_response(self._simulator.health())

    async def send_texts(self, request: web.Request) -> web.Response:
        """Inject one text, or a list of them in one go."""
        orders = _ONE_OR_MORE_TEXTS.validate_json(await request.read())
        if isinstance(orders, TextOrder):
            return json_response({"message_id": await self._send_text(orders)}, 201)
        return json_response(
            {"message_ids": [await self._send_text(order) for order in orders]}, 201
        )

    async def _send_text(self, order: TextOrder) -> str:
        return await self._simulator.text(
            order.from_, order.to, order.body, message_id=order.message_id, copies=order.copies
        )

    async def list_phones(self, _: web.Request) -> web.Response:
        """List the numbers of all phones."""
        return json_response({"phones": self._simulator.phones.numbers()})

    async def show_phone(self, request: web.Request) -> web.Response:
        """Show one phone, after `wait_for` texts were received or `timeout` seconds passed."""
        phone = self._simulator.phone(request.match_info["number"])
        total = int(request.query.get("wait_for", 0))
        with contextlib.suppress(TimeoutError):  # A long poll that runs out shows what there is.
            await phone.wait_for_texts(total, _timeout(request))
        return json_response(phone.facts())

    async def set_faults(self, request: web.Request) -> web.Response:
        """Put the named faults in force and lift those that are null; others stay as they are."""
        faults = _FAULTS.validate_json(await request.read())
        for name, parameters in faults.items():
            if parameters is None:
                self._simulator.clear_faults(name)
            else:
                self._simulator.fault(name, **parameters)
        return json_response(self._simulator.faults.facts())

    async def show_faults(self, _: web.Request) -> web.Response:
        """Show the faults in force."""
        return json_response(self._simulator.faults.facts())

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Lift the faults of the `name` parameters, or all."""
        self._simulator.clear_faults(*request.query.getall("name", []))
        return json_response(self._simulator.faults.facts())

    def log(self, kind: str) -> Handler:
        """Serve one log: `since` a seq, after `wait_for` entries exist or `timeout` seconds."""

        async def show(request: web.Request) -> web.Response:
            journal = self._simulator.journal
            total = int(request.query.get("wait_for", 0))
            with contextlib.suppress(TimeoutError):  # As show_phone.
                await journal.wait_for(kind, total, _timeout(request))
            entries = journal.entries(kind, int(request.query.get("since", 0)))
            return json_response({"total": journal.total(kind), "items": entries})

        return show

    async def show_timeline(self, request: web.Request) -> web.Response:
        """Show what happened after `since`, waiting up to `timeout` seconds for anything."""
        since = int(request.query.get("since", 0))
        entries = await self._simulator.journal.wait_beyond(since, _timeout(request))
        return json_response({"items": entries, "next": entries[-1]["seq"] if entries else since})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Stream what happens after `since` (or Last-Event-ID) as server-sent events."""
        since = int(request.headers.get("Last-Event-ID") or request.query.get("since", "0"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            entries = await self._simulator.journal.wait_beyond(since, _HEARTBEAT)
            await response.write(b"".join(map(_server_sent, entries)) or b": still here\n\n")
            since = entries[-1]["seq"] if entries else since


def explaining(handler: Handler) -> Handler:
    """Turn what a caller got wrong into a JSON error that says so."""

    async def explain(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValidationError as invalid:
            return error_response(400, "Invalid", str(invalid))
        except KeyError as unknown:
            return error_response(404, "NotFound", f"nothing here is named {unknown}")
        except ValueError as wrong:
            return error_response(400, type(wrong).__name__, str(wrong))

    return explain


def _timeout(request: web.Request) -> float:
    return min(float(request.query.get("timeout", 0)), _MAX_WAIT)


def _server_sent(entry: Entry) -> bytes:
    head = f"id: {entry['seq']}\nevent: {entry['kind']}\ndata: ".encode()
    return head + orjson.dumps(entry) + b"\n\n"


def json_response(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Answer with a JSON document."""
    head = {"Content-Type": "application/json", **(headers or {})}
    return web.Response(status=status, body=orjson.dumps(value), headers=head)


def error_response(status: int, code: str, message: str) -> web.Response:
    """Tell a caller what they got wrong."""
    return json_response({"error": {"code": code, "message": message}}, status)
