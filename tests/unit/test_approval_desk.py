"""Promises of the desk for held texts: what a person writes is sent as they wrote it or refused,
and what is decided reaches the sender sooner or later."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from common.bus.messages import BusError, BusUnavailable, Outgoing, PublishRefused, Unroutable
from common.errors import StoreUnavailable
from common.events import TextDecided
from common.sending_rules import DEFAULT, LongText, SendingRules
from common.store.control import Actor, Approval, NewBody, NumberRecord, NumberType, Page
from common.store.control_ports import AlreadyDecided, NotFound
from common.store.records import ApprovalDecision
from health.access.roles import Principal, Role
from health.desk.approvals import ApprovalDesk, other_words
from health.desk.nudging import Nudger
from health.desk.sweep import ApprovalSweep
from health.web.problems import Problem, ProblemCode
from heliograph.codes import TEXTS, OutcomeCode

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
JANE = Principal(kind="key", id="k1", name="Jane", role=Role.APPROVER, tenant_id="acme")
APPROVED, REJECTED, EXPIRED, _ = ApprovalDecision


def approval(message_id: str = "m", **changes: Any) -> Approval:
    fields: dict[str, Any] = {
        "message_id": message_id,
        "tenant_id": "acme",
        "agent_id": "support",
        "connection_id": "line",
        "conversation_id": "c",
        "number": "+18005550100",
        "remote": "+15551230001",
        "body": "We open at nine.\nSee you!",
        "original_body": "We open at nine.\nSee you!",
        "truncated": False,
        "encoding": "GSM-7",
        "segments": 1,
        "tag": None,
        "held_at": NOW,
        "expires_at": NOW,
        "decision": None,
        "decided_at": None,
        "decided_by": None,
        "reason": None,
        "edited": False,
    }
    return Approval(**fields | changes)


def number(**changes: Any) -> NumberRecord:
    fields: dict[str, Any] = {
        "address": "+18005550100",
        "tenant_id": "acme",
        "connection_id": "line",
        "provider": "acs",
        "name": "",
        "type": NumberType.TOLL_FREE,
        "owners": (),
        "region": "US",
        "agent_id": "support",
        "gate_on": False,
        "gate_changed_at": None,
        "gate_changed_by": None,
        "connected": True,
        "created_at": NOW,
        "version": 1,
    }
    return NumberRecord(**fields | changes)


class FakeApprovals:
    """The store's answers, as a script."""

    def __init__(self) -> None:
        self.decided: list[tuple[ApprovalDecision, NewBody | None, str | None, str]] = []
        self.before: Approval | None = None
        self.expired: list[list[Approval]] = []
        self.unheard: list[list[Approval]] = []
        self.faults: list[Exception] = []
        self.swept = asyncio.Event()

    async def list(self, tenant_id: str, **_: Any) -> Page[Approval]:
        return Page((approval(),))

    async def get(self, tenant_id: str, message_id: str) -> Approval | None:
        return approval() if (tenant_id, message_id) == ("acme", "m") else None

    async def decide(
        self,
        tenant_id: str,
        message_id: str,
        decision: ApprovalDecision,
        *,
        body: NewBody | None = None,
        reason: str | None = None,
        by: Actor,
    ) -> Approval:
        if self.before is not None:
            raise AlreadyDecided(self.before)
        self.decided.append((decision, body, reason, by.name))
        return approval(decision=decision)

    async def expire(self, *, limit: int) -> Sequence[Approval]:
        if self.faults:
            raise self.faults.pop(0)
        self.swept.set()
        return self.expired.pop(0) if self.expired else []

    async def unfinished(self, *, older_than: float, limit: int) -> Sequence[Approval]:
        return self.unheard.pop(0) if self.unheard else []


class FakeNumbers:
    """The number that the text is from, with its rules."""

    def __init__(self, rules: SendingRules = DEFAULT) -> None:
        self.rules = rules

    async def get(self, tenant_id: str, address: str) -> NumberRecord | None:
        return number(rules=self.rules)


class FakeBus:
    def __init__(self) -> None:
        self.published: list[Outgoing] = []
        self.fault: BusError | None = None

    async def publish(self, message: Outgoing) -> None:
        if self.fault is not None:
            raise self.fault
        self.published.append(message)

    @property
    def nudged(self) -> list[str]:
        return [TextDecided.decode(message.body).message_id for message in self.published]


@pytest.fixture
def approvals() -> FakeApprovals:
    return FakeApprovals()


@pytest.fixture
def bus() -> FakeBus:
    return FakeBus()


@pytest.fixture
def desk(approvals: FakeApprovals, bus: FakeBus) -> ApprovalDesk:
    return ApprovalDesk(approvals, Nudger(bus), FakeNumbers())


