"""Promises of the sender when the provider misbehaves: no text twice, none forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from sender_world import CONNECTION, PHONE, TENANT, World, command, repeatability_ids

from common.secrets import MasterKeys, WrappedKey
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("throttle", {}),
        ("throttle", {"retry_after": 1}),
        ("throttle", {"retry_after": 3}),
        ("cut_before_accept", {}),
        ("error_before_accept", {"status": 503}),
        ("cut_after_accept", {}),
        ("error_after_accept", {"status": 500}),
        ("error_after_accept", {"status": 504}),
        ("garbage", {"body": "thanks"}),
        ("garbage", {"body": ""}),
        ("recipient_error", {"http_status_code": 503}),
        ("slow", {"seconds": 1.5}),
    ],
)
async def test_after_a_passing_fault_there_is_exactly_one_text(
    world: World, fault: str, parameters: dict[str, Any]
) -> None:
    world.sim.fault(fault, count=1, **parameters)
    async with world.sender(sender_provider_timeout=1.0):
        outcome = await world.send(command())
    assert outcome.status is OutcomeStatus.SENT
    assert len(world.sim.phone(PHONE).received) == 1
    assert len(world.sim.sends) == 2
    ids = {
        call["recipients"][0]["repeatability_request_id"]
        for call in world.sim.sends
        if call["recipients"]
    }
    firsts = {
        call["recipients"][0]["repeatability_first_sent"]
        for call in world.sim.sends
        if call["recipients"]
    }
    assert (len(ids), len(firsts)) == (1, 1)
    assert world.untold()


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("throttle", OutcomeStatus.FAILED, OutcomeCode.PROVIDER_THROTTLED),
        ("error_before_accept", OutcomeStatus.UNCERTAIN, OutcomeCode.AMBIGUOUS),
        ("cut_after_accept", OutcomeStatus.UNCERTAIN, OutcomeCode.AMBIGUOUS),
        ("recipient_error", OutcomeStatus.FAILED, OutcomeCode.PROVIDER_UNAVAILABLE),
    ],
)
async def test_a_fault_that_stays_ends_after_the_allowed_attempts(
    world: World, fault: str, status: OutcomeStatus, code: OutcomeCode
) -> None:
    world.sim.fault(fault)
    async with world.sender(sender_attempts=2):
        outcome = await world.send(command())
        again = await world.send(command())
    assert (outcome.status, outcome.code) == (status, code)
    assert again == outcome
    assert len(world.sim.sends) == 2
    assert len(world.sim.phone(PHONE).received) == (1 if fault == "cut_after_accept" else 0)


async def test_attempts_count_over_all_passes(world: World) -> None:
    world.sim.fault("throttle", retry_after=2.5)
    async with world.sender(sender_attempts=2):
        outcome = await world.send(command())
    assert outcome.code is OutcomeCode.PROVIDER_THROTTLED
    assert len(world.sim.sends) == 2


async def test_a_refusal_after_a_lost_answer_leaves_the_text_uncertain(world: World) -> None:
    world.sim.fault("error_after_accept", count=1)
    async with world.sender(sender_retry_in_place_max=0):
        await world.publish(command().encode())
        await world.sim.wait_for("send", 1, 10)
        world.sim.fault("key_revoked")
        outcome = await world.outcome()
    assert (outcome.status, outcome.code) == (OutcomeStatus.UNCERTAIN, OutcomeCode.AMBIGUOUS)
    assert len(world.sim.phone(PHONE).received) == 1


@pytest.mark.parametrize(
    ("fault", "parameters", "code"),
    [
        ("key_revoked", {}, OutcomeCode.CREDENTIALS_REJECTED),
        ("not_owned", {}, OutcomeCode.SENDER_NOT_OWNED),
        (
            "recipient_error",
            {"http_status_code": 400, "error_message": "Invalid To phone number format."},
            OutcomeCode.PROVIDER_INVALID_RECIPIENT,
        ),
    ],
)
async def test_a_refusal_is_final_and_explained(
    world: World, fault: str, parameters: dict[str, Any], code: OutcomeCode
) -> None:
    world.sim.fault(fault, **parameters)
    async with world.sender():
        outcome = await world.send(command())
    assert (outcome.status, outcome.code) == (OutcomeStatus.FAILED, code)
    assert len(world.sim.sends) == 1
    assert not world.sim.phone(PHONE).received


async def test_new_credentials_are_used_from_the_next_command_on(world: World) -> None:
    keys = MasterKeys.parse(world.master_key)
    record = await world.connections.get(TENANT, CONNECTION)
    assert record is not None
    assert record.wrapped_key is not None
    tenant_key = keys.unwrap(TENANT, WrappedKey.from_document(record.wrapped_key))
    wrong = {"connection_string": f"endpoint={world.sim.url};accesskey=QUJD"}

    async def put(sealed: Any) -> None:
        await world.connections.put_connection(
            TENANT, CONNECTION, name="Line", provider="acs", sealed=sealed
        )

    async with world.sender():
        assert (await world.send(command("c-1"))).status is OutcomeStatus.SENT
        await put(tenant_key.seal(CONNECTION, wrong).to_document())
        assert (await world.send(command("c-2"))).code is OutcomeCode.CREDENTIALS_REJECTED
        await put(tenant_key.seal("another", wrong).to_document())
        assert (await world.send(command("c-3"))).code is OutcomeCode.CREDENTIALS_UNREADABLE
        await put(record.sealed)
        assert (await world.send(command("c-4"))).status is OutcomeStatus.SENT
    assert len(set(repeatability_ids(world.sim))) == 2
