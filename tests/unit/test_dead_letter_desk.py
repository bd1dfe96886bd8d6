"""What goes on with a parked message, which edits are taken, and what is forecast of a replay."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from common.bus.in_hand import DeadLetter, Hand
from common.bus.messages import BusError, BusUnavailable, Outgoing, first_published_at, proven_user
from common.bus.parked import edited, first_key, reference_of, renewed, replayed, replays_of
from common.bus.topology import (
    HEADER_ATTEMPTS,
    HEADER_EDITED,
    HEADER_FIRST_SEEN,
    HEADER_KEY,
    HEADER_PARKED_FROM,
    HEADER_REASON,
    HEADER_REPLAYS,
    HEADER_ROUND,
    HEADER_TOLD,
    HEADER_USER,
    PROCESSOR_QUEUE,
    SENDER_QUEUE,
    dead_queue,
)
from common.events import SmsReceived, SmsReport, TextDecided
from common.store.control_ports import NotFound
from common.store.dead_letter_ports import Standing
from health.desk.dead_letters import code_of, masked
from health.desk.parked_acts import find
from health.desk.parked_edits import check_edit, difference, readable
from health.desk.parked_forecast import Forecaster
from health.desk.parked_owner import Owner, Owners
from health.desk.parked_words import FIXED, WORDS, Effect, model_of
from health.web.problems import Problem, ProblemCode
from heliograph import wire
from heliograph.models import Outcome, Report, SendCommand, Turn

OWN = "services"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEAD = dead_queue(SENDER_QUEUE)
DEAD_TEXTS = dead_queue(PROCESSOR_QUEUE)
AGENT_DEAD = dead_queue(wire.agent_queue("acme", "support"))
KEY = wire.send_key("acme", "support")
COMMAND = SendCommand(
    command_id="c1",
    tenant_id="acme",
    agent_id="support",
    number="+18005550100",
    to="+15551230142",
    body="canary words",
)
TEXT = SmsReceived(
    provider="acs",
    tenant_id="acme",
    connection_id="line",
    provider_message_id="p1",
    number="+18005550100",
    remote="+15551230142",
    body="Hi",
    at=NOW,
    accepted_at=NOW,
)


class Parked:
    """A delivery from a parking place."""

    def __init__(self, body: bytes = COMMAND.encode(), *, queue: str = DEAD, **headers: Any):
        self.body, self.queue = body, queue
        self.type, self.message_id = "command.send", "m1"
        self.user_id: str | None = OWN
        self.routing_key = SENDER_QUEUE
        self.correlation_id, self.reply_to = "corr", "reply.q"
        self.headers: dict[str, Any] = {
            HEADER_USER: "agent-1",
            HEADER_KEY: KEY,
            HEADER_FIRST_SEEN: NOW.isoformat(),
            HEADER_ATTEMPTS: 3,
            HEADER_REASON: "unexpected_error",
            HEADER_PARKED_FROM: SENDER_QUEUE,
            HEADER_TOLD: "o1",
        } | headers
        self.redelivered = self.stale = False
        self.published_at: datetime | None = NOW - timedelta(hours=1)
        self.acked = 0

    async def ack(self, *, multiple: bool = False) -> None:
        self.acked += 1

    async def requeue(self) -> None: ...


class ByBroker(Parked):
    """One that the broker parked: it bears its publisher's name and none of our headers."""

    def __init__(self) -> None:
        super().__init__()
        self.user_id = "agent-1"
        self.headers = {
            "x-first-death-reason": "delivery_limit",
            "x-first-death-queue": SENDER_QUEUE,
            "x-death": [{"queue": SENDER_QUEUE, "routing-keys": [KEY], "reason": "rejected"}],
        }


def after(message: Outgoing, queue: str) -> Parked:
    """A message of ours as it is read from a queue."""
    read = Parked(message.body, queue=queue)
    read.headers = dict(message.headers)
    read.correlation_id, read.reply_to = message.correlation_id or "", message.reply_to or ""
    return read


