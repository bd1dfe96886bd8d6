"""What the gate has held leaves when a person allows it, once, and never otherwise, whoever dies
and whatever is lost on the way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from promises import check_promises
from scene import World
from witnesses import Fate, Sent

from common.bus.messages import BusUnavailable, Outgoing
from common.failpoints import Failpoint
from common.store.control import SYSTEM
from common.store.mongo_control_approvals import MongoApprovals
from common.store.mongo_control_numbers import MongoNumbers
from common.store.records import ApprovalDecision
from common.store.schema import MESSAGES
from health.access.roles import Principal, Role
from health.desk.approvals import ApprovalDesk
from health.desk.nudging import Nudger
from health.desk.sweep import ApprovalSweep
from health.web.problems import Problem
from heliograph.codes import OutcomeCode
from local.house import CODE_OF_KILLED

PATIENCE: Final = 30.0
DIES_WITHIN: Final = 30.0
JANE: Final = Principal(kind="key", id="k1", name="Jane", role=Role.APPROVER, tenant_id="acme")
JOE: Final = Principal(kind="key", id="k2", name="Joe", role=Role.ADMIN, tenant_id="acme")

NOT_ON_THE_WAY: Final = {Failpoint.SENDER_HELD, Failpoint.SENDER_REFUSED}
"""Points that a text passes which is held or refused, and none that was decided on."""
ON_THE_WAY: Final = tuple(
    point
    for point in Failpoint
    if point.value.startswith("sender.") and point not in NOT_ON_THE_WAY
)
THROTTLED: Final = {Failpoint.SENDER_WAITING, Failpoint.SENDER_MOVED}
"""Points that a text passes only where its provider wants it later."""


@pytest.fixture(autouse=True)
async def open_house(world: World) -> AsyncIterator[None]:
    await world.ensure("webhook", "processor", "sender")
    await world.gate(on=False)
    yield
    await world.gate(on=True)
    world.simulator.clear_faults()


async def held(world: World, fate: Fate, **options: Any) -> Sent:
    """A text whose answer waits for a person."""
    text = await world.text(fate=fate, **options)
    await world.notebook.wait_for_texts([text], PATIENCE)
    return text


async def message_id_of(world: World, text: Sent) -> str:
    """The ID of the answer to a text."""
    document = await world.database.collection(MESSAGES).find_one(
        {"direction": "OUTBOUND", "remote": text.remote, "original_body": text.answer}
    )
    assert document is not None
    found: str = document["_id"]
    return found


def desk(world: World) -> ApprovalDesk:
    numbers = MongoNumbers(world.database)
    return ApprovalDesk(MongoApprovals(world.database), Nudger(world.bus), numbers)


async def approve(world: World, text: Sent) -> None:
    message_id = await message_id_of(world, text)
    await desk(world).approve(world.seed.tenant_id, message_id, body=text.words, by=JANE)


def code_of(world: World, text: Sent) -> OutcomeCode:
    """What the agent heard of an answer after it was held."""
    (heard,) = [item for item in world.notebook.news if item.original_body == text.answer]
    return heard.code


async def test_an_approved_text_is_on_the_phone_once_and_opens_the_gate_for_no_other(
    world: World,
) -> None:
    text = await held(world, Fate.APPROVED)
    await held(world, Fate.HELD, phone=text.remote)
    await approve(world, text)
    await check_promises(world)


async def test_a_persons_words_are_on_the_phone_and_the_agent_knows_them(world: World) -> None:
    text = await held(world, Fate.APPROVED, words="We are closed on Mondays ☺")
    await approve(world, text)
    await check_promises(world)
    await world.gate(on=True)
    await world.text(phone=text.remote)
    await check_promises(world)
    told = [past.body for past in world.notebook.turns[-1].history]
    assert text.words in told
    assert text.answer not in told


async def test_a_rejected_text_is_never_on_the_phone_and_the_agent_is_told_why(
    world: World,
) -> None:
    text = await held(world, Fate.DENIED)
    message_id = await message_id_of(world, text)
    await desk(world).reject("acme", message_id, reason="Far too rude.", by=JANE)
    await check_promises(world)
    assert code_of(world, text) is OutcomeCode.APPROVAL_REJECTED
    assert world.notebook.news[-1].reason == "Far too rude."


async def test_who_opted_out_meanwhile_gets_nothing_although_a_person_approves(
    world: World,
) -> None:
    text = await held(world, Fate.DENIED)
    await held(world, Fate.SILENT, body="STOP", phone=text.remote)
    with contextlib.suppress(Problem):  # The opt-out has cancelled it, or is about to.
        await approve(world, text)
    await check_promises(world)
    assert code_of(world, text) is OutcomeCode.RECIPIENT_OPTED_OUT


async def test_two_approvers_at_once_send_one_text(world: World) -> None:
    text = await held(world, Fate.APPROVED)
    message_id = await message_id_of(world, text)
    results = await asyncio.gather(
        *(
            desk(world).approve("acme", message_id, body=None, by=person)
            for person in (JANE, JOE) * 3
        ),
        return_exceptions=True,
    )
    assert [isinstance(result, Problem) for result in results].count(True) == 5
    await check_promises(world)


async def test_a_nudge_often_again_sends_and_tells_nothing_more(world: World) -> None:
    text = await held(world, Fate.APPROVED)
    message_id = await message_id_of(world, text)
    approval = await desk(world).get("acme", message_id)
    nudger = Nudger(world.bus)
    await asyncio.gather(*(nudger.nudge(approval) for _ in range(5)))
    await approve(world, text)
    await asyncio.gather(*(nudger.nudge(approval) for _ in range(5)))
    await check_promises(world)


class DeafBus:
    """A broker that takes nothing."""

    async def publish(self, message: Outgoing) -> None:
        raise BusUnavailable("away")


async def test_a_decision_whose_nudge_was_lost_is_carried_out_after_a_sweep(world: World) -> None:
    text = await held(world, Fate.APPROVED)
    approvals = MongoApprovals(world.database)
    deaf = ApprovalDesk(approvals, Nudger(DeafBus()), MongoNumbers(world.database))
    await deaf.approve("acme", await message_id_of(world, text), body=None, by=JANE)
    stopping = asyncio.Event()
    sweep = ApprovalSweep(approvals, Nudger(world.bus), interval=0.1, unheard=0.1)
    sweeping = asyncio.create_task(sweep.run(stopping))
    await world.simulator.wait_for_texts(text.remote, 1, PATIENCE)
    stopping.set()
    await sweeping
    await check_promises(world)


async def test_a_text_on_which_nobody_decides_is_told_to_be_over(world: World) -> None:
    text = await held(world, Fate.DENIED)
    message_id = await message_id_of(world, text)
    approvals = MongoApprovals(world.database, ttl=0.001)
    expired = await approvals.expire(limit=100)
    assert message_id in {approval.message_id for approval in expired}
    for approval in expired:
        await Nudger(world.bus).nudge(approval)
    await world.notebook.wait(
        lambda: any(item.original_body == text.answer for item in world.notebook.news), PATIENCE
    )
    assert code_of(world, text) is OutcomeCode.APPROVAL_EXPIRED
    with pytest.raises(Problem, match="in time"):
        await approve(world, text)
    # What other tests had left to wait is over too, so this world is not in order for them.
    assert len(world.simulator.phone(text.remote).received) == 0


@pytest.mark.parametrize("decision", [ApprovalDecision.APPROVED, ApprovalDecision.REJECTED])
async def test_a_sender_that_was_away_carries_out_what_was_decided_meanwhile(
    world: World, decision: ApprovalDecision
) -> None:
    approved = decision is ApprovalDecision.APPROVED
    text = await held(world, Fate.APPROVED if approved else Fate.DENIED)
    sender = world.service("sender")
    await sender.stop()
    message_id = await message_id_of(world, text)
    await MongoApprovals(world.database).decide(
        "acme", message_id, decision, reason=None if approved else "no", by=SYSTEM
    )
    await Nudger(world.bus).nudge(await desk(world).get("acme", message_id))
    sender.start()
    await sender.ready()
    await check_promises(world)


@pytest.mark.parametrize("point", ON_THE_WAY)
async def test_a_sender_killed_while_it_carries_out_an_approval_sends_one_text(
    world: World, point: Failpoint
) -> None:
    text = await held(world, Fate.APPROVED, words="A person's words")
    if point in THROTTLED:
        world.simulator.fault("throttle", phone=text.remote, count=1, retry_after=3)
    sender = world.service("sender")
    await sender.stop()
    sender.start(failpoint=point)
    await sender.ready()
    await approve(world, text)
    await sender.gone(DIES_WITHIN)
    assert sender.exit_code == CODE_OF_KILLED
    sender.start()
    await sender.ready()
    await check_promises(world)
