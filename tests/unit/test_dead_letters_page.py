"""The page on dead letters tells of every reason and of every forecast that the code has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from common.providers.callbacks import UnreadableEvent
from health.desk.parked_words import WORDS
from heliograph.codes import OutcomeCode
from heliograph.models import UnreadableMessage

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations/dead-letters.md").read_text(encoding="utf-8")
VERDICTS = {"Park", "Retry", "Reason"}
FROM_ELSEWHERE = {
    "not_json",
    "unknown_version",
    "wrong_shape",
    UnreadableEvent.code,
    OutcomeCode.NOT_AUTHORISED.value,
    OutcomeCode.UNKNOWN_NUMBER.value,
    OutcomeCode.NUMBER_NOT_YOURS.value,
    # RabbitMQ's own reasons for at-least-once dead-lettering of a queue without a TTL.
    "delivery_limit",
    "rejected",
}
"""Codes that stand in a variable where a verdict is made."""
NEVER_PARKED = {"unknown_message"}
"""Dropped and counted after its retries."""


def codes_of(source: str) -> set[str]:
    """The codes that are written out where a verdict is made."""
    calls = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    return {
        str(call.args[0].value)
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id in VERDICTS
        if call.args and isinstance(call.args[0], ast.Constant)
    }


def written() -> set[str]:
    files = [*(ROOT / "services").rglob("*.py"), *(ROOT / "libs").rglob("*.py")]
    sources = [it.read_text(encoding="utf-8") for it in files if "node_modules" not in it.parts]
    return set().union(*map(codes_of, sources))


def first_cells(heading: str) -> list[str]:
    table = PAGE.split(heading)[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


def test_the_page_has_every_reason_and_no_other() -> None:
    listed = first_cells("| reason | what happened | what to do |")
    assert len(listed) == len(set(listed))
    assert set(listed) == (written() | FROM_ELSEWHERE) - NEVER_PARKED


def test_a_new_reason_would_be_missed() -> None:
    assert codes_of('Park("new_reason", "x")') == {"new_reason"}
    assert codes_of('def f(): return Retry(code="x")') == set()
    assert {"unexpected_error", "no_agent", "handler_failed"} <= written()


@pytest.mark.parametrize("code", ["not_json", "unknown_version", "wrong_shape"])
def test_the_reasons_of_the_wire_models_are_theirs(code: str) -> None:
    assert code in str(UnreadableMessage.__init__.__annotations__["code"])


def test_the_page_has_every_forecast_as_it_is_said() -> None:
    table = PAGE.split("| code | effect | what it says |")[1].split("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.*?) \|$", table, re.MULTILINE)
    assert listed == [(code, effect.value, what) for code, (effect, what) in WORDS.items()]