async def test_an_approval_is_recorded_and_the_sender_told(
    desk: ApprovalDesk, approvals: FakeApprovals, bus: FakeBus
) -> None:
    await desk.approve("acme", "m", body=None, by=JANE)
    assert approvals.decided == [(APPROVED, None, None, "Jane")]
    (message,) = bus.published
    assert (message.exchange, message.key) == ("heliograph.commands", "acme.decided")
    assert message.type == "text.decided"
    assert bus.nudged == ["m"]


@pytest.mark.parametrize(
    "same",
    ["We open at nine.\nSee you!", "We open at nine.\r\nSee you!", "  We open at nine.\nSee you! "],
)
async def test_the_agents_own_words_from_a_form_are_no_edit(
    desk: ApprovalDesk, approvals: FakeApprovals, same: str
) -> None:
    await desk.approve("acme", "m", body=same, by=JANE)
    assert approvals.decided == [(APPROVED, None, None, "Jane")]


async def test_other_words_are_trimmed_and_measured(
    desk: ApprovalDesk, approvals: FakeApprovals
) -> None:
    await desk.approve("acme", "m", body="  We open at ten ☺\r\n", by=JANE)
    words = "We open at ten ☺"
    assert approvals.decided[0][1] == NewBody(
        body=words, whole=words, truncated=False, encoding="UCS-2", segments=1
    )


@pytest.mark.parametrize("body", ["", " \r\n\t", "x" * 161, "bad \ud800"])
async def test_words_that_cannot_be_sent_as_written_are_refused_and_nothing_is_decided(
    desk: ApprovalDesk, approvals: FakeApprovals, bus: FakeBus, body: str
) -> None:
    with pytest.raises(Problem) as caught:
        await desk.approve("acme", "m", body=body, by=JANE)
    assert caught.value.code is ProblemCode.INVALID
    assert set(caught.value.fields) == {"body"}
    assert (approvals.decided, bus.published) == ([], [])


def test_what_just_fits_is_sent_whole() -> None:
    other = other_words("x" * 160, approval(), number(), 160)
    assert other is not None
    assert (other.body, other.segments) == ("x" * 160, 1)


async def test_other_words_go_out_by_the_rules_of_their_number() -> None:
    store, words = FakeApprovals(), "We open at nine on each day of the week. " * 8
    split = FakeNumbers(SendingRules(long_text=LongText.SPLIT, max_segments=3))
    desk = ApprovalDesk(store, Nudger(FakeBus()), split)
    await desk.approve("acme", "m", body=words, by=JANE)
    body = store.decided[0][1]
    assert body is not None
    assert (len(body.parts), body.segments, body.truncated) == (3, 3, False)
    assert (body.body, body.whole) == (words.strip(), words.strip())


@pytest.mark.parametrize(
    ("rules", "words", "code"),
    [
        (SendingRules(long_text=LongText.REFUSE), "x" * 161, OutcomeCode.TEXT_TOO_LONG),
        (
            SendingRules(long_text=LongText.CONCATENATE, max_segments=2),
            "x" * 307,
            OutcomeCode.TEXT_TOO_LONG,
        ),
        (DEFAULT, "See https://bit.ly/abc", OutcomeCode.SHORTENED_URL),
    ],
)
async def test_words_that_the_numbers_rules_refuse_are_refused_while_somebody_looks(
    rules: SendingRules, words: str, code: OutcomeCode
) -> None:
    store = FakeApprovals()
    desk = ApprovalDesk(store, Nudger(FakeBus()), FakeNumbers(rules))
    with pytest.raises(Problem) as caught:
        await desk.approve("acme", "m", body=words, by=JANE)
    assert caught.value.fields == {"body": TEXTS[code].person}
    assert store.decided == []


@pytest.mark.parametrize(
    ("rules", "words", "limit", "truncated", "parts"),
    [
        (DEFAULT, "x" * 161, 160, True, 1),
        (SendingRules(long_text=LongText.CONCATENATE), "x" * 161, None, False, 1),
        (SendingRules(long_text=LongText.SPLIT), "word " * 40, None, False, 2),
    ],
)
async def test_a_draft_is_measured_by_the_rules_of_its_number(
    rules: SendingRules, words: str, limit: int | None, truncated: bool, parts: int
) -> None:
    desk = ApprovalDesk(FakeApprovals(), Nudger(FakeBus()), FakeNumbers(rules))
    draft = await desk.measure("acme", number="+18005550100", remote="+12125550147", body=words)
    assert (draft.limit, draft.shaped.truncated) == (limit, truncated)
    assert len(draft.shaped.parts) == parts


def test_words_for_a_number_that_is_gone_go_out_by_the_usual_rules() -> None:
    other = other_words("We open at ten.", approval(), None, 160)
    assert other is not None
    assert (other.body, other.parts, other.warnings) == ("We open at ten.", (), ())