@pytest.mark.parametrize("parked", [Parked(), ByBroker()], ids=["by us", "by the broker"])
def test_a_replayed_message_starts_anew_and_keeps_its_author_key_and_age(parked: Parked) -> None:
    message = replayed(parked, own_user=OWN, round_id="round")
    assert (message.exchange, message.key) == ("", SENDER_QUEUE)
    assert (message.correlation_id, message.reply_to) == ("corr", "reply.q")
    for gone in (HEADER_ATTEMPTS, HEADER_REASON, HEADER_PARKED_FROM, HEADER_TOLD, "x-death"):
        assert gone not in message.headers
    read = after(message, SENDER_QUEUE)
    assert proven_user(read, OWN) == "agent-1"
    assert read.headers[HEADER_KEY] == KEY
    assert (read.headers[HEADER_ROUND], replays_of(read, OWN)) == ("round", 1)
    age = first_published_at(read, OWN)
    assert age == (NOW if parked.user_id == OWN else parked.published_at)


@pytest.mark.parametrize("parked", [Parked(), ByBroker()], ids=["by us", "by the broker"])
def test_a_message_is_called_the_same_however_often_it_is_renewed(parked: Parked) -> None:
    name = reference_of(parked, OWN)
    for _ in range(3):
        again = after(renewed(parked, own_user=OWN), DEAD)
        assert reference_of(again, OWN) == name
        assert first_key(again, OWN) == KEY
        parked = again
    changed = after(edited(parked, b"{}", own_user=OWN), DEAD)
    assert reference_of(changed, OWN) == reference_of(parked, OWN, body=b"{}") != name
    assert changed.headers[HEADER_EDITED] == name
    assert proven_user(changed, OWN) == "agent-1"


def test_no_stranger_says_who_they_are_or_what_became_of_a_message() -> None:
    forged = Parked(**{HEADER_REPLAYS: 9, HEADER_EDITED: "x"})
    forged.user_id = "mallory"
    assert replays_of(forged, OWN) == 0
    message = replayed(forged, own_user=OWN)
    assert message.headers[HEADER_USER] == "mallory"
    assert message.headers[HEADER_KEY] == SENDER_QUEUE  # As it was published, not as it says.
    assert message.headers[HEADER_FIRST_SEEN] == (NOW - timedelta(hours=1)).isoformat()


async def nobody() -> int:
    return 0


class Broker:
    """Takes what is published, or not."""

    user = OWN

    def __init__(self, error: BusError | None = None):
        self.error = error
        self.published: list[Outgoing] = []

    async def publish_all(self, messages: Any) -> list[BusError | None]:
        self.published += messages
        return [self.error for _ in messages]


def test_what_an_agent_says_of_what_it_parks_is_shown_where_it_is_a_code() -> None:
    words = "He said: call me at +15551230001"
    forged = Parked(queue=AGENT_DEAD, **{HEADER_REASON: words, HEADER_PARKED_FROM: words})
    forged.type = "John.Smith"
    seen = masked(Hand([forged], Broker(), waiting=nobody).letters[0])
    assert (seen.reason, seen.type) == (f"({len(words)} characters)", "(10 characters)")
    assert seen.parked_from == wire.agent_queue("acme", "support")
    assert code_of("x" * 65) == "(65 characters)"
    assert (code_of("delivery_limit"), code_of("command.send"), code_of("")) == (
        "delivery_limit",
        "command.send",
        "",
    )


async def test_copies_of_a_message_go_back_to_work_as_one() -> None:
    copies, other = [Parked(), Parked()], Parked(b"{}")
    broker = Broker()
    hand = Hand([*copies, other], broker, waiting=nobody)
    ref = hand.letters[0].ref
    seen: list[list[int]] = []
    result = await hand.replay([ref], moved=lambda: seen.append([it.acked for it in copies]))
    assert result == {ref: None}
    assert len(broker.published) == 1
    assert seen == [[0, 0]]
    assert [it.acked for it in (*copies, other)] == [1, 1, 0]
    assert [letter.body for letter in hand.letters] == [b"{}"]


