"""Whatever a provider answers, or does not, at most one text is on the phone and the agent is told
what is true; whatever reports come, the last state is right and told once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest
from promises import check_promises
from scene import World
from witnesses import Fate, Sent

from common.store.mongo_connections import MongoConnections
from common.store.records import ConnectionStatus
from common.store.schema import MESSAGES
from heliograph.codes import OutcomeCode
from heliograph.models import Report, now
from local.simulator import events

PATIENCE: Final = 30.0
LONGER_THAN_A_CALL: Final = 2.0

Faults = Mapping[str, Any]

SENT_ONCE: Final[dict[str, tuple[str, Faults]]] = {
    "an error although it was accepted": ("error_after_accept", {"status": 500}),
    "a gateway's error although it was accepted": ("error_after_accept", {"status": 504}),
    "a connection cut although it was accepted": ("cut_after_accept", {}),
    "an answer that comes too late": ("slow", {"seconds": LONGER_THAN_A_CALL}),
    "a call that is read too late": (
        "slow",
        {"seconds": LONGER_THAN_A_CALL, "after_accept": False},
    ),
    "an empty answer": ("garbage", {"body": ""}),
    "an answer that is no JSON": ("garbage", {"body": "<html>", "content_type": "text/html"}),
    "an error before it was accepted": ("error_before_accept", {"status": 503}),
    "a connection cut before it was accepted": ("cut_before_accept", {}),
    "throttling without Retry-After": ("throttle", {}),
    "throttling with a short Retry-After": ("throttle", {"retry_after": 1}),
    "throttling with a longer Retry-After": ("throttle", {"retry_after": 3}),
}
ACCOUNT_REFUSED: Final = {
    OutcomeCode.CREDENTIALS_REJECTED: "key_revoked",
    OutcomeCode.SENDER_NOT_OWNED: "not_owned",
}
REPORTS: Final[dict[str, tuple[str, Faults]]] = {
    "twice": ("duplicate_reports", {"copies": 3}),
    "in another order": ("reorder_reports", {"window": 3}),
    "late": ("late_reports", {"seconds": 1}),
    "before the answer": ("early_reports", {}),
    "never": ("missing_reports", {}),
}


@pytest.fixture(autouse=True)
async def open_house(world: World) -> AsyncIterator[None]:
    await world.ensure("webhook", "processor", "sender")
    yield
    world.simulator.clear_faults()


@pytest.mark.parametrize(("name", "parameters"), SENT_ONCE.values(), ids=SENT_ONCE)
async def test_a_text_goes_out_once_although_the_provider_gives(
    world: World, name: str, parameters: Faults
) -> None:
    phone = world.new_phone()
    world.simulator.fault(name, phone=phone, count=1, **parameters)
    await asyncio.gather(world.text(phone=phone), world.text())
    await check_promises(world)


async def test_a_refusal_is_told_as_it_is_and_nothing_goes_out(world: World) -> None:
    name, parameters = (
        "recipient_error",
        {"http_status_code": 400, "error_message": "Invalid To phone number format."},
    )
    phone = world.new_phone()
    world.simulator.fault(name, phone=phone, **parameters)
    refused, _ = await asyncio.gather(world.text(phone=phone, fate=Fate.REFUSED), world.text())
    await check_promises(world)
    told = world.notebook.outcomes[refused.id].code
    assert told is OutcomeCode.PROVIDER_INVALID_RECIPIENT


@pytest.mark.parametrize("code", ACCOUNT_REFUSED)
async def test_a_refused_account_stops_its_number_until_a_check_finds_it_in_order(
    world: World, code: OutcomeCode
) -> None:
    seed, connections = world.seed, MongoConnections(world.database)
    phone = world.new_phone()
    world.simulator.fault(ACCOUNT_REFUSED[code], phone=phone)
    refused = await world.text(phone=phone, fate=Fate.REFUSED)
    await check_promises(world)
    assert world.notebook.outcomes[refused.id].code is code
    record = await connections.get(seed.tenant_id, seed.connection_id)
    assert record is not None
    assert record.status is ConnectionStatus.ERROR
    assert record.error
    world.simulator.clear_faults()
    await connections.set_status(
        seed.tenant_id,
        seed.connection_id,
        status=ConnectionStatus.ACTIVE,
        error=None,
        checked_at=now(),
        works=True,
    )
    await world.text()
    await check_promises(world)


async def test_an_answer_that_stays_lost_is_uncertain_and_a_report_settles_it(
    world: World,
) -> None:
    sender = world.service("sender")
    await sender.stop()
    sender.start(sender_attempts="2")
    await sender.ready()
    phone = world.new_phone()
    world.simulator.fault("error_after_accept", phone=phone)
    text = await world.text(phone=phone, fate=Fate.UNCERTAIN)
    await check_promises(world)
    assert (await outbound_of(world, text))["status"] == "delivered"
    await sender.stop()


@pytest.mark.parametrize(("name", "parameters"), REPORTS.values(), ids=REPORTS)
async def test_the_state_is_right_and_told_once_where_reports_come(
    world: World, name: str, parameters: Faults
) -> None:
    world.simulator.fault(name, **parameters)
    texts = await asyncio.gather(*(world.text() for _ in range(3)))
    await check_promises(world)
    expected = "sent" if name == "missing_reports" else "delivered"
    assert {(await outbound_of(world, text))["status"] for text in texts} == {expected}


async def test_a_text_that_did_not_arrive_is_reported_so(world: World) -> None:
    phone = world.new_phone()
    world.simulator.fault("failed_reports", phone=phone)
    text = await world.text(phone=phone, fate=Fate.UNDELIVERED)
    await check_promises(world)
    document = await outbound_of(world, text)
    [told] = await reports_of(world, document["_id"])
    assert told.status.value == document["status"] != "delivered"
    assert told.details is not None
    assert "4004" in told.details


async def test_a_failure_that_comes_after_the_receipt_changes_nothing_and_is_not_told(
    world: World,
) -> None:
    phone = world.new_phone()
    world.simulator.fault("missing_reports", phone=phone)
    text = await world.text(phone=phone)
    [received] = await world.simulator.wait_for_texts(phone, 1, PATIENCE)
    for failure in (None, "4004: Destination phone number does not exist.", None):
        report = events.report(received, failure)
        await world.simulator.grid.publish_and_wait(report, copies=2)
    await check_promises(world)
    document = await outbound_of(world, text)
    assert document["status"] == "delivered"
    assert [report.status.value for report in await reports_of(world, document["_id"])] == [
        "delivered"
    ]


async def outbound_of(world: World, text: Sent) -> Mapping[str, Any]:
    """The document of the answer to a text."""
    [document] = (
        await world.database.collection(MESSAGES)
        .find({"direction": "OUTBOUND", "remote": text.remote, "body": text.answer})
        .to_list(None)
    )
    found: Mapping[str, Any] = document
    return found


async def reports_of(world: World, message_id: str) -> list[Report]:
    """What the agent was told of a text's delivery."""
    return [report for report in world.notebook.reports if report.message_id == message_id]