async def test_a_rejection_needs_a_reason_and_keeps_it(
    desk: ApprovalDesk, approvals: FakeApprovals
) -> None:
    for reason in ("", " ", "x" * 501, "\udc00"):
        with pytest.raises(Problem) as caught:
            await desk.reject("acme", "m", reason=reason, by=JANE)
        assert set(caught.value.fields) == {"reason"}
    await desk.reject("acme", "m", reason=" Too rude. ", by=JANE)
    assert approvals.decided == [(REJECTED, None, "Too rude.", "Jane")]


async def test_the_second_approver_is_told_who_was_first(
    desk: ApprovalDesk, approvals: FakeApprovals, bus: FakeBus
) -> None:
    approvals.before = approval(decision=REJECTED, decided_by="Joe", decided_at=NOW)
    with pytest.raises(Problem) as caught:
        await desk.approve("acme", "m", body=None, by=JANE)
    assert caught.value.code is ProblemCode.ALREADY_DECIDED
    assert caught.value.what == "Joe has rejected the text before."
    assert caught.value.document()["decision"] == "rejected"
    assert bus.published == []


async def test_who_comes_too_late_is_told_so_and_the_agent_will_be(
    desk: ApprovalDesk, approvals: FakeApprovals, bus: FakeBus
) -> None:
    approvals.before = approval(decision=EXPIRED, decided_by="Heliograph", decided_at=NOW)
    with pytest.raises(Problem) as caught:
        await desk.approve("acme", "m", body=None, by=JANE)
    assert "in time" in caught.value.what
    assert bus.nudged == ["m"]


@pytest.mark.parametrize("tenant_and_id", [("acme", "x"), ("other", "m")])
async def test_a_text_of_nobody_or_of_others_is_not_found(
    desk: ApprovalDesk, tenant_and_id: tuple[str, str]
) -> None:
    with pytest.raises(NotFound):
        await desk.get(*tenant_and_id)
    with pytest.raises(NotFound):
        await desk.approve(*tenant_and_id, body="words", by=JANE)


@pytest.mark.parametrize("fault", [BusUnavailable("away"), Unroutable("no"), PublishRefused("f")])
async def test_a_decision_stands_though_the_sender_cannot_be_told(
    desk: ApprovalDesk, approvals: FakeApprovals, bus: FakeBus, fault: BusError
) -> None:
    bus.fault = fault
    assert (await desk.approve("acme", "m", body=None, by=JANE)).decision is APPROVED
    assert len(approvals.decided) == 1


async def test_a_sweep_tells_the_sender_of_what_expired_and_of_what_it_has_not_heard(
    approvals: FakeApprovals, bus: FakeBus
) -> None:
    approvals.expired = [[approval("e")]]
    approvals.unheard = [[approval("u")]]
    await ApprovalSweep(approvals, Nudger(bus), interval=1).sweep()
    assert bus.nudged == ["e", "u"]


async def test_a_sweep_goes_on_while_there_is_more(approvals: FakeApprovals, bus: FakeBus) -> None:
    approvals.expired = [[approval(f"e{n}") for n in range(100)], [approval("last")]]
    await ApprovalSweep(approvals, Nudger(bus), interval=1).sweep()
    assert len(bus.nudged) == 101


async def test_sweeping_outlives_a_store_that_is_away_and_a_sweep_that_breaks(
    approvals: FakeApprovals, bus: FakeBus
) -> None:
    approvals.faults = [StoreUnavailable("away"), RuntimeError("broken")]
    approvals.expired = [[approval("e")]]
    stopping = asyncio.Event()
    sweep = ApprovalSweep(approvals, Nudger(bus), interval=0.001)
    sweeping = asyncio.create_task(sweep.run(stopping))
    async with asyncio.timeout(10):
        await approvals.swept.wait()
        stopping.set()
        await sweeping
    assert bus.nudged == ["e"]


UNSEEN = [*map(chr, (0x00, 0x07, 0x09, 0x0B, 0x1B, 0x7F, 0x85, 0x202A, 0x202E, 0x2066, 0x2069))]


@pytest.mark.parametrize("unseen", UNSEEN, ids=[f"U+{ord(it):04X}" for it in UNSEEN])
async def test_what_a_person_writes_holds_nothing_that_is_not_seen(unseen: str) -> None:
    with pytest.raises(Problem, check=lambda it: set(it.fields) == {"body"}) as caught:
        other_words(f"We open{unseen} at ten.", approval(), number(), 160)
    assert caught.value.code is ProblemCode.INVALID
    store = FakeApprovals()
    desk = ApprovalDesk(store, Nudger(FakeBus()), FakeNumbers())
    with pytest.raises(Problem, check=lambda it: set(it.fields) == {"reason"}):
        await desk.reject("acme", "m", reason=f"Too{unseen} early", by=JANE)
    assert store.decided == []


def test_line_breaks_and_every_script_may_be_written() -> None:
    for words in ("One\r\ntwo", "\u05e9\u05dc\u05d5\u05dd", "\U0001f600", "caf\u00e9\u200d"):
        assert other_words(words, approval(), number(), 160) is not None
