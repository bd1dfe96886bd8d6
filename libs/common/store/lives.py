"""The life of an inbound text and of its answers, told from their documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from common.store.records import Execution, Step, turn_id


def names_of(message_id: str) -> tuple[str, str]:
    """What an answer's `in_reply_to` may name: the text, or the turn that handed it over."""
    return message_id, turn_id(message_id)


def execution(inbound: Mapping[str, Any], answers: Iterable[Mapping[str, Any]]) -> Execution:
    """The execution of an inbound text, its steps in order of time. A quick agent answers before
    the broker has confirmed the turn: then the text was handed over by the first answer."""
    answers = tuple(answers)
    steps = _inbound_steps(inbound, [it["claimed_at"] for it in answers if it["claimed_at"]])
    for answer in answers:
        steps += _answer_steps(answer)
    return Execution(
        message_id=inbound["_id"],
        tenant_id=inbound["tenant_id"],
        number=inbound["number"],
        remote=inbound["remote"],
        duplicates=inbound["duplicates"],
        steps=tuple(sorted(steps, key=lambda step: step.at)),
    )


def executions(
    inbounds: Sequence[Mapping[str, Any]], answers: Iterable[Mapping[str, Any]]
) -> list[Execution]:
    """The executions of several inbound texts, in their order."""
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for answer in answers:
        by_name.setdefault(answer["in_reply_to"], []).append(answer)
    return [
        execution(
            inbound,
            [answer for name in names_of(inbound["_id"]) for answer in by_name.get(name, ())],
        )
        for inbound in inbounds
    ]


def _inbound_steps(document: Mapping[str, Any], answered: Sequence[datetime]) -> list[Step]:
    confirmed = document["handed_over_at"]
    handed_over = confirmed and min([confirmed, *answered])
    return _steps(
        ("accepted", document["accepted_at"], document["provider"]),
        ("recorded", document["recorded_at"], ""),
        ("handed_over", handed_over, document["agent_id"]),
        ("deduplicated", document["duplicate_at"], str(document["duplicates"])),
    )


def _answer_steps(document: Mapping[str, Any]) -> list[Step]:
    outcome, report = document["outcome"] or {}, document["report"] or {}
    approval = document.get("approval") or {}
    held = document.get("held_outcome") or outcome
    code = outcome.get("code", "")
    return detour_steps(document) + _steps(
        ("answered", document["claimed_at"], document["command_id"]),
        ("held", document["held_at"], held.get("code", "")),
        (approval.get("decision", ""), approval.get("at"), _decided_by(approval)),
        ("sent", document["sent_at"], document["provider"]),
        ("finished", document["finished_at"], code),
        ("reported", report.get("accepted_at"), report.get("status", "")),
        ("report_missing", document.get("report_missing_at"), ""),
    )


def _decided_by(approval: Mapping[str, Any]) -> str:
    if not approval:
        return ""
    name: str = approval["by"]["name"]
    return f"{name}, with other words" if approval["edited"] else name


def detour_steps(document: Mapping[str, Any]) -> list[Step]:
    """Where an outbound text went another way than the one that would have come first."""
    return _steps(*(("failed_over", it["at"], _detour(it)) for it in document.get("detours") or ()))


def _detour(made: Mapping[str, Any]) -> str:
    code = f" ({made['code']})" if made["code"] else ""
    return f"{made['from']} → {made['to']}{code}"


def _steps(*steps: tuple[str, Any, str]) -> list[Step]:
    return [Step(what=what, at=at, detail=detail) for what, at, detail in steps if at is not None]
