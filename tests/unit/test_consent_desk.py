"""Promises of the desk for opt-outs: a person's word counts from then on, undoes nothing that is
not in doubt, and is never without evidence where it lets texts go out again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from common.store.consents import ConsentSource
from common.store.control_ports import NotFound
from health.desk.consents import LONGEST_NOTE, remote_of
from health.web.problems import Problem, ProblemCode
from tests.unit.consent_world import JANE, NOW, NUMBER, REMOTE, TENANT, ConsentWorld, doubtful, said

SECOND = timedelta(seconds=1)
AT = (TENANT, NUMBER, REMOTE)


@pytest.fixture
def world() -> ConsentWorld:
    return ConsentWorld()


async def refused(work: Awaitable[Any]) -> ProblemCode:
    with pytest.raises(Problem) as raised:
        await work
    return raised.value.code


async def test_an_opt_out_by_hand_stands_with_who_and_when(world: ConsentWorld) -> None:
    consent = await world.desk.opt_out(*AT, note=" Phoned. ", by=JANE)
    assert (consent.opted_out, consent.in_doubt, consent.at) == (True, False, NOW)
    (item,) = (await world.desk.get(*AT, limit=10)).history.items
    entry = item.entry
    assert (entry.source, entry.rule, entry.who) == (ConsentSource.PERSON, "opt_out", "Jane")
    assert entry.note == "Phoned."
    assert world.consents.actions == [("consent.opted_out", "Jane")]


@pytest.mark.parametrize("verb", ["opt_out", "confirm"])
async def test_what_waits_for_an_opted_out_remote_is_cancelled_and_the_sender_told(
    world: ConsentWorld, verb: str
) -> None:
    world.ledger.waiting = ["held-1", "held-2"]
    world.consents.note(doubtful())
    await getattr(world.desk, verb)(*AT, note=None, by=JANE)
    assert [entry.remote for entry in world.ledger.cancelled] == [REMOTE]
    assert world.nudger.told == ["held-1", "held-2"]


async def test_an_opt_in_cancels_nothing(world: ConsentWorld) -> None:
    world.ledger.waiting = ["held-1"]
    world.consents.note(said(True, ConsentSource.KEYWORD))
    consent = await world.desk.opt_in(*AT, note="Agreed by mail.", by=JANE)
    assert not consent.opted_out
    assert (world.ledger.cancelled, world.nudger.told) == ([], [])


@pytest.mark.parametrize("note", ["", "  \n "])
async def test_an_opt_in_needs_its_evidence(world: ConsentWorld, note: str) -> None:
    assert await refused(world.desk.opt_in(*AT, note=note, by=JANE)) is ProblemCode.INVALID
    assert world.consents.entries == []


@pytest.mark.parametrize("note", ["x" * (LONGEST_NOTE + 1), "left\u202eright", "bell\x07"])
async def test_a_note_is_short_and_what_it_looks_like(world: ConsentWorld, note: str) -> None:
    assert await refused(world.desk.opt_out(*AT, note=note, by=JANE)) is ProblemCode.INVALID
    assert world.consents.entries == []


async def test_a_persons_word_counts_though_a_providers_clock_is_ahead(world: ConsentWorld) -> None:
    world.consents.note(said(True, ConsentSource.KEYWORD, at=NOW + 90 * SECOND))
    consent = await world.desk.opt_in(*AT, note="Agreed by mail.", by=JANE)
    assert not consent.opted_out


async def test_a_confirmed_opt_out_is_in_doubt_no_more(world: ConsentWorld) -> None:
    world.consents.note(doubtful())
    consent = await world.desk.confirm(*AT, note=None, by=JANE)
    assert (consent.opted_out, consent.in_doubt) == (True, False)
    assert world.consents.actions == [("consent.confirmed", "Jane")]
    assert await refused(world.desk.undo(*AT, note=None, by=JANE)) is ProblemCode.NOT_IN_DOUBT


async def test_an_undone_opt_out_is_superseded_and_still_in_the_ledger(world: ConsentWorld) -> None:
    world.consents.note(doubtful())
    consent = await world.desk.undo(*AT, note=None, by=JANE)
    assert not consent.opted_out
    history = (await world.desk.get(*AT, limit=10)).history.items
    assert [item.entry.rule for item in history] == ["undo", "stop-texting"]
    assert world.consents.actions == [("consent.undone", "Jane")]


@pytest.mark.parametrize("verb", ["confirm", "undo"])
@pytest.mark.parametrize(
    "word", [said(True, ConsentSource.KEYWORD), said(False, ConsentSource.KEYWORD)]
)
async def test_what_is_not_in_doubt_is_not_reviewed(
    world: ConsentWorld, verb: str, word: Any
) -> None:
    world.consents.note(word)
    review: Callable[..., Awaitable[Any]] = getattr(world.desk, verb)
    assert await refused(review(*AT, note=None, by=JANE)) is ProblemCode.NOT_IN_DOUBT
    assert len(world.consents.entries) == 1


async def test_undoing_does_not_undo_a_stop_that_came_after_the_doubtful_word(
    world: ConsentWorld,
) -> None:
    word = doubtful()
    world.consents.note(word)
    await world.desk.undo(*AT, note=None, by=JANE)
    # Said before the person undid, and recorded after it.
    consent = world.consents.note(
        said(True, ConsentSource.KEYWORD, at=word.at + SECOND, message_id="m2")
    )
    assert consent.opted_out


async def test_undoing_does_not_undo_a_stop_from_before_that_was_recorded_late(
    world: ConsentWorld,
) -> None:
    word = doubtful()
    world.consents.note(word)
    world.consents.note(said(True, ConsentSource.KEYWORD, at=word.at - SECOND, message_id="m2"))
    assert await refused(world.desk.undo(*AT, note=None, by=JANE)) is ProblemCode.NOT_IN_DOUBT
    assert (await world.desk.get(*AT, limit=1)).consent.opted_out


async def test_an_old_opt_out_that_was_followed_by_an_opt_in_does_not_hinder_undoing(
    world: ConsentWorld,
) -> None:
    word = doubtful()
    for minutes, out in ((20, True), (10, False)):
        at = word.at - timedelta(minutes=minutes)
        world.consents.note(said(out, ConsentSource.KEYWORD, at=at, message_id=f"m{minutes}"))
    world.consents.note(word)
    assert not (await world.desk.undo(*AT, note=None, by=JANE)).opted_out


@pytest.mark.parametrize("verb", ["opt_out", "opt_in", "confirm", "undo"])
@pytest.mark.parametrize("at", [("globex", NUMBER, REMOTE), (TENANT, "+18005550199", REMOTE)])
async def test_a_number_of_nobody_or_of_another_tenant_is_not_there(
    world: ConsentWorld, verb: str, at: tuple[str, str, str]
) -> None:
    world.consents.note(doubtful())
    with pytest.raises(NotFound):
        await getattr(world.desk, verb)(*at, note="Agreed.", by=JANE)
    assert len(world.consents.entries) == 1


@pytest.mark.parametrize("verb", ["confirm", "undo"])
async def test_of_whom_nothing_is_known_nothing_is_reviewed(world: ConsentWorld, verb: str) -> None:
    with pytest.raises(NotFound):
        await getattr(world.desk, verb)(*AT, note=None, by=JANE)


@pytest.mark.parametrize(
    "remote", ["", "nobody", "Pizza", "12", "+0123456789", "+1212555014789012"]
)
async def test_what_cannot_be_texted_cannot_be_opted_out_by_hand(
    world: ConsentWorld, remote: str
) -> None:
    work = world.desk.opt_out(TENANT, NUMBER, remote, note=None, by=JANE)
    assert await refused(work) is ProblemCode.INVALID
    assert world.consents.entries == []


@pytest.mark.parametrize(
    ("raw", "region", "remote"),
    [
        ("+12125550147", "DE", "+12125550147"),
        ("2125550147", "US", "+12125550147"),
        ("(212) 555-0147", "US", "+12125550147"),
        ("12125550147", "US", "+12125550147"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("4915112345678", "US", "+4915112345678"),
        ("86753", "US", "86753"),
        ("Acme", "US", "Acme"),
    ],
)
def test_a_remote_is_read_as_the_number_would_text_it(raw: str, region: str, remote: str) -> None:
    assert remote_of(raw, region) == remote


async def test_the_list_is_filtered_by_normal_forms(world: ConsentWorld) -> None:
    world.consents.note(doubtful())
    world.consents.note(said(True, ConsentSource.KEYWORD, remote="+12125550148"))
    page = await world.desk.list(TENANT, number="1 800 555 0100", remote=" 12125550147", limit=9)
    assert [consent.remote for consent in page.items] == [REMOTE]
    reviews = await world.desk.list(TENANT, in_doubt=True, limit=9)
    assert [consent.remote for consent in reviews.items] == [REMOTE]


@pytest.mark.parametrize("answer", [True, False, None])
async def test_the_providers_own_list_is_told_as_it_is(
    world: ConsentWorld, answer: bool | None
) -> None:
    world.lists.has_it = answer
    assert await world.desk.on_providers_list(*AT) is answer


async def test_a_provider_that_cannot_be_asked_is_a_problem(world: ConsentWorld) -> None:
    world.lists.away = True
    assert await refused(world.desk.on_providers_list(*AT)) is ProblemCode.UNAVAILABLE
    world.lists.live = False
    assert await refused(world.desk.on_providers_list(*AT)) is ProblemCode.DISCONNECTED
