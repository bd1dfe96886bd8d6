"""Handshakes: consent is given in the form that Event Grid expects, and only where it should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from webhook_world import VALIDATION, FakeBus, World, event_grid, received_data, webhook

from webhook.auth import Doorkeeper, SecretCheck, Secrets

CODE = "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"
DATA = {"validationCode": CODE, "validationUrl": "http://127.0.0.1:1/validate?token=x"}
ANNOUNCED = {"aeg-event-type": "SubscriptionValidation", "aeg-subscription-name": "MYSUBSCRIPTION"}
CONSENT = ("WebHook-Allowed-Origin", "WebHook-Allowed-Rate")


def with_secret() -> Doorkeeper:
    check = SecretCheck(Secrets(["secret"]), query="code", header="x-heliograph-secret")
    return Doorkeeper(secret=check, entra=None)


async def ask(world: World, headers: dict[str, str], **query: str) -> tuple[int, Mapping[str, str]]:
    """Status and headers of a handshake's answer."""
    options = world.session.options(world.url, headers=headers, params=query)
    async with options as response:
        return response.status, response.headers


@pytest.mark.parametrize("headers", [{}, ANNOUNCED])
@pytest.mark.parametrize("data", [DATA, {"ValidationCode": CODE}])
@pytest.mark.parametrize("kind", [VALIDATION, VALIDATION.lower()])
async def test_a_subscription_validation_is_answered_with_its_code(
    headers: dict[str, str], data: Any, kind: str
) -> None:
    async with webhook(FakeBus()) as world:
        answer = await world.post([event_grid(data, kind)], headers=headers)
    assert answer == (200, {"validationResponse": CODE})


@pytest.mark.parametrize(
    "body",
    [
        [event_grid(DATA, VALIDATION)] * 2,
        [event_grid({}, VALIDATION)],
        [event_grid({"validationCode": 5}, VALIDATION)],
        [event_grid(None, VALIDATION)],
    ],
)
@pytest.mark.parametrize("headers", [{}, ANNOUNCED])
async def test_a_validation_must_be_one_event_with_a_code(
    body: Any, headers: dict[str, str]
) -> None:
    bus = FakeBus()
    async with webhook(bus) as world:
        status, problem = await world.post(body, headers=headers)
    assert (status, problem["code"]) == (400, "no_validation_code")
    assert bus.messages == []


@pytest.mark.parametrize(
    ("body", "published"),
    [
        ([event_grid(received_data())], ["sms.received"]),
        (event_grid(received_data()), ["sms.received"]),
        ([event_grid(received_data()), event_grid(DATA, VALIDATION)], ["sms.received"]),
        ([17], ["sms.unreadable"]),
        ([], []),
    ],
)
async def test_real_events_that_are_announced_as_a_validation_are_not_lost(
    body: Any, published: list[str]
) -> None:
    bus = FakeBus()
    async with webhook(bus, subscriptions=frozenset({"other"})) as world:
        assert await world.post(body, headers=ANNOUNCED) == (200, None)
    assert [message.type for message in bus.messages] == published


@pytest.mark.parametrize(
    ("allowed", "status"),
    [({"mysubscription"}, 200), ({"other", "mysubscription"}, 200), ({"other"}, 403)],
)
async def test_only_listed_subscriptions_are_validated(allowed: set[str], status: int) -> None:
    async with webhook(FakeBus(), subscriptions=frozenset(allowed)) as world:
        answered, _ = await world.post([event_grid(DATA, VALIDATION)], headers=ANNOUNCED)
    assert answered == status


async def test_a_validation_proves_itself_like_every_delivery() -> None:
    async with webhook(FakeBus(), doorkeeper=with_secret()) as world:
        body = [event_grid(DATA, VALIDATION)]
        assert (await world.post(body))[0] == 401
        assert (await world.post(body, query={"code": "secret"}))[0] == 200


@pytest.mark.parametrize(("rate", "allowed"), [(None, "*"), ("120", "120"), ("-1", "*")])
async def test_a_cloud_events_handshake_consents_to_its_origin_and_rate(
    rate: str | None, allowed: str
) -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    headers |= {
        "WebHook-Request-Callback": "http://127.0.0.1:1/",
        "WebHook-Request-Rate": rate or "",
    }
    async with webhook(FakeBus()) as world:
        status, answered = await ask(world, headers)
    assert status == 200
    assert answered["WebHook-Allowed-Origin"] == "eventgrid.azure.net"
    assert answered["WebHook-Allowed-Rate"] == allowed
    assert answered["Allow"] == "POST, OPTIONS"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"WebHook-Request-Origin": " "}, 400),
        ({"WebHook-Request-Origin": "a b"}, 400),
        ({"WebHook-Request-Origin": "elsewhere.example"}, 403),
    ],
)
async def test_a_refused_handshake_carries_no_consent(headers: dict[str, str], status: int) -> None:
    async with webhook(FakeBus(), origins=frozenset({"eventgrid.azure.net"})) as world:
        refused, answered = await ask(world, headers)
    assert refused == status
    assert not any(name in answered for name in CONSENT)


async def test_a_listed_origin_is_compared_without_case() -> None:
    headers = {"WebHook-Request-Origin": "EventGrid.azure.net"}
    async with webhook(FakeBus(), origins=frozenset({"eventgrid.azure.net"})) as world:
        _, answered = await ask(world, headers)
    assert answered["WebHook-Allowed-Origin"] == "EventGrid.azure.net"


async def test_a_handshake_needs_the_secret_where_one_is_configured() -> None:
    headers = {"WebHook-Request-Origin": "eventgrid.azure.net"}
    async with webhook(FakeBus(), doorkeeper=with_secret()) as world:
        status, answered = await ask(world, headers)
        assert status == 401
        assert not any(name in answered for name in CONSENT)
        assert (await ask(world, headers, code="secret"))[0] == 200
