"""What must be true of every text once a fault is over, looked for in every place that can tell."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from scene import RECOVERY, World, clock
from witnesses import Fate, Sent

from common.store.schema import MESSAGES
from heliograph.models import Outcome, OutcomeStatus, Report, Turn

Document = Mapping[str, Any]

_STATUS = {Fate.ANSWERED: OutcomeStatus.SENT, Fate.HELD: OutcomeStatus.HELD}


async def check_promises(world: World, *, since: float | None = None) -> None:
    """Wait until everything is in order, at most `RECOVERY` seconds after `since` (a `clock()`
    value, by default now), then look everywhere for what must not be."""
    deadline = (clock() if since is None else since) + RECOVERY
    while (unsettled := await _unsettled(world)) and clock() < deadline:
        # Queues and documents tell nobody when they change; this asks again.
        await asyncio.sleep(0.05)
    documents = await _documents(world)
    wrong = [
        *unsettled,
        *_turns(world),
        *_phones(world),
        *_provider_calls(world),
        *_inbound(world, documents),
        *_outbound(world, documents),
        *_outcomes(world),
        *_reports(world, documents),
    ]
    assert not wrong, "\n".join(wrong)
    world.in_order = True


async def _unsettled(world: World) -> list[str]:
    """What still has to happen."""
    handled = world.notebook.handled
    waiting = [text.body for text in world.sent if text.id not in handled]
    if waiting:
        return [f"the agent is not done with {waiting}"]
    if world.simulator.grid.pending:
        return [f"Event Grid still has {world.simulator.grid.pending} events"]
    lengths = await world.queue_lengths()
    assert lengths, "no queue is there"
    return [f"{count} messages in {queue}" for queue, count in lengths.items() if count]


async def _documents(world: World) -> list[Document]:
    return await world.database.collection(MESSAGES).find({}).to_list(None)


def _turns(world: World) -> list[str]:
    """Each text has one turn, however often it was published; the agent handled it once."""
    turn_ids: dict[str, set[str]] = defaultdict(set)
    for turn in world.spy.all(Turn):
        turn_ids[turn.message.id].add(turn.turn_id)
    sent = {text.id for text in world.sent}
    repeats = _repeated(turn.turn_id for turn in world.notebook.turns)
    return [
        *(f"no turn for {text.body}" for text in world.sent if text.id not in turn_ids),
        *(f"a turn for {message_id}, which nobody sent" for message_id in turn_ids.keys() - sent),
        *(f"{len(ids)} turns for {key}" for key, ids in turn_ids.items() if len(ids) != 1),
        *(f"the agent began {count} times with turn {key}" for key, count in repeats.items()),
    ]


def _phones(world: World) -> list[str]:
    """Each answer is on its phone once, and nothing else is on any phone."""
    expected = Counter(
        (text.remote, text.answer) for text in world.sent if text.fate is Fate.ANSWERED
    )
    received = Counter(
        (number, text.body)
        for number in world.simulator.phones.numbers()
        for text in world.simulator.phone(number).received
    )
    return [
        *(f"not on the phone: {text} ({count})" for text, count in (expected - received).items()),
        *(f"too many on the phone: {text} ({n})" for text, n in (received - expected).items()),
    ]


def _provider_calls(world: World) -> list[str]:
    """At most one accepted text a repeatability ID; every call with it says the same."""
    calls: dict[str, list[tuple[Document, Document]]] = defaultdict(list)
    wrong: list[str] = []
    for call in world.simulator.sends:
        for recipient in call["recipients"]:
            if recipient["repeatability_request_id"] is None:
                wrong.append(f"a call without repeatability ID: {call['message']}")
            else:
                calls[recipient["repeatability_request_id"]].append((call, recipient))
    for key, group in calls.items():
        accepted = [r for _, r in group if r["successful"] and not r["repeated"]]
        values = {(call["message"], r["to"], r["repeatability_first_sent"]) for call, r in group}
        if len(accepted) > 1:
            wrong.append(f"{len(accepted)} texts accepted with {key}")
        if len(values) > 1 or any(recipient["conflict"] for _, recipient in group):
            wrong.append(f"{key} came with different contents: {values}")
    return wrong


def _inbound(world: World, documents: Iterable[Document]) -> list[str]:
    found = {item["_id"]: item for item in documents if item["direction"] == "INBOUND"}
    sent = {text.id: text for text in world.sent}
    return [
        *(f"{sent[key].body} is not recorded" for key in sent.keys() - found.keys()),
        *(f"{key} is recorded and nobody sent it" for key in found.keys() - sent.keys()),
        *(
            f"{item['body']} is not marked as handed over"
            for item in found.values()
            if item["handed_over_at"] is None
        ),
    ]


def _outbound(world: World, documents: Iterable[Document]) -> list[str]:
    """One outbound text for each answer, and each has come to its end."""
    bodies = Counter(item["body"] for item in documents if item["direction"] == "OUTBOUND")
    expected = Counter(text.answer for text in world.sent if text.fate is not Fate.SILENT)
    return [
        *(f"outbound texts differ: {body}" for body in (bodies - expected) + (expected - bodies)),
        *(
            f"{item['body']} is unfinished ({item['state']})"
            for item in documents
            if item["direction"] == "OUTBOUND"
            and (item["outcome"] is None or item["state"] not in ("finished", "held"))
        ),
    ]


def _outcomes(world: World) -> list[str]:
    """Each answer has one outcome, the right one, however often it was told."""
    told: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for outcome in world.spy.all(Outcome):
        told[outcome.body or ""].add((outcome.status, outcome.code, outcome.message_id or ""))
    wrong = [f"{len(ids)} outcomes of {body}: {ids}" for body, ids in told.items() if len(ids) > 1]
    for text in world.sent:
        wrong += _outcome_of(text, world.notebook.outcomes.get(text.id), text.answer in told)
    return wrong


def _outcome_of(text: Sent, outcome: Outcome | None, told: bool) -> list[str]:
    expected = _STATUS.get(text.fate)
    if expected is None:
        return [f"{text.body} was answered"] if told or outcome else []
    if not told or outcome is None:
        return [f"nobody was told what became of {text.answer}"]
    return [f"{text.answer}: {outcome.status}"] if outcome.status is not expected else []


def _reports(world: World, documents: Iterable[Document]) -> list[str]:
    """Each text that the provider reported on is in the state reported, and its agent was told of
    it once in effect."""
    reported = {entry["message_id"]: entry for entry in world.simulator.journal.entries("report")}
    told = Counter(report.message_id for report in world.notebook.reports)
    spied: dict[str, set[str]] = defaultdict(set)
    for report in world.spy.all(Report):
        spied[report.message_id].add(report.model_dump_json())
    wrong: list[str] = []
    for item in documents:
        if item["direction"] != "OUTBOUND" or item["provider_message_id"] not in reported:
            continue
        if item["status"] != "delivered":
            wrong.append(f"{item['body']} is {item['status']}, but its report says delivered")
        if told[item["_id"]] != 1 or len(spied[item["_id"]]) != 1:
            wrong.append(
                f"the report of {item['body']} was told {told[item['_id']]} times, "
                f"in {len(spied[item['_id']])} forms"
            )
    return wrong


def _repeated(keys: Iterable[str]) -> dict[str, int]:
    return {key: count for key, count in Counter(keys).items() if count > 1}
