"""What every opt-out ledger promises, and what every store says of conversations."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from conformance.store_world import (
    NUMBER,
    REMOTE,
    START,
    Stores,
    new_consent,
    new_outbound,
    new_text,
    record,
    send,
)

from common.sending_rules import OptOutScope
from common.store.consents import ConsentSource, NewConsent
from common.store.records import (
    Consent,
    HeardWord,
    conversation_id,
)
from heliograph.models import OutcomeStatus

OTHER = "+15550100009"
"""Another number of the same tenant."""


async def note(stores: Stores, *entries: NewConsent) -> list[Consent]:
    return list(await stores.consents.note(entries))


async def stands(stores: Stores, number: str = NUMBER) -> Consent:
    (consent,) = (
        item for item in await stores.consents.of_remote("acme", REMOTE) if item.number == number
    )
    return consent


def own_word(entry: NewConsent, noted: datetime) -> HeardWord:
    """An opt-out of the remote's own words, as the standing keeps it."""
    at = entry.at.replace(microsecond=entry.at.microsecond // 1000 * 1000)
    return HeardWord(id=entry.id, at=at, noted_at=noted, message_id=entry.message_id)


class ConsentSuite:
    async def test_nothing_comes_of_no_entries(self, stores: Stores) -> None:
        assert await note(stores) == []
        assert list(await stores.consents.cancel([])) == []
        assert list(await stores.consents.of_remotes([])) == []
        assert await stores.conversations.held([]) == frozenset()

    async def test_an_opt_out_stands_with_the_instant_of_its_noting(self, stores: Stores) -> None:
        noted = stores.clock.advance(60)
        entry = new_consent(remote="$weird sender", at=1.0009)
        (consent,) = await note(stores, entry)
        assert consent == Consent(
            tenant_id="acme",
            number=NUMBER,
            remote="$weird sender",
            opted_out=True,
            at=START + timedelta(seconds=1),
            opted_out_at=noted,
            cause=entry.id,
            heard=(own_word(entry, noted),),
        )
        assert list(await stores.consents.of_remote("acme", "$weird sender")) == [consent]

    async def test_the_newest_word_wins_in_any_order(self, stores: Stores) -> None:
        out, back = new_consent("a", at=10), new_consent("b", at=20, opted_out=False)
        for entry, expected in ((out, True), (back, False), (out, False)):
            await note(stores, entry)
            assert (await stands(stores)).opted_out is expected
        newest = new_consent("c", at=30)
        results = await note(stores, newest, back, out)
        assert [(item.opted_out, item.cause) for item in results] == [(True, newest.id)] * 3

    async def test_of_two_words_at_one_instant_the_opt_out_stays(self, stores: Stores) -> None:
        out, back = new_consent("a", at=10), new_consent("b", at=10, opted_out=False)
        await note(stores, out, back)
        assert (await stands(stores)).opted_out is True
        await note(stores, back)
        await note(stores, out)
        assert (await stands(stores)).cause == out.id

    async def test_a_repetition_changes_neither_cause_nor_the_instant_of_noting(
        self, stores: Stores
    ) -> None:
        first, second = new_consent("a", at=10), new_consent("b", at=20)
        (noted,) = await note(stores, first)
        later = stores.clock.advance(60)
        (again,) = await note(stores, second)
        heard = (*noted.heard, own_word(second, later))
        assert again == replace(noted, at=second.at, heard=heard)
        assert await note(stores, first) == [again]

    async def test_an_opt_in_keeps_the_fence_of_the_opt_out_and_the_next_one_moves_it(
        self, stores: Stores
    ) -> None:
        (out,) = await note(stores, new_consent("a", at=10))
        stores.clock.advance(5)
        (back,) = await note(stores, new_consent("b", at=20, opted_out=False))
        assert (back.opted_out, back.opted_out_at) == (False, out.opted_out_at)
        later = stores.clock.advance(5)
        (out_again,) = await note(stores, new_consent("c", at=30))
        assert out_again.opted_out_at == later

    @pytest.mark.parametrize("said_at", [5, 15])
    async def test_the_remotes_own_word_is_heard_also_where_a_providers_stands(
        self, stores: Stores, said_at: int
    ) -> None:
        report = new_consent("text", at=10, source=ConsentSource.REPORT, rule="4007")
        (told,) = await note(stores, report)
        assert (told.cause, told.heard) == (report.id, ())
        stop, again = new_consent("a", at=said_at), new_consent("b", at=20)
        for _ in range(2):
            (consent,) = await note(stores, stop)
            assert consent.cause == report.id
            assert [word.id for word in consent.heard] == [stop.id]
        await note(stores, again, stop, report)
        assert [word.id for word in (await stands(stores)).heard] == [stop.id, again.id]

    async def test_an_opt_out_that_was_taken_back_is_not_heard_again(self, stores: Stores) -> None:
        stop, back = new_consent("a", at=10), new_consent("b", at=20, opted_out=False)
        (_, opted_in) = await note(stores, stop, back)
        assert (opted_in.heard, opted_in.opposed_at) == ((), START + timedelta(seconds=10))
        report = new_consent("text", at=30, source=ConsentSource.REPORT, rule="4007")
        await note(stores, report, stop)
        consent = await stands(stores)
        assert (consent.heard, consent.opposed_at) == ((), START + timedelta(seconds=20))
        stop_again = new_consent("c", at=25)
        await note(stores, stop_again)
        assert [word.id for word in (await stands(stores)).heard] == [stop_again.id]

    async def test_the_first_and_the_latest_words_are_kept_beside_the_standing(
        self, stores: Stores
    ) -> None:
        stops = [new_consent(str(place), at=place) for place in range(12)]
        await note(stores, *stops)
        heard = [word.id for word in (await stands(stores)).heard]
        assert heard == [stop.id for stop in (stops[0], *stops[5:])]

    async def test_an_opt_in_that_no_opt_out_preceded_sets_no_fence(self, stores: Stores) -> None:
        (consent,) = await note(stores, new_consent(opted_out=False))
        assert (consent.opted_out, consent.opted_out_at) == (False, None)

    async def test_free_wording_stands_in_doubt_until_another_word_settles_it(
        self, stores: Stores
    ) -> None:
        doubtful = {"source": ConsentSource.WORDING, "rule": "stop texting", "in_doubt": True}
        assert [item.in_doubt for item in await note(stores, new_consent("a", at=1, **doubtful))]
        assert [item.in_doubt for item in await note(stores, new_consent("b", at=2, **doubtful))]
        person: dict[str, Any] = {"source": ConsentSource.PERSON, "rule": "confirm", "who": "Ada"}
        (settled,) = await note(stores, new_consent(None, at=3, **person))
        assert (settled.opted_out, settled.in_doubt) == (True, False)
        (still,) = await note(stores, new_consent("c", at=4, **doubtful))
        assert (still.opted_out, still.in_doubt) == (True, False)

    async def test_undoing_free_wording_makes_it_an_opt_in_without_doubt(
        self, stores: Stores
    ) -> None:
        await note(stores, new_consent("a", at=1, source=ConsentSource.WORDING, in_doubt=True))
        undo = new_consent(
            None, at=2, opted_out=False, source=ConsentSource.PERSON, rule="undo", who="Ada"
        )
        (undone,) = await note(stores, undo)
        assert (undone.opted_out, undone.in_doubt, undone.cause) == (False, False, undo.id)

    async def test_consents_are_of_one_remote_one_number_and_one_tenant(
        self, stores: Stores
    ) -> None:
        await note(
            stores,
            new_consent(),
            new_consent(number=OTHER, opted_out=False),
            new_consent(tenant_id="other"),
            new_consent(remote="+15550200003"),
        )
        found = await stores.consents.of_remote("acme", REMOTE)
        assert {(item.number, item.opted_out) for item in found} == {(NUMBER, True), (OTHER, False)}
        pairs = [("acme", REMOTE), ("other", REMOTE), ("acme", "+15550200004")]
        many = await stores.consents.of_remotes(pairs)
        assert {(item.tenant_id, item.number) for item in many} == {
            ("acme", NUMBER),
            ("acme", OTHER),
            ("other", NUMBER),
        }

    async def test_a_tenants_scope_is_the_number_unless_it_is_set(self, stores: Stores) -> None:
        await stores.scope("acme", OptOutScope.TENANT)
        scopes = await stores.consents.scopes(frozenset({"acme", "unknown"}))
        assert scopes == {"acme": OptOutScope.TENANT, "unknown": OptOutScope.NUMBER}


class ConversationSuite:
    async def test_facts_are_the_newest_texts_of_the_history(self, stores: Stores) -> None:
        for place in range(3):
            await record(stores, new_text(f"in {place}", at=place * 10))
        stores.clock.advance(60)
        await send(stores, new_outbound("sent", body="answer"))
        await send(stores, new_outbound("held"), OutcomeStatus.HELD)
        facts = await stores.conversations.facts("acme", NUMBER, REMOTE, limit=3)
        assert [item.body for item in facts.recent] == ["answer", "text in 2", "text in 1"]
        assert facts.last_inbound_at == START + timedelta(seconds=20)
        assert (facts.held_since, facts.resumed_at) == (None, None)

    async def test_no_texts_are_read_where_none_are_wanted(self, stores: Stores) -> None:
        await record(stores, new_text())
        facts = await stores.conversations.facts("acme", NUMBER, REMOTE, limit=0)
        assert (facts.recent, facts.last_inbound_at, facts.replies) == ((), None, 0)

    async def test_replies_are_our_texts_since_an_instant_however_much_the_other_side_wrote(
        self, stores: Stores
    ) -> None:
        sent_at = [START + timedelta(seconds=10 * place) for place in range(4)]
        for place in range(4):
            await send(stores, new_outbound(f"out {place}", body="answer"))
            for more in range(3):
                await record(stores, new_text(f"in {place}.{more}", at=place * 10 + 1 + more))
            stores.clock.advance(10)
        await send(stores, new_outbound("held"), OutcomeStatus.HELD)
        facts = stores.conversations.facts

        async def replies(since: datetime, most: int) -> int:
            found = await facts(
                "acme", NUMBER, REMOTE, limit=1, replies_since=since, replies_limit=most
            )
            return found.replies

        before = START - timedelta(seconds=1)
        assert [await replies(since, 9) for since in (before, *sent_at)] == [4, 3, 2, 1, 0]
        assert [await replies(before, most) for most in (0, 2, 4, 5)] == [0, 2, 4, 4]
        assert (await facts("acme", NUMBER, REMOTE, limit=1, replies_limit=9)).replies == 0
        other = await facts("acme", OTHER, REMOTE, limit=1, replies_since=before, replies_limit=9)
        assert other.replies == 0

    async def test_a_conversation_is_held_from_the_first_instant_on(self, stores: Stores) -> None:
        for seconds in (1, 2):
            at = START + timedelta(seconds=seconds)
            await stores.conversations.hold("acme", NUMBER, REMOTE, reason="loop", at=at)
        facts = await stores.conversations.facts("acme", NUMBER, REMOTE, limit=1)
        assert facts.held_since == START + timedelta(seconds=1)
        ours, theirs = (conversation_id("acme", number, REMOTE) for number in (NUMBER, OTHER))
        assert await stores.conversations.held([ours, theirs]) == {ours}
