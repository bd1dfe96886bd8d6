"""Promise: whatever happens in whatever order, nothing is sent after an opt-out but the one text
that confirms it."""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from policy_world import Conversation

from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused, SendResult
from common.store.records import ApprovalDecision
from heliograph.codes import OutcomeCode
from heliograph.models import Keyword, ReportStatus

APPROVED, REJECTED, EXPIRED, _ = ApprovalDecision
PLACES = st.integers(0, 20)
STOPS = st.sampled_from(["STOP", "stop.", "Unsubscribe", "ARRET", "please stop texting me"])
STARTS = st.sampled_from(["START", "unstop"])
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
REPORTS = st.sampled_from(
    [
        (ReportStatus.DELIVERED, "2000"),
        (ReportStatus.UNDELIVERABLE, "4006"),
        (ReportStatus.REJECTED, "4007"),
    ]
)


class OptOuts(RuleBasedStateMachine):
    """A remote who stops and starts again, an agent who writes all the time, a person who decides,
    a provider who answers as it likes, and queues that deliver in any order and twice."""

    @initialize(on=st.booleans())
    def begin(self, on: bool) -> None:
        self.talk = Conversation()
        self.talk.gate(on=on)

    @rule(body=st.sampled_from(["Hello", "Is there a bus stop on 5th?", "ok"]), twice=st.booleans())
    def inbound(self, body: str, twice: bool) -> None:
        self.talk.passes()
        self.talk.hears(body, twice=twice)

    @rule(body=STOPS, twice=st.booleans())
    def stop(self, body: str, twice: bool) -> None:
        self.talk.passes()
        self.talk.hears(body, twice=twice)
        assert self.talk.opted_out

    @rule(body=STARTS, twice=st.booleans())
    def start(self, body: str, twice: bool) -> None:
        self.talk.passes()
        self.talk.hears(body, twice=twice)
        assert not self.talk.opted_out

    @rule(body=STOPS)
    def stop_and_start(self, body: str) -> None:
        self.stop(body, twice=False)
        self.start("START", twice=False)

    @rule()
    def order(self) -> None:
        self.talk.passes()
        self.talk.orders("We open at nine.")

    @rule(place=PLACES, keep=st.booleans())
    def work(self, place: int, keep: bool) -> None:
        self.talk.passes()
        self.talk.works(place, keep=keep)

    @rule(seed=st.randoms(use_true_random=False))
    def work_through(self, seed: Random) -> None:
        """Everything that is queued, in any order."""
        for _ in range(len(self.talk.queued) + 2):
            self.work(seed.randrange(20), keep=False)

    @rule(place=PLACES, decision=st.sampled_from([APPROVED, APPROVED, REJECTED, EXPIRED]))
    def decide(self, place: int, decision: ApprovalDecision) -> None:
        self.talk.decides(place, decision)

    @rule(on=st.booleans())
    def gate(self, on: bool) -> None:
        self.talk.gate(on=on)

    @rule(answer=ANSWERS)
    def provider(self, answer: SendResult) -> None:
        self.talk.desk.client.answers.append(answer)

    @rule(place=PLACES, told=REPORTS)
    def report(self, place: int, told: tuple[ReportStatus, str]) -> None:
        self.talk.passes()
        self.talk.reports(place, *told)

    @rule(seconds=st.sampled_from([15.0, 700.0]))
    def wait(self, seconds: float) -> None:
        self.talk.passes(seconds)

    @invariant()
    def nothing_is_sent_after_an_opt_out_but_its_confirmation(self) -> None:
        if not hasattr(self, "talk"):
            return
        for sent in self.talk.sent:
            if sent.notice is Keyword.OPT_OUT:
                continue
            assert not sent.opted_out, f"{sent} was sent to one who had opted out"
            between = [stop for stop in self.talk.stops if sent.ordered_at < stop <= sent.at]
            assert not between, f"{sent} was sent after an opt-out at {between[0]}"

    @invariant()
    def each_opt_out_is_confirmed_at_most_once(self) -> None:
        if not hasattr(self, "talk"):
            return
        confirmations = [it for it in self.talk.sent if it.notice is Keyword.OPT_OUT]
        # The same text may be called for again after a lost answer, with the same values.
        texts = Counter(it.text.request_id for it in confirmations)
        assert len(texts) <= len(self.talk.stops)

    def teardown(self) -> None:
        if hasattr(self, "talk"):
            self.talk.close()


TestOptOuts = OptOuts.TestCase
TestOptOuts.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
