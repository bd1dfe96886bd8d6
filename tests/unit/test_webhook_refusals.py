"""Refusals are seen in the log at its usual level, and nobody can fill it with them."""

from __future__ import annotations

import structlog
from webhook_world import FakeBus, event_grid, received_data, webhook

from webhook.auth import Doorkeeper, SecretCheck, Secrets
from webhook.problems import UNKNOWN_ORIGIN, WRONG_SECRET
from webhook.refusals import PAUSE, Refusals


def test_each_code_is_a_warning_once_a_minute_that_counts_what_went_unsaid() -> None:
    now = 0.0
    refusals = Refusals(clock=lambda: now)
    with structlog.testing.capture_logs() as logged:
        for _ in range(4):
            refusals.say(WRONG_SECRET)
        refusals.say(UNKNOWN_ORIGIN)
        now = PAUSE
        refusals.say(WRONG_SECRET)
        now = 2 * PAUSE
        refusals.say(WRONG_SECRET)
    assert {line["event"] for line in logged} == {"delivery.refused"}
    warned = [line for line in logged if line["log_level"] == "warning"]
    assert [(line["code"], line["status"], line["unsaid"]) for line in warned] == [
        ("wrong_secret", 401, 0),
        ("unknown_origin", 403, 0),
        ("wrong_secret", 401, 3),
        ("wrong_secret", 401, 0),
    ]
    assert [line["log_level"] for line in logged].count("debug") == 3


async def test_a_refused_delivery_is_such_a_warning() -> None:
    check = SecretCheck(Secrets(["secret"]), query="code", header="x-heliograph-secret")
    keeper = Doorkeeper(secret=check, entra=None)
    with structlog.testing.capture_logs() as logged:
        async with webhook(FakeBus(), doorkeeper=keeper) as world:
            for _ in range(3):
                status, _ = await world.post([event_grid(received_data())])
                assert status == 401
    said = [line for line in logged if line["event"] == "delivery.refused"]
    assert [line["log_level"] for line in said] == ["warning", "debug", "debug"]
    assert (said[0]["status"], said[0]["code"]) == (401, "wrong_secret")
