"""The API of sending rules and kill switches: what is left out, what is null, who may do what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from common.metrics import Metrics
from common.sending_rules import DEFAULT, LongText
from common.store.control import Actor, NumberRecord, Stopped, Stops
from common.store.control_ports import Stale
from health.access.roles import Principal, Role
from health.api.table import ROUTES
from health.console import rendering
from health.desk.rules import valid_rules
from health.desk.switches import SwitchDesk
from health.desks import Desks
from health.web.serve import Server
from tests.unit import console_samples as samples
from tests.unit.console_setup_stage import number
from tests.unit.console_stage import CSRF, StageDoor

T: Final = "/api/v1/tenants/acme"
RULES: Final = f"{T}/numbers/%2B18005550100/rules"


@dataclass
class OneNumber:
    """A number whose rules are judged as the desk judges them."""

    record: NumberRecord = field(default_factory=number)

    async def get(self, tenant_id: str, address: str) -> NumberRecord:
        return self.record

    async def set_rules(
        self,
        tenant_id: str,
        address: str,
        changes: dict[str, Any],
        *,
        version: int | None,
        by: Principal,
    ) -> NumberRecord:
        if version is not None and version != self.record.version:
            raise Stale
        rules = valid_rules(changes, self.record.rules, self.record.type, self.record.region)
        self.record = replace(self.record, rules=rules, version=self.record.version + 1)
        return self.record


@dataclass
class TwoSwitches:
    """The kill switches of one tenant and of all."""

    stops: Stops = field(default_factory=Stops)

    async def all(self) -> Stopped | None:
        return self.stops.everywhere

    async def of(self, tenant_id: str) -> Stops:
        return self.stops

    async def set_all(self, *, stopped: bool, reason: str, by: Actor) -> Stopped | None:
        self.stops = replace(self.stops, everywhere=_stopped(stopped, reason, by))
        return self.stops.everywhere

    async def set_tenant(
        self, tenant_id: str, *, stopped: bool, reason: str, by: Actor
    ) -> Stopped | None:
        self.stops = replace(self.stops, tenant=_stopped(stopped, reason, by))
        return self.stops.tenant


def _stopped(stopped: bool, reason: str, by: Actor) -> Stopped | None:
    return Stopped(at=samples.NOW, by=by.name, reason=reason) if stopped else None


@dataclass
class Api:
    """What a test holds."""

    client: TestClient[Any, Any]
    door: StageDoor
    numbers: OneNumber

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Status and body."""
        sent = {"X-CSRF-Token": CSRF} | headers
        async with self.client.request(method, path, json=body, headers=sent) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest_asyncio.fixture
async def api() -> AsyncIterator[Api]:
    door, numbers = StageDoor(), OneNumber()
    tenants: Any = SimpleNamespace(get=_tenant)
    desks = SimpleNamespace(door=door, numbers=numbers, switches=SwitchDesk(TwoSwitches(), tenants))
    door.let_in(Role.ADMIN)
    app = web.Application()
    Server(cast("Desks", desks), ROUTES, Metrics(), rendering.render_problem).add_to(app)
    async with TestClient(TestServer(app)) as client:
        yield Api(client, door, numbers)


async def _tenant(tenant_id: str) -> Any:
    return samples.tenant() if tenant_id == samples.TENANT else None


async def test_rules_are_read_with_what_counts_where_they_say_nothing(api: Api) -> None:
    status, rules = await api.ask("GET", RULES)
    assert status == 200
    assert (rules["long_text"], rules["loop_replies"], rules["daily_cost"]) == (
        "truncate",
        30,
        None,
    )
    assert rules["effective"] == {
        "requests_per_minute": 200,
        "units_per_minute": 200,
        "max_segments": 10,
    }
    api.numbers.record = replace(
        number(), rules=replace(DEFAULT, requests_per_minute=20, max_segments=2)
    )
    _, rules = await api.ask("GET", RULES)
    assert (rules["effective"]["requests_per_minute"], rules["effective"]["max_segments"]) == (
        20,
        2,
    )