async def test_what_the_broker_does_not_take_stays_in_hand() -> None:
    parked = Parked()
    hand = Hand([parked], Broker(BusError("full")), waiting=nobody)
    await hand.replay([hand.letters[0].ref])
    assert (parked.acked, len(hand.letters)) == (0, 1)


async def test_what_the_broker_may_not_have_heard_of_is_not_dropped() -> None:
    async def lost() -> int:
        parked.stale = True
        return 0

    for stale, waiting in ((True, nobody), (False, lost)):
        parked = Parked()
        parked.stale = stale
        hand = Hand([parked], Broker(), waiting=waiting)
        with pytest.raises(BusUnavailable):
            await hand.drop([hand.letters[0].ref])
    hand = Hand([Parked()], Broker(), waiting=nobody)
    await hand.drop([hand.letters[0].ref])
    assert hand.letters == []


# --- Edits ----------------------------------------------------------------------------------------


def letter(body: bytes = COMMAND.encode(), **changes: Any) -> DeadLetter:
    values: dict[str, Any] = {
        "ref": "r1",
        "message_id": "m1",
        "type": "command.send",
        "reason": "x",
        "detail": "",
        "parked_from": SENDER_QUEUE,
        "first_seen": "",
        "body": body,
        "user": "agent-1",
        "key": KEY,
    }
    return DeadLetter(**values | changes)


PROVEN = Owner(tenant_id="acme", agent_id="support", proven=True, ours=True)
NOBODY = Owner(tenant_id=None, agent_id=None, proven=True, ours=True)


def changed(**fields: Any) -> str:
    return orjson.dumps(orjson.loads(COMMAND.encode()) | fields).decode()


@pytest.mark.parametrize("fields", [{"body": "Hello"}, {"to": "+15551230143"}, {"more": 1}])
def test_an_edit_changes_what_is_said(fields: dict[str, Any]) -> None:
    body = check_edit(DEAD, letter(), PROVEN, changed(**fields))
    assert orjson.loads(body) == orjson.loads(changed(**fields))


@pytest.mark.parametrize(
    "text",
    [
        changed(tenant_id="globex"),
        changed(agent_id="sales"),
        changed(command_id="c2"),
        changed(v=2),
        changed(body=None),
        changed(body="•••••"),
        "{",
        COMMAND.encode().decode(),
    ],
)
def test_an_edit_changes_neither_whose_a_message_is_nor_its_ids_nor_its_form(text: str) -> None:
    with pytest.raises(Problem) as refused:
        check_edit(DEAD, letter(), PROVEN, text)
    assert refused.value.code is ProblemCode.INVALID
    assert "canary" not in str(refused.value)


SAID = orjson.loads(TEXT.encode())
TEXTS = Owner(tenant_id="acme", agent_id=None, proven=False, ours=True)


@pytest.mark.parametrize(
    ("type_", "forged"),
    [
        ("sms.received", {"remote": "+15551230143", "body": "START"}),
        ("sms.received", {"number": "+18005550101"}),
        ("sms.received", {"keyword": "opt_in"}),
        ("sms.received", {"at": "2026-03-01T13:00:00Z"}),
        ("sms.report", {"remote": "+15551230143"}),
        ("sms.report", {"number": "+18005550101"}),
        ("sms.report", {"reference": "another"}),
    ],
)
@pytest.mark.parametrize("broken", [{}, {"accepted_at": None}], ids=["whole", "unreadable"])
def test_an_edit_forges_no_text_and_no_consent(
    type_: str, forged: dict[str, Any], broken: dict[str, Any]
) -> None:
    whole = SAID | {"body": "Yes", "status": "delivered"}
    parked = letter(orjson.dumps(SAID | {"status": "delivered"} | broken), type=type_)
    assert check_edit(DEAD_TEXTS, parked, TEXTS, orjson.dumps(whole | {"more": 1}).decode())
    with pytest.raises(Problem, match="an edit cannot change it"):
        check_edit(DEAD_TEXTS, parked, TEXTS, orjson.dumps(whole | forged).decode())


