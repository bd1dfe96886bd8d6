"""One claimed text on its way to its provider: call, and again while that is safe and short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_before_delay
from tenacity.wait import wait_exponential_jitter

from common.providers.port import Provider, SendResult
from common.store.records import Outbound, Route, SendState
from sender.calls import Answer, Broken, Called, Limited, Lost, NoCall, Ready
from sender.steps import Again, Later, Step, step_after
from sender.together import Together

_OWN_WAIT: Final = wait_exponential_jitter(multiplier=0.2, exp_base=3, max=10, jitter=0.1)

Meeting: TypeAlias = Together[Ready, Answer]
"""Where the texts of one command meet before they are called for."""


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
    """Tries of claimed texts.

    Args:
        attempts: calls for one text, over all passes.
        in_place: seconds within which a call is repeated at once.
    """

    def __init__(self, *, providers: Mapping[str, Provider], attempts: int, in_place: float):
        self._providers = providers
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

    async def call(
        self, claimed: Outbound, route: Route, progress: Progress, meeting: Meeting
    ) -> tuple[Step | Lost, SendResult | None]:
        """Call the provider once, together with the command's other texts, and note in `progress`
        what that means. With what follows comes what the provider has answered, if it was asked."""
        answer = await meeting.join(Ready(claimed, route, progress.maybe_sent))
        match answer:
            case Broken(error):
                raise error
            case Lost():
                return answer, None
            case Limited(seconds, slot):
                return Later(seconds, slot), None
            case NoCall(result):
                return self._step(result, route, progress), None
            case Called(result):
                progress.attempts += 1
                if not progress.maybe_sent:
                    progress.connection_id = route.connection_id
                step = self._step(result, route, progress)
                if isinstance(step, Again):
                    progress.maybe_sent = step.maybe_sent
                return step, result

    def _step(self, result: SendResult, route: Route, progress: Progress) -> Step:
        return step_after(
            result,
            maybe_sent=progress.maybe_sent,
            tries_left=self.tries_left(progress),
            deduplicates=self.deduplicates(progress, route),
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