async def test_what_a_change_leaves_out_stays_and_null_takes_a_rule_away(api: Api) -> None:
    first = {"long_text": "split", "daily_cost": "20", "segment_cost": "0.0079"}
    status, _ = await api.ask("PATCH", RULES, first, **{"If-Match": '"4"'})
    assert status == 200
    status, rules = await api.ask("PATCH", RULES, {"loop_replies": None}, **{"If-Match": '"5"'})
    assert (status, rules["version"]) == (200, 6)
    assert (rules["long_text"], rules["loop_replies"]) == ("split", None)
    assert (rules["daily_cost"], rules["segment_cost"]) == ("20", "0.0079")
    kept = api.numbers.record.rules
    assert (kept.long_text, kept.segment_cost) == (LongText.SPLIT, Decimal("0.0079"))


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"max_segments": 11}, "max_segments"),
        ({"long_text": None}, "long_text"),
        ({"quiet_from": "21:00"}, "quiet_until"),
        ({"att_class": "A"}, "att_class"),
        ({"daily_cost": 20}, "daily_cost"),
        ({"no_such_rule": 1}, "no_such_rule"),
    ],
)
async def test_what_cannot_be_used_is_named_and_nothing_is_changed(
    api: Api, body: dict[str, Any], wrong: str
) -> None:
    status, problem = await api.ask("PATCH", RULES, body, **{"If-Match": "*"})
    assert (status, problem["code"], list(problem["fields"])) == (422, "invalid", [wrong])
    assert api.numbers.record.rules == DEFAULT


async def test_rules_are_changed_by_an_admin_who_has_seen_the_newest(api: Api) -> None:
    assert (await api.ask("PATCH", RULES, {}))[0] == 428
    assert (await api.ask("PATCH", RULES, {}, **{"If-Match": '"3"'}))[0] == 412
    api.door.let_in(Role.APPROVER)
    assert (await api.ask("PATCH", RULES, {}, **{"If-Match": "*"}))[0] == 403
    assert (await api.ask("GET", RULES))[0] == 200


async def test_an_approver_stops_and_an_admin_resumes_both_with_a_confirmation(api: Api) -> None:
    api.door.let_in(Role.APPROVER)
    status, problem = await api.ask("PUT", f"{T}/sending", {"stopped": True})
    assert (status, problem["code"]) == (422, "not_confirmed")
    stop = {"stopped": True, "reason": "Wrong prices", "confirm": True}
    status, shown = await api.ask("PUT", f"{T}/sending", stop)
    assert (status, shown["stopped"], shown["everywhere"]) == (200, True, None)
    assert (shown["tenant"]["by"], shown["tenant"]["reason"]) == ("Jane Smith", "Wrong prices")
    resume = {"stopped": False, "confirm": True}
    status, problem = await api.ask("PUT", f"{T}/sending", resume)
    assert (status, problem["code"]) == (403, "forbidden")
    assert (await api.ask("GET", f"{T}/sending"))[1] == shown
    api.door.let_in(Role.ADMIN)
    assert (await api.ask("PUT", f"{T}/sending", resume))[1]["stopped"] is False


async def test_the_switch_of_all_is_an_operators_and_leaves_a_tenants_own(api: Api) -> None:
    stop = {"stopped": True, "confirm": True}
    await api.ask("PUT", f"{T}/sending", stop)
    assert (await api.ask("PUT", "/api/v1/sending", stop))[0] == 403
    api.door.let_in(Role.OPERATOR)
    status, shown = await api.ask("PUT", "/api/v1/sending", stop)
    assert (status, shown["stopped"], set(shown)) == (200, True, {"stopped", "everywhere"})
    await api.ask("PUT", "/api/v1/sending", {"stopped": False, "confirm": True})
    assert (await api.ask("GET", "/api/v1/sending"))[1]["stopped"] is False
    _, shown = await api.ask("GET", f"{T}/sending")
    assert (shown["stopped"], shown["everywhere"]) == (True, None)
    assert (await api.ask("GET", "/api/v1/tenants/nobody/sending"))[0] == 404
