"""The console over records whose every text is as long as the API lets it be, without a blank."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

import orjson

from common.store.control import Page
from common.store.records import ConnectionStatus
from health.access.roles import Role
from tests.unit import console_samples as samples
from tests.unit.console_letters import LETTER
from tests.unit.console_setup_stage import SetupCallbacks, agent, key, number
from tests.unit.console_stage import Sampled, Stage, open_stage

LENGTHS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("name", "employee", "by", "who", "created_by", "decided_by"), 100),
    **dict.fromkeys(("opt_out_accepted_by", "gate_changed_by", "partner"), 100),
    **dict.fromkeys(("description", "note"), 1_000),
    **dict.fromkeys(("error", "reason", "report_details", "detail"), 500),
    **dict.fromkeys(("body", "original_body"), 20_000),
    **dict.fromkeys(("agent_id", "bus_user", "command_id", "in_reply_to", "tag", "rule"), 64),
    **dict.fromkeys(("message_id", "connection_id", "conversation_id"), 64),
    **dict.fromkeys(("provider_message_id", "report_code", "code", "target"), 64),
}
"""How long the text of a field may be."""
_LISTED: Final[Mapping[str, int]] = {"owners": 100}
_MAPPED: Final[Mapping[str, int]] = {"public": 253, "before": 500, "after": 500}


def stretched(record: Any, grain: str) -> Any:
    """The record with each text as long as it may be, made of one grain without a blank in it."""
    if isinstance(record, tuple):
        return tuple(stretched(item, grain) for item in record)
    if not is_dataclass(record) or isinstance(record, type):
        return record
    changes = {
        field.name: _stretched(field.name, getattr(record, field.name), grain)
        for field in fields(record)
    }
    return replace(record, **changes)


def _stretched(name: str, value: Any, grain: str) -> Any:
    if name in _LISTED:
        return (_words(grain, _LISTED[name]),) * 3
    if name in _MAPPED:
        return {field: _words(grain, _MAPPED[name]) for field in value or {"endpoint": ""}}
    if isinstance(value, str) and name in LENGTHS:
        return _words(grain, LENGTHS[name])
    return stretched(value, grain)


def _words(grain: str, length: int) -> str:
    return (grain * length)[:length]


@contextlib.asynccontextmanager
async def open_extremes(grain: str) -> AsyncIterator[Stage]:
    """Every page, an operator signed in."""
    async with open_stage() as stage:
        stage.door.let_in(Role.OPERATOR)
        _stretch(stage, grain)
        yield stage


def _stretch(stage: Stage, grain: str) -> None:
    broken = samples.connection(id="con-2", status=ConnectionStatus.ERROR, error="x", partner="x")
    gone = samples.connection(id="con-3", status=ConnectionStatus.DISCONNECTED)
    numbers = (number(), number("ACMEACMEACM", gate_on=True, gate_changed_at=samples.NOW))
    assistant = agent(employee="x")
    desks = stage.desks
    desks.connections = Sampled(list=Page((samples.connection(), broken, gone)), get=broken)
    desks.connections.__dict__["available"] = frozenset({"acs"})
    desks.callbacks = SetupCallbacks(f"https://{_words('texts', 253)}", (samples.connection(),))
    desks.numbers = Sampled(list=Page(numbers), get=numbers[0])
    desks.agents = Sampled(list=Page((assistant,)), get=assistant)
    desks.agents.__dict__["provisions"] = True
    desks.keys = Sampled(list=Page((key(), key("k-2"))))
    for desk in vars(desks).values():
        if isinstance(desk, Sampled):
            answers = vars(desk)["_answers"]
            answers.update({name: stretched(answer, grain) for name, answer in answers.items()})
    held = stretched(samples.approval(), grain)
    stage.approvals.held = {"m-held": replace(held, message_id="m-held")}
    desks.consents.said = stretched(samples.entries(), grain)
    long = _words(grain, 60)
    parked = replace(
        stretched(LETTER, grain), type=long, reason=long, body=orjson.dumps({"body": long * 9})
    )
    desks.dead_letters.letter = desks.parked.letter = parked
