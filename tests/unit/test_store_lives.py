"""The life of a text, told in an order that can have been."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.store.lives import execution

T0 = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def after(milliseconds: int) -> datetime:
    return T0 + timedelta(milliseconds=milliseconds)


def inbound(handed_over_at: datetime | None) -> dict[str, Any]:
    return {
        "_id": "m-1",
        "tenant_id": "acme",
        "number": "+18005550100",
        "remote": "+12065550123",
        "duplicates": 0,
        "provider": "acs",
        "agent_id": "front-desk",
        "accepted_at": T0,
        "recorded_at": after(5),
        "handed_over_at": handed_over_at,
        "duplicate_at": None,
    }


def answer(claimed_at: datetime) -> dict[str, Any]:
    return {
        "command_id": "c-1",
        "provider": "acs",
        "outcome": None,
        "report": None,
        "claimed_at": claimed_at,
        "held_at": None,
        "sent_at": None,
        "finished_at": None,
    }


@pytest.mark.parametrize(("confirmed", "told"), [(20, 20), (40, 30), (30, 30)])
def test_a_text_is_handed_over_before_it_is_answered(confirmed: int, told: int) -> None:
    life = execution(inbound(after(confirmed)), iter([answer(after(50)), answer(after(30))]))
    assert [(step.what, step.at) for step in life.steps] == [
        ("accepted", T0),
        ("recorded", after(5)),
        ("handed_over", after(told)),
        ("answered", after(30)),
        ("answered", after(50)),
    ]


def test_a_text_whose_handing_over_is_not_known_is_not_said_to_be_handed_over() -> None:
    life = execution(inbound(None), [answer(after(30))])
    assert [step.what for step in life.steps] == ["accepted", "recorded", "answered"]
