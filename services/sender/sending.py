"""One claimed text on its way to its provider: call, and again while that is safe and short."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_before_delay
from tenacity.wait import wait_exponential_jitter

from common.failpoints import Failpoint, Failpoints
from common.ids import derive_uuid
from common.metrics import Metrics
from common.providers.port import (
    Accepted,
    Ambiguous,
    NotProcessed,
    Provider,
    Refused,
    SendResult,
    Text,
)
from common.redact import unquote
from common.store.ports import OutboundStore
from common.store.records import Outbound, Route, SendState
from sender.clients import Clients
from sender.steps import Again, Step, step_after

log = structlog.get_logger(__name__)

_ANSWERS: Final[Mapping[type[SendResult], str]] = {
    Accepted: "accepted",
    NotProcessed: "not_processed",
    Ambiguous: "ambiguous",
    Refused: "refused",
}
_OWN_WAIT: Final = wait_exponential_jitter(multiplier=0.2, exp_base=3, max=10, jitter=0.1)


@dataclass(frozen=True, slots=True)
class Lost:
    """Another replica has taken the text over; nothing may be sent here."""


@dataclass(slots=True)
class Progress:
    """How far the tries of a text have come, those of earlier passes included."""

    attempts: int
    maybe_sent: bool
    connection_id: str
    """Whose provider was called; until something may have been accepted, the next call decides."""

    @classmethod
    def of(cls, claimed: Outbound) -> Progress:
        """What the claim tells."""
        maybe_sent = claimed.state is SendState.SENDING
        return cls(claimed.attempts, maybe_sent, claimed.text.connection_id)


Attempt = Callable[[], Awaitable[Step | Lost]]
"""Asks whether the text may leave, and calls the provider if it may."""


class Sending:
    """Calls providers for claimed texts.

    Args:
        attempts: calls for one text, over all passes.
        in_place: seconds within which a call is repeated at once.
        lease: seconds for which a text is this replica's from each call on.
    """

    def __init__(
        self,
        *,
        store: OutboundStore,
        clients: Clients,
        providers: Mapping[str, Provider],
        metrics: Metrics,
        failpoints: Failpoints,
        owner: str,
        lease: float,
        attempts: int,
        in_place: float,
    ):
        self._store = store
        self._clients = clients
        self._providers = providers
        self._metrics = metrics
        self._failpoints = failpoints
        self._owner = owner
        self._lease = lease
        self._attempts = attempts
        self._in_place = in_place

    def tries_left(self, progress: Progress) -> bool:
        """Whether another call may be made."""
        return progress.attempts < self._attempts

    def deduplicates(self, progress: Progress, route: Route) -> bool:
        """Whether a repeated call is recognised: by the provider, and only on the connection that
        was called first."""
        provider = self._providers.get(route.provider)
        same = route.connection_id == progress.connection_id
        return provider is not None and provider.deduplicates and same

    async def repeat(self, claimed: Outbound, attempt: Attempt) -> Step | Lost:
        """Make attempts until there is an end to it, or until the next one is better made out of a
        wait queue. A text that has waited before is tried once a pass, to save its attempts."""
        budget = self._in_place if claimed.attempts == 0 else 0.0
        retrying = AsyncRetrying(
            retry=retry_if_result(lambda step: isinstance(step, Again)),
            wait=_wait,
            stop=stop_before_delay(budget),
            retry_error_callback=_last_step,
        )

        async def once() -> Step | Lost:
            return await attempt()  # tenacity awaits only what it knows for a coroutine function.

        step: Step | Lost = await retrying(once)
        return step

    async def call(self, claimed: Outbound, route: Route, progress: Progress) -> Step | Lost:
        """Call the provider once, and note in `progress` what that means."""
        async with self._clients.use(route) as client:
            if isinstance(client, Refused):
                log.warning("send.no_client", connection=route.connection_id, why=client.detail)
                return self._step(client, route, progress)
            if not await self._store.begin(
                claimed.text.tenant_id, claimed.id, owner=self._owner, lease=self._lease, via=route
            ):
                return Lost()
            progress.attempts += 1
            if not progress.maybe_sent:
                progress.connection_id = route.connection_id
            self._failpoints.reached(Failpoint.SENDER_BEGUN)
            started = time.perf_counter()
            result = await client.send(_text(claimed, route))
            self._failpoints.reached(Failpoint.SENDER_CALLED)
        self._note(result, claimed, route, time.perf_counter() - started)
        step = self._step(result, route, progress)
        if isinstance(step, Again):
            progress.maybe_sent = step.maybe_sent
        return step

    def _step(self, result: SendResult, route: Route, progress: Progress) -> Step:
        return step_after(
            result,
            maybe_sent=progress.maybe_sent,
            tries_left=self.tries_left(progress),
            deduplicates=self.deduplicates(progress, route),
        )

    def _note(self, result: SendResult, claimed: Outbound, route: Route, seconds: float) -> None:
        answer = _ANSWERS[type(result)]
        self._metrics.provider_calls.labels(route.provider, answer).inc()
        self._metrics.provider_seconds.labels(route.provider).observe(seconds)
        if isinstance(result, Accepted):
            return
        to_blame = isinstance(result, Refused) and result.account
        write = log.error if to_blame else log.warning
        write(
            "send.not_accepted",
            answer=answer,
            # A provider may quote what it was given.
            why=unquote(result.detail, claimed.text.body),
            message_id=claimed.id,
            connection=route.connection_id,
        )


def _text(claimed: Outbound, route: Route) -> Text:
    # With other words it is another text, also to a provider that remembers a call for the first.
    words = ("edited",) if claimed.edited else ()
    return Text(
        sender=route.address,
        recipient=claimed.text.remote,
        body=claimed.text.body,
        reference=claimed.id,
        request_id=derive_uuid("repeatability", claimed.id, *words),
        first_sent=claimed.first_sent,
    )


def _wait(state: RetryCallState) -> float:
    """Our own growing pause, or the provider's wish where that is longer."""
    step = state.outcome.result() if state.outcome else None
    wish = step.retry_after if isinstance(step, Again) else None
    return max(_OWN_WAIT(state), wish or 0.0)


def _last_step(state: RetryCallState) -> Step | Lost:
    if state.outcome is None:  # pragma: no cover - tenacity calls this with an outcome only
        return Lost()
    step: Step | Lost = state.outcome.result()
    return step