SOON = (NOW + timedelta(minutes=1)).isoformat()
LATER = (NOW + timedelta(hours=1)).isoformat()


@pytest.mark.parametrize(
    ("before", "after", "taken"),
    [
        (SOON, None, False),
        (SOON, LATER, False),
        (SOON, SOON, True),
        (LATER, SOON, True),
        (None, SOON, True),
        ("tomorrow", None, True),
        ("tomorrow", LATER, True),
    ],
)
def test_an_edit_makes_no_command_live_longer(before: Any, after: Any, *, taken: bool) -> None:
    parked = letter(changed(expires_at=before).encode())
    text = changed(expires_at=after, body="Hello")
    if taken:
        assert check_edit(DEAD, parked, PROVEN, text)
        return
    with pytest.raises(Problem, match="expires_at"):
        check_edit(DEAD, parked, PROVEN, text)


def test_who_has_lied_about_who_they_are_is_edited_into_themselves_at_most() -> None:
    lie = letter(changed(tenant_id="globex", agent_id="ceo").encode())
    assert check_edit(DEAD, lie, PROVEN, changed())
    with pytest.raises(Problem):
        check_edit(DEAD, lie, PROVEN, changed(tenant_id="globex", agent_id="ceo", body="x"))


def test_what_is_nobodys_becomes_nobodys_by_an_edit() -> None:
    with pytest.raises(Problem):
        check_edit(DEAD, letter(b"{"), NOBODY, changed())


@pytest.mark.parametrize("type_", ["sms.unreadable", "agent.turn", ""])
def test_what_no_body_helps_is_not_edited(type_: str) -> None:
    with pytest.raises(Problem) as refused:
        check_edit(DEAD_TEXTS, letter(type=type_), PROVEN, changed())
    assert refused.value.code is ProblemCode.NOT_REPLAYABLE


def test_what_is_read_has_words_and_numbers_and_no_secret() -> None:
    body = orjson.dumps({"body": "call +15551230142", "note": "endpoint=x;accesskey=c2VjcmV0"})
    text = readable(body)
    assert "call +15551230142" in text
    assert "c2VjcmV0" not in text
    assert readable(b"\xff password=canary") == "\\xff password=•••••"
    assert difference(body, body) == ()


def test_every_type_says_what_an_edit_leaves() -> None:
    models = (SmsReceived, SmsReport, SendCommand, TextDecided, Turn, Outcome, Report)
    assert set(FIXED) == {model.type for model in models}
    for model in models:
        assert set(FIXED[model.type]) <= set(model.model_fields)
        if "tenant_id" in model.model_fields:
            assert "tenant_id" in FIXED[model.type]
    assert model_of(PROCESSOR_QUEUE, "command.send") is None
    assert model_of(SENDER_QUEUE, "text.decided") is TextDecided
    for anything in ("command.send", "", "sms.received"):  # As the sender reads it.
        assert model_of(SENDER_QUEUE, anything) is SendCommand
    assert model_of("agent.acme.support", "agent.turn") is Turn


def test_a_message_is_found_by_its_ref_or_by_an_id_that_is_its_alone() -> None:
    one, copy = letter(), letter()
    twin, other = letter(b"{}", ref="r2"), letter(b"[]", ref="r3", message_id="m3")
    assert find([one, copy, other], "m1") == one
    assert find([one, twin, other], "r2") == twin
    assert find([one, other], "m3") == other
    with pytest.raises(Problem) as refused:
        find([one, twin], "m1")
    assert refused.value.code is ProblemCode.AMBIGUOUS_MESSAGE
    assert refused.value.extra == {"refs": ["r1", "r2"]}
    with pytest.raises(NotFound):
        find([one], "m9")


# --- Forecasts ------------------------------------------------------------------------------------


