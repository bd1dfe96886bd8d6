"""Promise: whatever happens in whatever order, nothing is sent after an opt-out but the one text
that confirms it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from policy_world import FRIEND, PHONE, Conversation, Moment, Sent

from common.errors import StoreUnavailable
from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.store.records import ApprovalDecision
from heliograph.codes import OutcomeCode
from heliograph.models import Keyword, ReportStatus

APPROVED, REJECTED, EXPIRED, _ = ApprovalDecision
SHORT: Final = "We open at nine."
LONG: Final = "We open at nine and close at five, but for Sundays. " * 4
"""Too long for one segment: two texts."""
PLACES = st.integers(0, 20)
STOPS = st.sampled_from(["STOP", "stop.", "Unsubscribe", "ARRET", "please stop texting me"])
STARTS = st.sampled_from(["START", "unstop"])
WORDS = st.sampled_from([SHORT, LONG])
RECIPIENTS = st.sampled_from([(PHONE,), (PHONE, FRIEND)])
ANSWERS: st.SearchStrategy[SendResult] = st.sampled_from(
    [
        Accepted("p-1"),
        Ambiguous("no answer"),
        NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "away"),
        NotProcessed(OutcomeCode.PROVIDER_THROTTLED, "slow down"),
        Refused(OutcomeCode.PROVIDER_REJECTED, "no"),
        Refused(OutcomeCode.RECIPIENT_OPTED_OUT, "Sender blocked for given recipient."),
    ]
)
OPTED_OUT_REPORT: Final = (ReportStatus.REJECTED, "4007")
REPORTS = st.sampled_from(
    [
        (ReportStatus.DELIVERED, "2000"),
        (ReportStatus.UNDELIVERABLE, "4006"),
        OPTED_OUT_REPORT,
        OPTED_OUT_REPORT,
    ]
)
BROKEN = st.sampled_from([None, None, "note", "cancel", "answer"])
"""The ledger's step that fails when a text is heard, which then comes again."""


async def _stop(talk: Conversation) -> None:
    await talk.hear("STOP")


async def _stop_not_cancelled(talk: Conversation) -> None:
    talk.broken_step = "cancel"
    await talk.hear("STOP")


async def _stop_and_start(talk: Conversation) -> None:
    await talk.hear("STOP")
    talk.passes(1)
    await talk.hear("START")


async def _stop_not_cancelled_and_start(talk: Conversation) -> None:
    await _stop_not_cancelled(talk)
    talk.passes(1)
    await talk.hear("START")


async def _opted_out_report(talk: Conversation) -> None:
    await talk.report(-1, *OPTED_OUT_REPORT)


async def _fault(talk: Conversation) -> None:
    raise StoreUnavailable("away")


MEANWHILE: Final[tuple[Callable[[Conversation], Coroutine[Any, Any, None]], ...]] = (
    _stop,
    _stop_not_cancelled,
    _stop_and_start,
    _stop_not_cancelled_and_start,
    _opted_out_report,
    _fault,
)


