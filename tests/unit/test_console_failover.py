"""What people see and choose of failover, and of a connection whose circuit is open."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from common.circuit import Circuit, CircuitKind, Fuse
from health.access.roles import Role
from health.web.problems import Problem, ProblemCode
from heliograph.codes import TEXTS, OutcomeCode
from tests.unit import console_samples as samples
from tests.unit.console_setup_stage import SetupStage, open_setup_stage

T: Final = f"/t/{samples.TENANT}"
NUMBER: Final = f"{T}/numbers/%2B18005550100"
SUPPORT: Final = f"{T}/connections/con-support"
OPEN: Final = Circuit(
    kind=CircuitKind.ACCOUNT,
    since=samples.ago(minutes=5),
    opened_at=samples.ago(minutes=1),
    rests_until=samples.NOW + timedelta(minutes=3),
    code=OutcomeCode.CREDENTIALS_REJECTED,
    opened=3,
)
HALF_OPEN: Final = replace(OPEN, kind=CircuitKind.FAILING, rests_until=samples.ago(seconds=1))
NOT_OURS: Final = Circuit(
    senders=(
        Fuse(
            kind=CircuitKind.ACCOUNT,
            since=samples.ago(minutes=5),
            opened_at=samples.ago(minutes=1),
            rests_until=samples.NOW + timedelta(minutes=3),
            code=OutcomeCode.SENDER_NOT_OWNED,
            opened=1,
            number=samples.NUMBER,
        ),
    )
)
"""One number's sender is refused."""


def fall_back_on(stage: SetupStage, *connections: str) -> None:
    held = stage.desks.numbers.held
    held[samples.NUMBER] = replace(held[samples.NUMBER], failover=connections)


def give(stage: SetupStage, connection: str, circuit: Circuit) -> None:
    held = stage.desks.connections.held
    held[connection] = replace(held[connection], circuit=circuit)


def section(page: str, title: str) -> str:
    found = re.search(rf'<section[^>]*aria-labelledby="{title}".*?</section>', page, re.DOTALL)
    assert found is not None
    return found[0]


async def test_a_numbers_page_shows_the_order_with_the_state_of_each_connection() -> None:
    async with open_setup_stage() as stage:
        fall_back_on(stage, "con-orders", "con-old", "con-none")
        give(stage, "con-orders", OPEN)
        _, page = await stage.page(NUMBER)
    shown = section(page, "title-failover")
    names = re.findall(r"<li>.*?(Orders|Trade fair|con-none).*?</li>", shown, re.DOTALL)
    assert names == ["Orders", "Trade fair", "con-none"]
    assert "resting" in shown
    assert "It is passed over." in shown
    assert "gone" in shown


async def test_what_to_fall_back_on_is_chosen_from_live_connections_that_have_such_numbers() -> (
    None
):
    async with open_setup_stage() as stage:
        _, page = await stage.page(NUMBER)
    shown = section(page, "title-failover")
    assert set(re.findall(r'<option value="([^"]*)"', shown)) == {"", "con-orders"}
    assert shown.count("<select") == 5


async def test_the_order_is_saved_without_its_empty_places() -> None:
    form = {
        "version": "4",
        "failover.0": "",
        "failover.1": "con-orders",
        "failover.3": "con-link",
    }
    async with open_setup_stage() as stage:
        answer = await stage.post(f"{NUMBER}/failover", form)
    assert answer == (303, NUMBER)
    name, given = stage.asked.last
    assert (name, given["given"], given["version"]) == (
        "set_failover",
        (["con-orders", "con-link"],),
        4,
    )


async def test_a_refusal_stands_at_the_place_that_it_is_about() -> None:
    form = {"version": "4", "failover.1": "con-orders", "failover.3": "con-link"}
    refusal = Problem(ProblemCode.INVALID_NUMBER, fields={"connection_ids.1": "no such numbers"})
    async with open_setup_stage() as stage:
        stage.refuse(refusal)
        status, page = await stage.post(f"{NUMBER}/failover", form)
    assert status == 422
    shown = section(page, "title-failover")
    wrong = re.findall(r'<select id="failover-4" name="failover.3"[^>]*aria-invalid', shown)
    assert len(wrong) == 1
    assert re.search(r'value="con-orders" selected', shown)


async def test_who_may_only_read_sees_the_order_and_no_form() -> None:
    async with open_setup_stage(role=Role.VIEWER) as stage:
        fall_back_on(stage, "con-orders")
        _, page = await stage.page(NUMBER)
        status, _ = await stage.post(f"{NUMBER}/failover", {"version": "4"})
    assert "Orders" in section(page, "title-failover")
    assert "<form" not in section(page, "title-failover")
    assert status == 403


@pytest.mark.parametrize(
    ("circuit", "said"),
    [
        (OPEN, ["Rests until", "new credentials", "2 times", TEXTS[OPEN.code].person]),  # type: ignore[index]
        (HALF_OPEN, ["The next text tries", "having a bad hour"]),
        (
            replace(OPEN, senders=NOT_OURS.senders),
            ["Rests until", "+1 800 555 0100", TEXTS[OutcomeCode.SENDER_NOT_OWNED].person],
        ),
    ],
)
async def test_a_connections_page_says_why_texts_are_not_called_for_and_how_to_mend_it(
    circuit: Circuit, said: list[str]
) -> None:
    async with open_setup_stage() as stage:
        give(stage, "con-support", circuit)
        _, page = await stage.page(SUPPORT)
        _, listed = await stage.page(f"{T}/connections")
    notice = page.split('id="circuit"')[1]
    for words in said:
        assert words.replace("'", "&#39;") in notice
    assert ("resting" if circuit is not HALF_OPEN else "to be tried") in listed


async def test_a_refused_sender_is_named_and_does_not_pass_for_the_whole_connection() -> None:
    async with open_setup_stage() as stage:
        give(stage, "con-support", NOT_OURS)
        _, page = await stage.page(SUPPORT)
        _, listed = await stage.page(f"{T}/connections")
    notice = page.split('id="circuit"')[1].split("</div>")[0]
    assert "+1 800 555 0100" in notice
    assert "other numbers go on" in notice
    assert "Texts are not called for through this connection" not in page
    assert "resting" not in listed


@pytest.mark.parametrize(("number", "shown"), [(samples.NUMBER, True), ("+18005550199", False)])
async def test_a_numbers_page_shows_a_way_as_resting_that_refuses_this_number(
    number: str, shown: bool
) -> None:
    (fuse,) = NOT_OURS.senders
    async with open_setup_stage() as stage:
        fall_back_on(stage, "con-orders")
        give(stage, "con-orders", Circuit(senders=(replace(fuse, number=number),)))
        _, page = await stage.page(NUMBER)
    assert ("resting" in section(page, "title-failover")) is shown


async def test_of_a_closed_circuit_nothing_is_said() -> None:
    async with open_setup_stage() as stage:
        _, page = await stage.page(SUPPORT)
    assert 'id="circuit"' not in page