class Known:
    """What the store knows: the same of everything. It is also the directory and the agents."""

    def __init__(self, standing: Standing = Standing.UNKNOWN, **said: Any):
        self.standing = standing
        self.said = {
            "number": ("acme", "support"),
            "answered": False,
            "edited": Standing.UNKNOWN,
        } | said

    async def _told(self, *_: Any) -> Standing:
        return self.standing

    inbound = command = report = decided = _told

    async def edited(self, *_: Any) -> Standing:
        return Standing(self.said["edited"])

    async def answered(self, *_: Any) -> bool:
        return bool(self.said["answered"])

    async def route(self, *_: Any) -> Any:
        return self._number()

    async def find_number(self, *_: Any) -> Any:
        return self._number()

    def _number(self) -> Any:
        whose = self.said["number"]
        if whose is None:
            return None
        return type("Number", (), {"tenant_id": whose[0], "agent_id": whose[1]})()

    async def agent_of_user(self, user: str) -> tuple[str, str] | None:
        return {"agent-1": ("acme", "support"), "mallory": ("globex", "ceo")}.get(user)


async def code(
    queue: str,
    it: DeadLetter,
    known: Known,
    *beside: DeadLetter,
    kept: timedelta | None = None,
) -> str:
    store: Any = known
    owners = Owners(store, OWN)
    forecaster = Forecaster(store, store, store, owners, now=lambda: NOW, kept=kept)
    found = await forecaster.of(queue, it, beside)
    assert (found.exchange, found.key) == ("", queue.removeprefix("dead."))
    assert found.effect is WORDS[found.code][0]
    return found.code


PAST = COMMAND.model_copy(update={"expires_at": NOW - timedelta(seconds=1)}).encode()
REPORT = Report(message_id="m", command_id="c", status="sent", at=NOW).encode()


@pytest.mark.parametrize(
    ("it", "known", "expected"),
    [
        (letter(), Known(), "new_command"),
        (letter(), Known(Standing.OPEN), "command_open"),
        (letter(), Known(Standing.FINISHED), "command_finished"),
        (letter(), Known(Standing.OTHER_CONTENT), "command_id_reused"),
        (letter(PAST), Known(), "command_expired"),
        (letter(PAST), Known(Standing.FINISHED), "command_finished"),
        (letter(), Known(number=None), "unknown_number"),
        (letter(), Known(number=("acme", "sales")), "number_not_yours"),
        (letter(user="mallory"), Known(), "not_authorised"),
        (letter(user="unheard-of"), Known(), "not_authorised"),
        (letter(user=None), Known(), "not_authorised"),
        (letter(key=wire.send_key("globex", "ceo")), Known(), "not_authorised"),
        (letter(user=OWN), Known(), "new_command"),
        (letter(b"{"), Known(), "not_json"),
        (letter(changed(v=2).encode()), Known(), "unknown_version"),
        (letter(b"{}"), Known(), "wrong_shape"),
        (letter(type="sms.received"), Known(), "new_command"),
        (letter(type=""), Known(Standing.FINISHED), "command_finished"),
        (letter(type="", user="mallory"), Known(), "not_authorised"),
    ],
)
async def test_of_a_command_it_is_said_before(it: DeadLetter, known: Known, expected: str) -> None:
    assert await code(DEAD, it, known) == expected


NUDGE = TextDecided(tenant_id="acme", message_id="m").encode()


@pytest.mark.parametrize(
    ("standing", "text", "report", "nudge"),
    [
        (Standing.UNKNOWN, "new_text", "unknown_message", "not_decided"),
        (Standing.OPEN, "text_recorded", "new_report", "decision_open"),
        (Standing.FINISHED, "text_handed_over", "report_known", "decision_told"),
    ],
)
async def test_of_texts_reports_and_nudges_it_is_said_before(
    standing: Standing, text: str, report: str, nudge: str
) -> None:
    known = Known(standing)
    told = SmsReport(
        **TEXT.model_dump(exclude={"body", "segments", "keyword"}), status="delivered"
    ).encode()
    ours = replace(letter(TEXT.encode()), user=OWN, type="sms.received")
    assert await code(DEAD_TEXTS, ours, known) == text
    assert await code(DEAD_TEXTS, replace(ours, type="sms.report", body=told), known) == report
    assert await code(DEAD, letter(NUDGE, type="text.decided"), known) == nudge
    homeless = Known(standing, number=("globex", "ceo"))
    assert await code(DEAD_TEXTS, ours, homeless) == "no_agent"


