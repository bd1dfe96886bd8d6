"""What a stopping sender has in hand ends in time, and nothing of it is sent twice or lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError
from sender_desk import Desk, delivery
from sender_stand_ins import NUMBER, command

from common.bus.verdicts import Defer, Done
from common.secrets import generate_master_key
from common.sending_rules import LongText, SendingRules, rules_document
from sender.settings import SenderSettings

pytestmark = pytest.mark.unit

PHONES = [f"+1555123{place:04d}" for place in range(1, 21)]
FAST = {"requests_per_minute": 10_000, "units_per_minute": 10_000}


@pytest.fixture
async def desk() -> Desk:
    made = Desk(deduplicates=False)
    await made.prepare()
    made.memory.numbers[f"acme/{NUMBER}"]["rules"] = rules_document(
        SendingRules(**FAST, long_text=LongText.SPLIT)
    )
    return made


async def test_after_the_signal_no_call_begins_and_another_replica_sends_the_rest_once(
    desk: Desk,
) -> None:
    desk.provider.max_recipients = 1
    desk.client.blocking = True
    order = delivery(command(to=PHONES))
    handling = asyncio.create_task(desk.replica("a").handle(order))
    await desk.client.busy.wait()
    desk.stopping.set()
    desk.client.release.set()
    verdict = await handling
    assert isinstance(verdict, Defer)
    begun = len(desk.client.sent)
    assert 0 < begun < len(PHONES)
    assert len(desk.told()) == begun

    desk.stopping.clear()
    assert await desk.replica("b").handle(order) == Done()
    assert sorted(text.recipient for text in desk.client.sent) == PHONES


async def test_a_text_in_parts_stops_between_two_of_them_and_goes_on_elsewhere(desk: Desk) -> None:
    desk.client.blocking = True
    order = delivery(command(body="word " * 80))
    handling = asyncio.create_task(desk.replica("a").handle(order))
    await desk.client.busy.wait()
    desk.stopping.set()
    desk.client.release.set()
    assert isinstance(await handling, Defer)
    assert len(desk.client.sent) == 1
    desk.stopping.clear()
    assert await desk.replica("b").handle(order) == Done()
    bodies = [text.body for text in desk.client.sent]
    assert len(bodies) == len(set(bodies)) > 1


def settings(**changes: Any) -> SenderSettings:
    return SenderSettings(master_key=generate_master_key(), **changes)


def test_the_defaults_drain_within_the_grace_period() -> None:
    chosen = settings()
    assert chosen.sender_provider_timeout < chosen.longest_drain <= chosen.grace_period


@pytest.mark.parametrize(
    "longer",
    [
        {"sender_provider_timeout": 20.0, "sender_lease": 30.0},
        {"mongodb_timeout": 12.0},
        {"sender_retry_in_place_max": 10.0},
        {"publish_deadline": 10.0},
        {"grace_period": 20.0},
    ],
)
def test_settings_whose_drain_does_not_fit_are_refused_by_the_name_of_the_one_to_change(
    longer: dict[str, float],
) -> None:
    with pytest.raises(ValidationError, match="HELIOGRAPH_GRACE_PERIOD: must be at least"):
        settings(**longer)
    assert settings(**longer | {"grace_period": 60.0}).longest_drain <= 60
