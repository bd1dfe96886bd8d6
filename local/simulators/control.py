"""The control API under `/simulator/…` of every provider: JSON in, JSON out, long polls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from local.simulator.common_control import CommonControl, Handler, Order, explaining, json_response

if TYPE_CHECKING:
    from local.simulators.base import ProviderSimulator


class NumberOrder(Order):
    """A number to own."""

    number: str


class PortalOrder(Order):
    """What is entered in the provider's portal."""

    url: str
    username: str = ""
    password: str = ""


class SecretOrder(Order):
    """The password or key that is good from now on."""

    secret: str


class Control(CommonControl):
    """Serves the control API of one provider."""

    def __init__(self, simulator: ProviderSimulator) -> None:
        super().__init__(simulator)
        self._provider = simulator

    def routes(self) -> list[web.RouteDef]:
        """Give every route there is."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/simulator/numbers", self.own_number),
            ("PUT", "/simulator/portal", self.enter_in_portal),
            ("PUT", "/simulator/secret", self.change_secret),
        ]
        own = [web.route(method, path, explaining(handler)) for method, path, handler in table]
        return [*self.shared_routes(), *own]

    async def own_number(self, request: web.Request) -> web.Response:
        """Give the account a number."""
        order = NumberOrder.model_validate_json(await request.read())
        self._provider.own(order.number)
        return json_response({"numbers": sorted(self._provider.numbers)}, 201)

    async def enter_in_portal(self, request: web.Request) -> web.Response:
        """Enter our URL, and the Basic login that the provider is to use."""
        order = PortalOrder.model_validate_json(await request.read())
        self._provider.portal(order.url, order.username, order.password)
        return json_response({"url": order.url, "username": order.username})

    async def change_secret(self, request: web.Request) -> web.Response:
        """Accept this password or key and no other."""
        order = SecretOrder.model_validate_json(await request.read())
        self._provider.change_secret(order.secret)
        return json_response({})