async def test_only_who_has_business_in_a_queue_has_put_something_there() -> None:
    stranger = replace(letter(TEXT.encode()), type="sms.received")
    assert await code(DEAD_TEXTS, stranger, Known()) == "foreign_publisher"
    report = letter(REPORT, type="agent.report")
    assert await code(AGENT_DEAD, report, Known()) == "for_the_agent"
    assert await code(AGENT_DEAD, replace(report, user=OWN), Known()) == "for_the_agent"
    assert await code(AGENT_DEAD, replace(report, user="mallory"), Known()) == "foreign_publisher"


@pytest.mark.parametrize("type_", ["x", "command.send", "text.decided", ""])
async def test_an_agent_writes_in_nobody_elses_name_whatever_type_it_gives(type_: str) -> None:
    agents: Any = Known()
    forged = letter(b'{"tenant_id":"victim","agent_id":"sales"}', type=type_, user="agent-1")
    assert await Owners(agents, OWN).of(DEAD, forged) == PROVEN
    assert await Owners(agents, OWN).of(DEAD, replace(forged, user="stranger")) == NOBODY
    ours = await Owners(agents, OWN).of(DEAD, replace(forged, user=OWN))
    assert ours.tenant_id == "victim"


async def test_what_an_edit_stands_for_is_not_replayed() -> None:
    new = letter(changed(body="Hello").encode(), ref="r2", edited_from="r1")
    assert await code(DEAD, letter(), Known(), letter(), new) == "edited_since"
    assert await code(DEAD, new, Known(), letter(), new) == "new_command"
    assert await code(DEAD, letter(), Known(edited=Standing.FINISHED)) == "edited_since"
    assert await code(DEAD, letter(), Known(edited=Standing.OPEN)) == "edit_begun"


@pytest.mark.parametrize("standing", [Standing.UNKNOWN, Standing.FINISHED])
async def test_what_is_older_than_the_store_remembers_is_not_done_again(standing: Standing) -> None:
    month, day = timedelta(days=30), timedelta(days=1)
    known = Known(standing)
    for first_seen, old in ((NOW - month - day, True), (NOW - month + day, False), (None, True)):
        it = letter(first_seen=first_seen.isoformat() if first_seen else "")
        expected = await code(DEAD, it, known)
        if old and standing is Standing.UNKNOWN:
            expected = "forgotten"
        assert await code(DEAD, it, known, kept=month) == expected


async def test_a_turn_whose_answer_may_be_forgotten_is_not_put_to_its_agent_again() -> None:
    said = {"id": "t1", "body": "Hi", "at": NOW}
    turn = Turn(
        **TEXT.model_dump(include={"tenant_id", "connection_id", "number", "remote"}),
        turn_id="t",
        seq=1,
        agent_id="support",
        message=said,
    )
    month = timedelta(days=30)
    for first_seen, expected in ((NOW, "turn_unanswered"), (NOW - 2 * month, "forgotten")):
        it = letter(turn.encode(), type="agent.turn", first_seen=first_seen.isoformat())
        assert await code(AGENT_DEAD, it, Known(), kept=month) == expected
        assert await code(AGENT_DEAD, it, Known(answered=True), kept=month) == "turn_answered"


def test_every_effect_says_whether_it_is_replayed() -> None:
    assert {effect for effect, _ in WORDS.values()} == set(Effect)
    stays = {effect for effect in Effect if not effect.replayable}
    assert stays == {Effect.PARKED_AGAIN, Effect.SUPERSEDED, Effect.NOT_OURS, Effect.UNSAFE}
