"""What a provider itself took a text for, and who answers a keyword that came through another
provider than the number's own."""

from __future__ import annotations

import pytest
from processor_world import OUR_ANSWERS, THEIRS, World, delivery, received

from common.sending_rules import SendingRules
from common.store.consents import ConsentSource
from common.store.memory import MemoryConsentLedger
from heliograph import Keyword


async def told(world: World, body: str, keyword: Keyword | None, *, name: str = "1") -> None:
    """A text as Twilio delivers it, which may say what it took it for."""
    event = received(name, body=body, minute=int(name))
    event = event.model_copy(update={"provider": "twilio", "keyword": keyword})
    await world.inbox().handle([delivery(event)])


async def test_an_opt_out_word_of_the_customers_own_counts_and_is_not_answered_twice() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    await told(world, "ARRET MERCI", Keyword.OPT_OUT)
    turn = world.turns()[-1]
    assert (turn.keyword, turn.can_send) == (Keyword.OPT_OUT, False)
    assert world.notices() == []
    (consent,) = await MemoryConsentLedger(world.memory).of_remote("acme", THEIRS)
    assert (consent.opted_out, consent.in_doubt) == (True, False)
    (entry,) = world.memory.consent_ledger.values()
    assert (entry["source"], entry["rule"]) == (ConsentSource.KEYWORD.value, "provider")


async def test_the_providers_opt_in_lifts_the_block_whatever_the_word() -> None:
    world = World()
    await told(world, "STOP", Keyword.OPT_OUT)
    await told(world, "bonjour", Keyword.OPT_IN, name="2")
    turn = world.turns()[-1]
    assert (turn.keyword, turn.can_send) == (Keyword.OPT_IN, True)


async def test_what_the_provider_says_counts_before_what_we_hear() -> None:
    world = World()
    world.routes.rules = OUR_ANSWERS
    await told(world, "enough of this", Keyword.HELP)
    turn = world.turns()[-1]
    assert (turn.keyword, turn.can_send) == (Keyword.HELP, True)
    assert world.notices() == []


async def test_without_the_providers_word_its_text_is_heard_as_any() -> None:
    world = World()
    await told(world, "STOP", None)
    assert world.turns()[-1].keyword is Keyword.OPT_OUT
    await told(world, "ARRET MERCI", None, name="2")
    assert world.turns()[-1].keyword is None


@pytest.mark.parametrize(("provider", "answers"), [("twilio", 0), ("link", 1)])
async def test_who_brought_the_stop_answers_it_and_not_who_the_number_belongs_to(
    provider: str, answers: int
) -> None:
    """The number is ACS's; Twilio answers by itself, LINK does not."""
    world = World()
    world.routes.rules = SendingRules(answer_opt_out="Bye €.")
    event = received(body="STOP").model_copy(update={"provider": provider})
    await world.inbox().handle([delivery(event)])
    assert len(world.notices()) == answers
