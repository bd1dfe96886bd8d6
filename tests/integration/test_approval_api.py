"""Promises of the API for held texts, on the running service with its sender beside it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from conformance.store_world import new_outbound, outcome_of
from console_world import NUMBER, ConsoleWorld, open_console

from common.store.control import SYSTEM
from common.store.mongo_control_approvals import MongoApprovals
from common.store.mongo_outbound import MongoOutbound
from common.store.records import ApprovalDecision, NewOutbound
from health.access.roles import Role
from heliograph.models import OutcomeStatus
from local.nodes import MongoNode, RabbitNode

PATIENCE: Final = 20.0
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ConsoleWorld]:
    """A health service that sweeps often, and a sender."""
    logs = tmp_path_factory.mktemp("approvals")
    async with open_console(
        rabbit, mongo, logs, "health", "sender", health_sweep_interval="0.2"
    ) as world:
        yield world


async def held(world: ConsoleWorld) -> NewOutbound:
    """A text to a phone of its own, that waits for a person."""
    n = next(_numbers)
    text = new_outbound(
        f"command-{n}",
        agent_id=world.seed.agent_id,
        connection_id=world.seed.connection_id,
        number=NUMBER,
        remote=f"+1212555{n:04d}",
        body="We open at nine.",
        original_body="We open at nine.",
        truncated=False,
    )
    store = MongoOutbound(world.database)
    await store.claim([text], owner="test", lease=5)
    outcome = outcome_of(text, OutcomeStatus.HELD)
    await store.finish("acme", text.id, owner="test", outcome=outcome)
    return text


async def decide(world: ConsoleWorld, text: NewOutbound, verb: str, **options: Any) -> Any:
    role = options.pop("role", Role.APPROVER)
    return await world.ask("POST", f"/approvals/{text.id}/{verb}", role=role, body=options)


async def test_a_held_text_is_listed_approved_and_on_the_phone(house: ConsoleWorld) -> None:
    text = await held(house)
    query = f"/approvals?limit=200&number={NUMBER.removeprefix('+')}"
    status, listed, _ = await house.ask("GET", query, role=Role.VIEWER)
    assert status == 200
    (waiting,) = [item for item in listed["items"] if item["message_id"] == text.id]
    assert (waiting["body"], waiting["decision"]) == ("We open at nine.", None)
    status, approved, _ = await decide(house, text, "approve")
    assert (status, approved["decision"], approved["edited"]) == (200, "approved", False)
    assert approved["decided_by"] == "the approver"
    (received,) = await house.simulator.wait_for_texts(text.remote, 1, PATIENCE)
    assert received.body == "We open at nine."
    status, shown, _ = await house.ask("GET", f"/approvals/{text.id}", role=Role.VIEWER)
    assert (status, shown) == (200, approved)


async def test_of_two_at_once_one_approves_and_the_other_is_told_who_did(
    house: ConsoleWorld,
) -> None:
    text = await held(house)
    answers = await asyncio.gather(
        *(decide(house, text, "approve", body=f"Words {n}", role=Role.ADMIN) for n in range(4))
    )
    assert sorted(status for status, _, _ in answers) == [200, 409, 409, 409]
    (won,) = [body for status, body, _ in answers if status == 200]
    problem = next(body for status, body, _ in answers if status == 409)
    assert (problem["code"], problem["decision"]) == ("already_decided", "approved")
    assert problem["decided_by"] == "the admin"
    (received,) = await house.simulator.wait_for_texts(text.remote, 1, PATIENCE)
    assert received.body == won["body"]
    assert won["original_body"] == "We open at nine."


@pytest.mark.parametrize("body", ["", "   ", "x" * 161])
async def test_words_that_cannot_be_sent_whole_are_refused_and_the_text_waits_on(
    house: ConsoleWorld, body: str
) -> None:
    text = await held(house)
    status, problem, _ = await decide(house, text, "approve", body=body)
    assert (status, problem["code"]) == (422, "invalid")
    assert list(problem["fields"]) == ["body"]
    _, waiting, _ = await house.ask("GET", f"/approvals/{text.id}", role=Role.VIEWER)
    assert waiting["decision"] is None


async def test_a_rejected_text_cannot_be_approved_any_more(house: ConsoleWorld) -> None:
    text = await held(house)
    status, problem, _ = await decide(house, text, "reject", reason="  ")
    assert (status, list(problem["fields"])) == (422, ["reason"])
    status, rejected, _ = await decide(house, text, "reject", reason="Too rude.")
    assert (status, rejected["decision"], rejected["reason"]) == (200, "rejected", "Too rude.")
    status, _, _ = await decide(house, text, "approve")
    assert status == 409
    assert len(house.simulator.phone(text.remote).received) == 0


async def test_a_viewer_decides_nothing_and_another_tenants_text_does_not_exist(
    house: ConsoleWorld,
) -> None:
    text = await held(house)
    status, _, _ = await decide(house, text, "approve", role=Role.VIEWER)
    assert status == 403
    foreign = f"{house.url}/api/v1/tenants/globex/approvals/{text.id}"
    for method, path in (("GET", foreign), ("POST", f"{foreign}/approve")):
        body = {} if method == "POST" else None
        for role in (Role.ADMIN, Role.OPERATOR):
            status, _, _ = await house.ask(method, path, role=role, body=body)
            assert status == 404
    _, waiting, _ = await house.ask("GET", f"/approvals/{text.id}", role=Role.VIEWER)
    assert waiting["decision"] is None


async def test_the_service_makes_good_a_lost_nudge_by_itself(house: ConsoleWorld) -> None:
    text = await held(house)
    approvals = MongoApprovals(house.database)
    await approvals.decide("acme", text.id, ApprovalDecision.APPROVED, by=SYSTEM)
    received = await house.simulator.wait_for_texts(text.remote, 1, PATIENCE)
    assert len(received) == 1
