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

_ON_THE_PHONE = frozenset({Fate.ANSWERED, Fate.UNCERTAIN, Fate.APPROVED})
_STATUS = {
    Fate.ANSWERED: OutcomeStatus.SENT,
    Fate.UNCERTAIN: OutcomeStatus.UNCERTAIN,
    Fate.UNDELIVERED: OutcomeStatus.SENT,
    Fate.REFUSED: OutcomeStatus.FAILED,
    Fate.HELD: OutcomeStatus.HELD,
    Fate.APPROVED: OutcomeStatus.HELD,
    Fate.DENIED: OutcomeStatus.HELD,
}
"""What the agent's reply returns."""
_LATER = {Fate.APPROVED: OutcomeStatus.SENT, Fate.DENIED: OutcomeStatus.BLOCKED}
"""What the agent hears when somebody has decided."""


async def check_promises(world: World, *, since: float | None = None) -> None:
    """Wait until everything is in order, at most `RECOVERY` seconds after `since` (a `clock()`
    value, by default now), then look everywhere for what must not be."""
    deadline = (clock() if since is None else since) + RECOVERY
    while (unsettled := await _unsettled(world)) and clock() < deadline:  # noqa: ASYNC110 - queues tell nobody when they change
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
        *_parked(world),
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
    told = {report.message_id for report in world.notebook.reports}
    if untold := _accepted(world) - _unreported(world) - told:
        return [f"the agent was not told of the delivery of {untold}"]
    heard = {outcome.original_body for outcome in world.notebook.news}
    if unheard := {text.answer for text in world.sent if text.fate in _LATER} - heard:
        return [f"the agent does not know what was decided on {unheard}"]
    if missing := world.to_be_parked - _parked_ids(world):
        return [f"not parked: {missing}"]
    lengths = await world.queue_lengths()
    assert lengths, "no queue is there"
    return [f"{count} messages in {queue}" for queue, count in lengths.items() if count]


def _parked_ids(world: World) -> set[str]:
    return {delivery.message_id for delivery in world.parked.seen}


def _parked(world: World) -> list[str]:
    """What nobody can read is parked, as often as a plug is pulled, and nothing else is."""
    innocent = _parked_ids(world) - world.to_be_parked
    return [f"{message_id} was parked" for message_id in innocent]


def _accepted(world: World) -> set[str]:
    """Our IDs of the texts that the provider took."""
    return {
        call["tag"]
        for call in world.simulator.sends
        if any(item["successful"] for item in call["recipients"])
    }


def _unreported(world: World) -> set[str]:
    """Our IDs of the texts on which no report comes."""
    missing = {
        entry["message_id"]
        for entry in world.simulator.journal.entries("report")
        if entry["fault"] == "missing_reports"
    }
    return {
        call["tag"]
        for call in world.simulator.sends
        for item in call["recipients"]
        if item["message_id"] in missing
    }


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
        (text.remote, text.goes_out) for text in world.sent if text.fate in _ON_THE_PHONE
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
    outbound = [item for item in documents if item["direction"] == "OUTBOUND"]
    found = Counter((item["remote"], item["body"]) for item in outbound)
    expected = Counter(
        (text.remote, text.goes_out) for text in world.sent if text.fate is not Fate.SILENT
    )
    return [
        *(f"outbound texts differ: {text}" for text in (found - expected) + (expected - found)),
        *(
            f"{item['body']} is unfinished ({item['state']})"
            for item in outbound
            if item["outcome"] is None or item["state"] not in ("finished", "held")
        ),
    ]


def _outcomes(world: World) -> list[str]:
    """Each answer has one outcome, the right one, however often it was told; one on which somebody
    decided after it was held has a second."""
    told: dict[tuple[str, str | None], set[str]] = defaultdict(set)
    for outcome in world.spy.all(Outcome):
        if outcome.message_id is not None:  # Else nothing is recorded, and `at` is the telling.
            told[outcome.to, outcome.original_body].add(outcome.model_dump_json())
    allowed = {(text.remote, text.answer): 2 for text in world.sent if text.fate in _LATER}
    wrong = [
        f"{len(forms)} outcomes of {text}"
        for text, forms in told.items()
        if len(forms) > allowed.get(text, 1)
    ]
    for text in world.sent:
        outcome = world.notebook.outcomes.get(text.id)
        wrong += _outcome_of(text, outcome, told=(text.remote, text.answer) in told)
        wrong += _later_outcome_of(text, world.notebook.news)
    return wrong


def _later_outcome_of(text: Sent, news: Iterable[Outcome]) -> list[str]:
    """Nobody waited for the second outcome, and the agent heard of it once."""
    heard = [outcome for outcome in news if outcome.original_body == text.answer]
    expected = _LATER.get(text.fate)
    if [outcome.status for outcome in heard] != ([expected] if expected else []):
        return [f"of {text.answer} the agent heard {[outcome.code for outcome in heard]}"]
    return [
        f"{text.answer}: edited={outcome.edited}, body={outcome.body}"
        for outcome in heard
        if (outcome.edited, outcome.body) != (text.words is not None, text.goes_out)
    ]


def _outcome_of(text: Sent, outcome: Outcome | None, *, told: bool) -> list[str]:
    expected = _STATUS.get(text.fate)
    if expected is None:
        return [f"{text.body} was answered"] if told or outcome else []
    if not told or outcome is None:
        return [f"nobody was told what became of {text.answer}"]
    return [f"{text.answer}: {outcome.status}"] if outcome.status is not expected else []


def _reports(world: World, documents: Iterable[Document]) -> list[str]:
    """Each text of which the provider said that it was delivered is in that state, and its agent
    was told so once in effect."""
    delivered = {
        entry["message_id"]
        for entry in world.simulator.journal.entries("report")
        if entry["status"] == "Delivered" and entry["fault"] != "missing_reports"
    }
    told = Counter(report.message_id for report in world.notebook.reports)
    forms: dict[str, set[str]] = defaultdict(set)
    for report in world.spy.all(Report):
        forms[report.message_id].add(report.model_dump_json())
    wrong: list[str] = []
    for item in documents:
        if item["direction"] != "OUTBOUND" or item["provider_message_id"] not in delivered:
            continue
        if item["status"] != "delivered":
            wrong.append(f"{item['body']} is {item['status']}, but was delivered")
        if (told[item["_id"]], len(forms[item["_id"]])) != (1, 1):
            times = f"{told[item['_id']]} times, in {len(forms[item['_id']])} forms"
            wrong.append(f"the report of {item['body']} was told {times}")
    return wrong


def _repeated(keys: Iterable[str]) -> dict[str, int]:
    return {key: count for key, count in Counter(keys).items() if count > 1}
