"""One claimed text: ask the policy before each call, do as it says, record the outcome."""

from __future__ import annotations

import asyncio
from typing import Final

from common.bus.verdicts import Defer
from common.failpoints import Failpoint, Failpoints
from common.metrics import Metrics
from common.policy import Decision, Facts, Hold, LeaveUncertain, Refuse, Send, decide
from common.store.ports import LeaseLost, OutboundStore
from common.store.records import Claim, ConnectionStatus, NewOutbound, Outbound, Route
from heliograph.codes import OutcomeCode
from heliograph.models import Outcome, OutcomeStatus, SendCommand
from sender.sending import Lost, Progress, Sending
from sender.steps import Again, Finished, Step, pause_after
from sender.texts import now, outcome_of, refusal

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
        sending: Sending,
        metrics: Metrics,
        failpoints: Failpoints,
        owner: str,
        longest_pause: float,
    ):
        self._store = store
        self._sending = sending
        self._metrics = metrics
        self._failpoints = failpoints
        self._owner = owner
        self._longest_pause = longest_pause

    async def carry_out(
        self, command: SendCommand, wanted: NewOutbound, claimed: Outbound
    ) -> Outcome | Defer:
        """The recorded outcome of a text, or how long until it is looked at again. Where the
        command's ID is another's, `claimed` is that one's text, and nothing of it is told."""
        match claimed.claim:
            case Claim.CONFLICT:
                code = OutcomeCode.COMMAND_ID_REUSED
                outcome = refusal(command, wanted.original_to, code, now())
                self._count(outcome)
                return outcome
            case _:
                return await self.go_on(claimed)

    async def go_on(self, claimed: Outbound) -> Outcome | Defer:
        """The same for a text whose command was seen before."""
        match claimed.claim:
            case Claim.BUSY:
                return Defer(_BUSY_AGAIN)
            case Claim.FINISHED if claimed.outcome is not None:
                return claimed.outcome
            case _:
                return await self._resume(claimed)

    async def _resume(self, claimed: Outbound) -> Outcome | Defer:
        progress = Progress.of(claimed)
        try:
            step = await self._sending.repeat(claimed, lambda: self._attempt(claimed, progress))
            return await self._conclude(claimed, step, progress)
        except LeaseLost:
            return Defer(_BUSY_AGAIN)

    async def _attempt(self, claimed: Outbound, progress: Progress) -> Step | Lost:
        """The gate, the consent and the clock are read here, before each call that the provider
        gets, those that are repeated at once included."""
        text = claimed.text
        route, opted_out = await asyncio.gather(
            self._store.route(text.tenant_id, text.number),
            self._store.opted_out(text.tenant_id, text.number, text.remote),
        )
        match self._decide(claimed, route, progress, opted_out=opted_out):
            case Refuse(code):
                return Finished(code)
            case Hold():
                return Finished(OutcomeCode.GATE_OFF)
            case LeaveUncertain():
                return Finished(OutcomeCode.AMBIGUOUS)
            case Send():
                assert route is not None  # noqa: S101 - the policy refuses without one
                return await self._sending.call(claimed, route, progress)

    def _decide(
        self, claimed: Outbound, route: Route | None, progress: Progress, *, opted_out: bool
    ) -> Decision:
        theirs = route is not None and route.agent_id == claimed.text.agent_id
        return decide(
            Facts(
                body=claimed.text.body if claimed.edited else claimed.text.original_body,
                expires_at=claimed.text.expires_at,
                now=now(),
                agent_active=route is not None and route.agent_active,
                connection_active=theirs
                and route is not None
                and route.connection_status is not ConnectionStatus.DISCONNECTED,
                opted_out=opted_out,
                gate_on=route is not None and route.gate_on,
                decision=claimed.decision,
                maybe_sent=progress.maybe_sent,
                tries_left=self._sending.tries_left(progress),
                deduplicates=route is not None and self._sending.deduplicates(progress, route),
            )
        )

    async def _conclude(
        self, claimed: Outbound, step: Step | Lost, progress: Progress
    ) -> Outcome | Defer:
        match step:
            case Finished(code, provider_message_id):
                return await self._finish(claimed, code, provider_message_id)
            case Again(maybe_sent, retry_after):
                await self._store.wait(
                    claimed.text.tenant_id, claimed.id, owner=self._owner, ambiguous=maybe_sent
                )
                self._failpoints.reached(Failpoint.SENDER_WAITING)
                pause = pause_after(progress.attempts, retry_after, cap=self._longest_pause)
                return Defer(pause)
            case Lost():
                return Defer(_BUSY_AGAIN)

    async def _finish(
        self, claimed: Outbound, code: OutcomeCode, provider_message_id: str | None = None
    ) -> Outcome:
        outcome = outcome_of(
            claimed.text,
            code,
            now(),
            provider_message_id=provider_message_id,
            edited=claimed.edited,
            reason=claimed.reason,
        )
        recorded = await self._store.finish(
            claimed.text.tenant_id, claimed.id, owner=self._owner, outcome=outcome
        )
        self._failpoints.reached(Failpoint.SENDER_RECORDED)
        if recorded.status is OutcomeStatus.HELD:
            self._failpoints.reached(Failpoint.SENDER_HELD)
        self._count(recorded)
        return recorded

    def _count(self, outcome: Outcome) -> None:
        self._metrics.outcomes.labels(outcome.status, outcome.code).inc()