class OptOuts(RuleBasedStateMachine):
    """A remote who stops and starts again, an agent who writes all the time, a person who decides,
    a provider who answers as it likes, a store that fails now and then, and queues that deliver in
    any order and twice."""

    @initialize(on=st.booleans())
    def begin(self, on: bool) -> None:
        self.talk = Conversation()
        self.talk.gate(on=on)

    def _hear(self, body: str, twice: bool = False, broken: str | None = None) -> None:
        self.talk.passes()
        self.talk.broken_step = broken
        self.talk.run(self.talk.hear(body, twice=twice))
        self.talk.broken_step = None

    @rule(body=st.sampled_from(["Hello", "Is there a bus stop on 5th?", "ok"]), twice=st.booleans())
    def inbound(self, body: str, twice: bool) -> None:
        self._hear(body, twice)

    @rule(body=STOPS, twice=st.booleans(), broken=BROKEN)
    def stop(self, body: str, twice: bool, broken: str | None) -> None:
        self._hear(body, twice, broken)
        assert self.talk.opted_out or broken == "note"

    @rule(body=STARTS, twice=st.booleans())
    def start(self, body: str, twice: bool) -> None:
        self._hear(body, twice)
        assert not self.talk.opted_out

    @rule(body=STOPS, broken=BROKEN)
    def stop_and_start(self, body: str, broken: str | None) -> None:
        self._hear(body, broken=broken)
        self._hear("START")

    @rule(place=PLACES)
    def hear_again(self, place: int) -> None:
        self.talk.passes()
        self.talk.redelivers(place)

    @rule(body=WORDS, to=RECIPIENTS, lives=st.sampled_from([None, None, 5.0, 60.0]))
    def order(self, body: str, to: tuple[str, ...], lives: float | None) -> None:
        self.talk.passes()
        self.talk.orders(body, to, lives)

    @rule(place=PLACES, keep=st.booleans())
    def work(self, place: int, keep: bool) -> None:
        self.talk.passes()
        self.talk.works(place, keep=keep)

    @rule(seed=st.randoms(use_true_random=False))
    def work_through(self, seed: Random) -> None:
        """Everything that is queued, in any order."""
        for _ in range(len(self.talk.queued) + 2):
            self.work(seed.randrange(20), keep=False)

    @rule(
        body=WORDS,
        to=RECIPIENTS,
        moment=st.sampled_from(Moment),
        happens=st.sampled_from(MEANWHILE),
    )
    def order_and_meanwhile(
        self,
        body: str,
        to: tuple[str, ...],
        moment: Moment,
        happens: Callable[[Conversation], Coroutine[Any, Any, None]],
    ) -> None:
        """Something happens within a step of the sender, which works on a new order."""
        self.order(body, to, None)
        self._meanwhile(-1, moment, happens)

    @rule(place=PLACES, moment=st.sampled_from(Moment), happens=st.sampled_from(MEANWHILE))
    def work_and_meanwhile(
        self,
        place: int,
        moment: Moment,
        happens: Callable[[Conversation], Coroutine[Any, Any, None]],
    ) -> None:
        """The same, on whatever is queued."""
        self._meanwhile(place, moment, happens)

    def _meanwhile(
        self,
        place: int,
        moment: Moment,
        happens: Callable[[Conversation], Coroutine[Any, Any, None]],
    ) -> None:
        self.talk.meanwhile = (moment, lambda: happens(self.talk))
        self.work(place, keep=False)
        self.talk.meanwhile = self.talk.broken_step = None

    @rule(
        place=PLACES,
        decision=st.sampled_from([APPROVED, APPROVED, REJECTED, EXPIRED]),
    )
    def decide(self, place: int, decision: ApprovalDecision) -> None:
        self.talk.decides(place, decision)

    @rule(place=PLACES, words=st.sampled_from(["We open at ten.", LONG.replace("nine", "ten")]))
    def edit(self, place: int, words: str) -> None:
        self.talk.decides(place, APPROVED, words)

    @rule(on=st.booleans())
    def gate(self, on: bool) -> None:
        self.talk.gate(on=on)

    @rule(answer=ANSWERS)
    def provider(self, answer: SendResult) -> None:
        self.talk.desk.client.answers.append(answer)

    @rule(place=PLACES, told=REPORTS)
    def report(self, place: int, told: tuple[ReportStatus, str]) -> None:
        self.talk.passes()
        self.talk.run(self.talk.report(place, *told))

    @rule(seconds=st.sampled_from([15.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.talk.passes(seconds)

    @invariant()
    def nothing_is_sent_after_an_opt_out_but_its_confirmation(self) -> None:
        for sent in self.talk.sent:
            if sent.notice is Keyword.OPT_OUT or sent.text.recipient == FRIEND:
                continue
            assert not sent.opted_out, f"{sent} was sent to one who had opted out"
            between = [at for at in sent.opt_outs if sent.ordered_at < at]
            assert not between, f"{sent} was sent after an opt-out at {between[0]}"

    @invariant()
    def the_policy_alone_lets_nothing_go_that_an_opt_out_forbids(self) -> None:
        assert not self.talk.careless

    @invariant()
    def nothing_is_sent_that_had_expired(self) -> None:
        for sent in self.talk.sent:
            assert sent.expires_at is None or sent.taken_at < sent.expires_at

    @invariant()
    def each_opt_out_is_confirmed_at_most_once_to_its_first_word(self) -> None:
        # The same text may be called for again after a lost answer, with the same values.
        texts = {it.text.request_id: it for it in self._confirmations()}
        answered = [it.in_reply_to for it in texts.values()]
        assert len(answered) == len(set(answered))
        assert set(answered) <= {period.word for period in self.talk.periods}

    @invariant()
    def nobody_else_is_taken_for_opted_out(self) -> None:
        texts = self.talk.desk.memory.messages.values()
        outcomes = [it["outcome"] for it in texts if it["remote"] == FRIEND and it["outcome"]]
        assert OutcomeCode.RECIPIENT_OPTED_OUT not in {it["code"] for it in outcomes}

    def _confirmations(self) -> list[Sent]:
        return [it for it in self.talk.sent if it.notice is Keyword.OPT_OUT]

    def _each_opt_out_is_confirmed(self) -> None:
        """Unless nobody got to it while that was worth while."""
        confirmed = {it.in_reply_to for it in self._confirmations()}
        for text in self.talk.desk.memory.messages.values():
            if (text.get("outcome") or {}).get("code") == OutcomeCode.COMMAND_EXPIRED:
                confirmed.add(text["in_reply_to"])
        for period in self.talk.periods:
            owed = period.word is not None and not period.over
            assert not owed or period.word in confirmed, f"{period} is not confirmed"

    def teardown(self) -> None:
        """What is under way comes to its end, unless something is wrong already."""
        if not hasattr(self, "talk"):
            return
        try:
            if sys.exc_info()[0] is None:
                self.talk.drains()
                self.nothing_is_sent_after_an_opt_out_but_its_confirmation()
                self.the_policy_alone_lets_nothing_go_that_an_opt_out_forbids()
                self.nothing_is_sent_that_had_expired()
                self.each_opt_out_is_confirmed_at_most_once_to_its_first_word()
                self.nobody_else_is_taken_for_opted_out()
                self._each_opt_out_is_confirmed()
        finally:
            self.talk.close()


TestOptOuts = OptOuts.TestCase
TestOptOuts.settings = settings(max_examples=60, stateful_step_count=40)
