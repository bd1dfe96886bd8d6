"""One claimed text: ask the policy before each call, do as it says, record the outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Final, TypeGuard

import structlog
from structlog.contextvars import bind_contextvars

from common import tracing
from common.bus.verdicts import Defer
from common.failover import Blocked, Exhausted, Go, Rest, leads_elsewhere
from common.failpoints import Failpoint, Failpoints
from common.metrics import Children, Metrics
from common.policy import Hold, LeaveUncertain, Refuse, Send, Wait, decide
from common.providers.port import Refused, SendResult
from common.spans import DECIDE, RECORD_OUTCOME, Attribute
from common.store.consent_ports import ConsentLedger, Conversations
from common.store.consents import ConsentSource, NewConsent
from common.store.ports import LeaseLost, OutboundStore
from common.store.records import ApprovalDecision, Claim, NewOutbound, Outbound, Route
from heliograph.codes import OutcomeCode
from heliograph.models import Outcome, OutcomeStatus, SendCommand
from sender.calls import Lost, Ready, Unasked
from sender.counting import verdict_labels
from sender.knowing import Knowing, Known, facts_of
from sender.sending import Meeting, Progress, Sending
from sender.spans import of_outcome, of_ruling
from sender.steps import Again, Finished, Later, Step, look_again_after, pause_after
from sender.texts import now, outcome_of, refusal
from sender.ways import Failed

log = structlog.get_logger(__name__)

_BUSY_AGAIN: Final = 1.0
"""Seconds until a text that another replica has in hand is looked at again."""


class Carrying:
    """Carries out claimed texts.

    Args:
        longest_pause: most seconds between two tries, whatever the provider asks for.
    """

    def __init__(
        self,
        *,
        store: OutboundStore,
        ledger: ConsentLedger,
        conversations: Conversations,
        sending: Sending,
        metrics: Metrics,
        failpoints: Failpoints,
        owner: str,
        longest_pause: float,
    ):
        self._store = store
        self._ledger = ledger
        self._conversations = conversations
        self._knowing = Knowing(store, ledger, conversations)
        self._sending = sending
        self._verdicts = Children(metrics.verdicts)
        self._outcomes = Children(metrics.outcomes)
        self._uncertain = Children(metrics.uncertain)
        self._failpoints = failpoints
        self._owner = owner
        self._longest_pause = longest_pause

    async def carry_out(
        self, command: SendCommand, wanted: NewOutbound, claimed: Outbound, meeting: Meeting
    ) -> Outcome | Defer | Later:
        """The recorded outcome of a text, or how long until it is looked at again. Where the
        command's ID is another's, `claimed` is that one's text, and nothing of it is told.

        The command's other texts are met at `meeting`, which this one leaves in the end.
        """
        if claimed.claim is not Claim.CONFLICT:
            return await self.go_on(claimed, meeting)
        meeting.leave()
        outcome = refusal(command, wanted.original_to, OutcomeCode.COMMAND_ID_REUSED, now())
        self._count(outcome)
        return outcome

    async def go_on(self, claimed: Outbound, meeting: Meeting) -> Outcome | Defer | Later:
        """The same for a text whose command was seen before."""
        bind_contextvars(message_id=claimed.id)
        try:
            match claimed.claim:
                case Claim.BUSY:
                    return Defer(_BUSY_AGAIN)
                case Claim.FINISHED if claimed.outcome is not None:
                    return claimed.outcome
                case _:
                    return await self._resume(claimed, meeting)
        finally:
            meeting.leave()

    async def _resume(self, claimed: Outbound, meeting: Meeting) -> Outcome | Defer | Later:
        """Part by part, where it has parts: each is a call of its own, before which the policy is
        asked again."""
        try:
            while not _is_out(claimed):
                step, progress = await self._next_step(claimed, meeting)
                if not (claimed.text.parts and _went_out(step)):
                    return await self._conclude(claimed, step, progress)
                advanced = await self._store.advance(
                    claimed.text.tenant_id,
                    claimed.id,
                    owner=self._owner,
                    provider_message_id=step.provider_message_id,
                )
                if advanced is None:
                    return Defer(_BUSY_AGAIN)
                claimed = advanced
            return await self._finish(claimed, OutcomeCode.SENT)
        except LeaseLost:
            return Defer(_BUSY_AGAIN)

    async def _next_step(self, claimed: Outbound, meeting: Meeting) -> tuple[Step | Lost, Progress]:
        progress = Progress.of(claimed)
        step = await self._sending.repeat(
            claimed, lambda: self._attempt(claimed, progress, meeting)
        )
        return step, progress

    async def _attempt(
        self, claimed: Outbound, progress: Progress, meeting: Meeting
    ) -> Step | Lost:
        """Through one connection, and at once through the next where surely nothing was accepted.
        Everything that the policy asks is read before each call that a provider gets, those that
        are repeated at once included."""
        failed = Failed()
        while True:
            with tracing.span(DECIDE, attributes={Attribute.MESSAGE_ID: claimed.id}) as span:
                known = await self._knowing.of(claimed)
                ruling = await self._permitted(claimed, known, progress)
                span.note(of_ruling(ruling))
            if ruling is not None:
                return ruling
            route = known.route
            assert route is not None  # noqa: S101 - the policy refuses without one
            match failed.choose(route, last=known.carried_by, bound=progress.bound):
                case Go(way, detour):
                    ready = Ready(
                        claimed,
                        route.through(way),
                        counted=progress.maybe_sent,
                        detour=detour,
                        again=failed.called,
                        repeats=progress.attempts > 0,
                    )
                    step = await self._call(ready, progress, meeting, failed, len(route.ways))
                    if step is not None:
                        return step
                case Rest(until) | Exhausted(until):
                    code = OutcomeCode.PROVIDER_UNAVAILABLE
                    tries_left = self._sending.tries_left(progress)
                    return failed.end(code, until=until, tries_left=tries_left)
                case Blocked(code):
                    return failed.end(OutcomeCode.AMBIGUOUS if progress.maybe_sent else code)

    async def _permitted(self, claimed: Outbound, known: Known, progress: Progress) -> Step | None:
        """What the policy has instead of a call, None where it lets the text go."""
        route = known.route
        facts = facts_of(
            claimed,
            known,
            now=now(),
            maybe_sent=progress.maybe_sent,
            tries_left=self._sending.tries_left(progress),
            deduplicates=route is not None and self._sending.deduplicates(claimed, progress, route),
        )
        decision = decide(facts)
        self._verdicts[verdict_labels(decision)].inc()
        match decision:
            case Refuse(code):
                return Finished(code)
            case Hold(code):
                if code is OutcomeCode.LOOP_SUSPECTED:
                    await self._hold(claimed)
                return Finished(code)
            case Wait(until):
                return Later((until - facts.now).total_seconds())
            case LeaveUncertain():
                return Finished(OutcomeCode.AMBIGUOUS)
            case Send():
                return None

    async def _hold(self, claimed: Outbound) -> None:
        """A suspected loop holds its conversation, not this text alone."""
        text, reason = claimed.text, OutcomeCode.LOOP_SUSPECTED.value
        await self._conversations.hold(
            text.tenant_id, text.number, text.remote, reason=reason, at=now()
        )

    async def _call(
        self, ready: Ready, progress: Progress, meeting: Meeting, failed: Failed, ways: int
    ) -> Step | Lost | None:
        """What follows from a call, None where another connection is to be looked for."""
        heard = await self._sending.call(ready, progress, meeting)
        step, result = heard.step, heard.result
        failed.called = failed.called or heard.called
        if isinstance(step, Unasked):
            failed.rests(ready.route.connection_id, step.circuit)
            return None
        if heard.called and isinstance(result, Refused):
            step = await self._refused(ready, result, step)
        if result is not None and ways > 1 and progress.bound is None and leads_elsewhere(result):
            failed.note(ready.route.connection_id, result, step)
            return None
        return step

    async def _refused(self, ready: Ready, said: Refused, step: Step | Lost) -> Step | Lost:
        """What a provider's refusal says of the remote, or of the conversation."""
        claimed = ready.claimed
        if said.code is OutcomeCode.RECIPIENT_OPTED_OUT:
            await self._note_opt_out(claimed, ready.route, said)
        if said.code is OutcomeCode.LOOP_SUSPECTED:
            await self._hold(claimed)
            approved = claimed.decision is ApprovalDecision.APPROVED
            if approved and step == Finished(OutcomeCode.LOOP_SUSPECTED):
                # A person has let it go already, so it cannot wait for one again.
                return Finished(OutcomeCode.PROVIDER_REJECTED)
        return step

    async def _note_opt_out(self, claimed: Outbound, route: Route, said: SendResult) -> None:
        """The provider knows of an opt-out that we have not heard of. What waits for the remote is
        cancelled; that its agents are told, the sweep of the health service sees to."""
        text = claimed.text
        entry = NewConsent(
            tenant_id=text.tenant_id,
            number=text.number,
            remote=text.remote,
            opted_out=True,
            at=now(),
            source=ConsentSource.REFUSAL,
            rule=OutcomeCode.RECIPIENT_OPTED_OUT.value,
            who=f"provider:{route.provider}",
            message_id=claimed.id,
        )
        await self._ledger.note([entry])
        await self._ledger.cancel([entry])

    async def _conclude(
        self, claimed: Outbound, step: Step | Lost, progress: Progress
    ) -> Outcome | Defer | Later:
        tenant_id = claimed.text.tenant_id
        match step:
            case Finished(code, provider_message_id):
                return await self._finish(
                    claimed, code, provider_message_id, provider=progress.provider
                )
            case Again(maybe_sent, retry_after):
                await self._give_up(claimed, tenant_id, ambiguous=maybe_sent)
                return Defer(pause_after(progress.attempts, retry_after, cap=self._longest_pause))
            case Later(seconds, slot):
                await self._give_up(claimed, tenant_id, ambiguous=progress.maybe_sent, slot=slot)
                return Later(look_again_after(seconds, _seconds_left(claimed)), slot)
            case Lost():
                return Defer(_BUSY_AGAIN)

    async def _give_up(
        self, claimed: Outbound, tenant_id: str, *, ambiguous: bool, slot: datetime | None = None
    ) -> None:
        await self._store.wait(
            tenant_id, claimed.id, owner=self._owner, ambiguous=ambiguous, slot=slot
        )
        self._failpoints.reached(Failpoint.SENDER_WAITING)

    async def _finish(
        self,
        claimed: Outbound,
        code: OutcomeCode,
        provider_message_id: str | None = None,
        *,
        provider: str = "",
    ) -> Outcome:
        outcome = outcome_of(claimed, code, now(), provider_message_id=provider_message_id)
        with tracing.span(RECORD_OUTCOME, attributes=of_outcome(outcome)):
            recorded = await self._store.finish(
                claimed.text.tenant_id, claimed.id, owner=self._owner, outcome=outcome
            )
        log.debug("text.finished", status=recorded.status.value, code=recorded.code.value)
        self._failpoints.reached(Failpoint.SENDER_RECORDED)
        if recorded.status is OutcomeStatus.HELD:
            self._failpoints.reached(Failpoint.SENDER_HELD)
        if recorded.status is OutcomeStatus.UNCERTAIN:
            self._uncertain[provider, "begun"].inc()
        self._count(recorded)
        return recorded

    def _count(self, outcome: Outcome) -> None:
        self._outcomes[outcome.status, outcome.code].inc()


def _is_out(claimed: Outbound) -> bool:
    """Whether the provider has accepted every part of a text that has parts."""
    return bool(claimed.text.parts) and claimed.part >= len(claimed.text.parts)


def _went_out(step: Step | Lost) -> TypeGuard[Finished]:
    return isinstance(step, Finished) and step.code is OutcomeCode.SENT


def _seconds_left(claimed: Outbound) -> float | None:
    """Seconds until a text expires."""
    expires_at = claimed.text.expires_at
    return max(0.0, (expires_at - now()).total_seconds()) if expires_at is not None else None
