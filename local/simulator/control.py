"""The control API under `/simulator/…`: JSON in, JSON out, long polls instead of polling."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from local.simulator.journal import Entry
from local.simulator.subscriptions import HandshakeFailed, Subscription

if TYPE_CHECKING:
    from local.simulator.simulator import Simulator

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


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TextOrder(_Order):
    """A text to inject."""

    from_: str = Field(alias="from")
    to: str
    body: str
    message_id: str | None = None
    copies: int = Field(default=1, ge=1, le=1000)


class NumberOrder(_Order):
    """A number to own; `carrier_opt_out` null takes the simulator's default, and `partner` is the
    one that leases it."""

    number: str
    carrier_opt_out: bool | None = None
    partner: str | None = None


class KeyOrder(_Order):
    """The access key that is good from now on, in base64."""

    access_key: Base64Bytes


_ONE_OR_MORE_TEXTS: TypeAdapter[TextOrder | list[TextOrder]] = TypeAdapter(
    TextOrder | list[TextOrder]
)
_FAULTS: TypeAdapter[dict[str, dict[str, Any] | None]] = TypeAdapter(
    dict[str, dict[str, Any] | None]
)


class Control:
    """Serves the control API of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[web.RouteDef]:
        """Give every route there is."""
        table: list[tuple[str, str, Handler]] = [
            ("GET", "/simulator/health", self.health),
            ("POST", "/simulator/texts", self.send_texts),
            ("POST", "/simulator/events", self.publish_events),
            ("GET", "/simulator/phones", self.list_phones),
            ("GET", "/simulator/phones/{number}", self.show_phone),
            ("PUT", "/simulator/faults", self.set_faults),
            ("GET", "/simulator/faults", self.show_faults),
            ("DELETE", "/simulator/faults", self.clear_faults),
            ("POST", "/simulator/subscriptions", self.subscribe),
            ("GET", "/simulator/subscriptions", self.list_subscriptions),
            ("DELETE", "/simulator/subscriptions", self.unsubscribe_all),
            ("DELETE", "/simulator/subscriptions/{name}", self.unsubscribe),
            ("POST", "/simulator/numbers", self.own_number),
            ("PUT", "/simulator/key", self.regenerate_key),
            ("GET", "/simulator/timeline", self.show_timeline),
            ("GET", "/simulator/stream", self.stream),
            *(("GET", path, self._log(kind)) for path, kind in _LOGS.items()),
        ]
        return [web.route(method, path, _explaining(handler)) for method, path, handler in table]

    async def health(self, _: web.Request) -> web.Response:
        """Say that it runs."""
        return _json(self._simulator.health())

    async def send_texts(self, request: web.Request) -> web.Response:
        """Inject one text, or a list of them in one go."""
        orders = _ONE_OR_MORE_TEXTS.validate_json(await request.read())
        if isinstance(orders, TextOrder):
            return _json({"message_id": await self._send_text(orders)}, 201)
        return _json({"message_ids": [await self._send_text(order) for order in orders]}, 201)

    async def _send_text(self, order: TextOrder) -> str:
        return await self._simulator.text(
            order.from_, order.to, order.body, message_id=order.message_id, copies=order.copies
        )

    async def publish_events(self, request: web.Request) -> web.Response:
        """Deliver an event, or each of a list of them, exactly as it is."""
        payload = orjson.loads(await request.read())
        payloads = payload if isinstance(payload, list) else [payload]
        await self._simulator.publish(*payloads)
        return _json({"published": len(payloads)}, 202)

    async def list_phones(self, _: web.Request) -> web.Response:
        """List the numbers of all phones."""
        return _json({"phones": self._simulator.phones.numbers()})

    async def show_phone(self, request: web.Request) -> web.Response:
        """Show one phone, after `wait_for` texts were received or `timeout` seconds passed."""
        phone = self._simulator.phone(request.match_info["number"])
        total = int(request.query.get("wait_for", 0))
        with contextlib.suppress(TimeoutError):  # A long poll that runs out shows what there is.
            await phone.wait_for_texts(total, _timeout(request))
        return _json(phone.facts())

    async def regenerate_key(self, request: web.Request) -> web.Response:
        """Accept this access key and no other."""
        order = KeyOrder.model_validate_json(await request.read())
        self._simulator.regenerate_key(base64.b64encode(order.access_key).decode())
        return _json({"access_key": self._simulator.access_key})

    async def set_faults(self, request: web.Request) -> web.Response:
        """Put the named faults in force and lift those that are null; others stay as they are."""
        faults = _FAULTS.validate_json(await request.read())
        for name, parameters in faults.items():
            if parameters is None:
                self._simulator.clear_faults(name)
            else:
                self._simulator.fault(name, **parameters)
        return _json(self._simulator.faults.facts())

    async def show_faults(self, _: web.Request) -> web.Response:
        """Show the faults in force."""
        return _json(self._simulator.faults.facts())

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Lift the faults of the `name` parameters, or all."""
        self._simulator.clear_faults(*request.query.getall("name", []))
        return _json(self._simulator.faults.facts())

    async def subscribe(self, request: web.Request) -> web.Response:
        """Create or replace a subscription, if its endpoint shakes hands."""
        subscription = Subscription.model_validate_json(await request.read())
        await self._simulator.grid.subscribe(subscription)
        return _json(subscription.facts(), 201)

    async def list_subscriptions(self, _: web.Request) -> web.Response:
        """List all subscriptions, without their secrets."""
        listed = [subscription.facts() for subscription in self._simulator.grid.subscriptions]
        return _json({"subscriptions": listed})

    async def unsubscribe(self, request: web.Request) -> web.Response:
        """End one subscription; `?notify=true` sends the endpoint the deletion notice."""
        notify = request.query.get("notify") == "true"
        await self._simulator.unsubscribe(request.match_info["name"], notify=notify)
        return _json({})

    async def unsubscribe_all(self, _: web.Request) -> web.Response:
        """End all subscriptions."""
        for subscription in self._simulator.grid.subscriptions:
            await self._simulator.unsubscribe(subscription.name)
        return _json({})

    async def own_number(self, request: web.Request) -> web.Response:
        """Give the resource a number."""
        order = NumberOrder.model_validate_json(await request.read())
        self._simulator.own(
            order.number, carrier_opt_out=order.carrier_opt_out, partner=order.partner
        )
        return _json({"numbers": self._simulator.numbers}, 201)

    def _log(self, kind: str) -> Handler:
        """Serve one log: `since` a seq, after `wait_for` entries exist or `timeout` seconds."""

        async def show(request: web.Request) -> web.Response:
            journal = self._simulator.journal
            total = int(request.query.get("wait_for", 0))
            with contextlib.suppress(TimeoutError):  # As show_phone.
                await journal.wait_for(kind, total, _timeout(request))
            entries = journal.entries(kind, int(request.query.get("since", 0)))
            return _json({"total": journal.total(kind), "items": entries})

        return show

    async def show_timeline(self, request: web.Request) -> web.Response:
        """Show what happened after `since`, waiting up to `timeout` seconds for anything."""
        since = int(request.query.get("since", 0))
        entries = await self._simulator.journal.wait_beyond(since, _timeout(request))
        return _json({"items": entries, "next": entries[-1]["seq"] if entries else since})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Stream what happens after `since` (or Last-Event-ID) as server-sent events."""
        since = int(request.headers.get("Last-Event-ID") or request.query.get("since", "0"))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            entries = await self._simulator.journal.wait_beyond(since, _HEARTBEAT)
            await response.write(b"".join(map(_server_sent, entries)) or b": still here\n\n")
            since = entries[-1]["seq"] if entries else since


def _explaining(handler: Handler) -> Handler:
    """Turn what a caller got wrong into a JSON error that says so."""

    async def explain(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except HandshakeFailed as failure:
            return _error(400, "HandshakeFailed", str(failure))
        except ValidationError as invalid:
            return _error(400, "Invalid", str(invalid))
        except KeyError as unknown:
            return _error(404, "NotFound", f"nothing here is named {unknown}")
        except ValueError as wrong:
            return _error(400, type(wrong).__name__, str(wrong))

    return explain


def _timeout(request: web.Request) -> float:
    return min(float(request.query.get("timeout", 0)), _MAX_WAIT)


def _server_sent(entry: Entry) -> bytes:
    head = f"id: {entry['seq']}\nevent: {entry['kind']}\ndata: ".encode()
    return head + orjson.dumps(entry) + b"\n\n"


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")


def _error(status: int, code: str, message: str) -> web.Response:
    return _json({"error": {"code": code, "message": message}}, status)
