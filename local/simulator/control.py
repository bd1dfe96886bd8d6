"""The control API under `/simulator/…`: JSON in, JSON out, long polls instead of polling."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import orjson
from aiohttp import web
from pydantic import Base64Bytes

from local.simulator.common_control import (
    CommonControl,
    Handler,
    Order,
    error_response,
    explaining,
    json_response,
)
from local.simulator.subscriptions import HandshakeFailed, Subscription

if TYPE_CHECKING:
    from local.simulator.simulator import Simulator


class NumberOrder(Order):
    """A number to own; `carrier_opt_out` null takes the simulator's default, and `partner` is the
    one that leases it."""

    number: str
    carrier_opt_out: bool | None = None
    partner: str | None = None


class KeyOrder(Order):
    """The access key that is good from now on, in base64."""

    access_key: Base64Bytes


class Control(CommonControl):
    """Serves the control API of one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self._acs = simulator

    def routes(self) -> list[web.RouteDef]:
        """Give every route there is."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/simulator/events", self.publish_events),
            ("POST", "/simulator/subscriptions", self.subscribe),
            ("GET", "/simulator/subscriptions", self.list_subscriptions),
            ("DELETE", "/simulator/subscriptions", self.unsubscribe_all),
            ("DELETE", "/simulator/subscriptions/{name}", self.unsubscribe),
            ("POST", "/simulator/numbers", self.own_number),
            ("PUT", "/simulator/key", self.regenerate_key),
        ]
        own = [web.route(method, path, explaining(handler)) for method, path, handler in table]
        return [*self.shared_routes(), *own]

    async def publish_events(self, request: web.Request) -> web.Response:
        """Deliver an event, or each of a list of them, exactly as it is."""
        payload = orjson.loads(await request.read())
        payloads = payload if isinstance(payload, list) else [payload]
        await self._acs.publish(*payloads)
        return json_response({"published": len(payloads)}, 202)

    async def regenerate_key(self, request: web.Request) -> web.Response:
        """Accept this access key and no other."""
        order = KeyOrder.model_validate_json(await request.read())
        self._acs.regenerate_key(base64.b64encode(order.access_key).decode())
        return json_response({"access_key": self._acs.access_key})

    async def subscribe(self, request: web.Request) -> web.Response:
        """Create or replace a subscription, if its endpoint shakes hands."""
        subscription = Subscription.model_validate_json(await request.read())
        try:
            await self._acs.grid.subscribe(subscription)
        except HandshakeFailed as failure:
            return error_response(400, "HandshakeFailed", str(failure))
        return json_response(subscription.facts(), 201)

    async def list_subscriptions(self, _: web.Request) -> web.Response:
        """List all subscriptions, without their secrets."""
        listed = [subscription.facts() for subscription in self._acs.grid.subscriptions]
        return json_response({"subscriptions": listed})

    async def unsubscribe(self, request: web.Request) -> web.Response:
        """End one subscription; `?notify=true` sends the endpoint the deletion notice."""
        notify = request.query.get("notify") == "true"
        await self._acs.unsubscribe(request.match_info["name"], notify=notify)
        return json_response({})

    async def unsubscribe_all(self, _: web.Request) -> web.Response:
        """End all subscriptions."""
        for subscription in self._acs.grid.subscriptions:
            await self._acs.unsubscribe(subscription.name)
        return json_response({})

    async def own_number(self, request: web.Request) -> web.Response:
        """Give the resource a number."""
        order = NumberOrder.model_validate_json(await request.read())
        self._acs.own(order.number, carrier_opt_out=order.carrier_opt_out, partner=order.partner)
        return json_response({"numbers": self._acs.numbers}, 201)
