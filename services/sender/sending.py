"""One claimed text on its way to its provider: call, and again while that is safe and short."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_before_delay
from tenacity.wait import wait_exponential_jitter

from common.providers.port import Provider, SendResult
from common.store.records import Outbound, Route, SendState
from sender.calls import Answer, Broken, Called, Limited, Lost, NoCall, Ready, Unasked
from sender.steps import Again, Later, Step, step_after
from sender.texts import now
from sender.together import Together

_OWN_WAIT: Final = wait_exponential_jitter(multiplier=0.2, exp_base=3, max=10, jitter=0.1)

Meeting: TypeAlias = Together[Ready, Answer]
"""Where the texts of one command meet before they are called for."""


@dataclass(slots=True)
class Progress:
    """How far the tries of a text have come, those of earlier passes included."""

    attempts: int
    """Passes in which a provider was called, through however many connections."""
    maybe_sent: bool
    connection_id: str
    """Whose provider was called; until something may have been accepted, the next call decides."""
    provider: str
    account: str | None = None
    """The account that was called there, where that is known."""
    partly_out: bool = False
    """Whether that provider has accepted a part of it."""

    @classmethod
    def of(cls, claimed: Outbound) -> Progress:
        """What the claim tells."""
        maybe_sent = claimed.state is SendState.SENDING
        return cls(
            attempts=claimed.attempts,
            maybe_sent=maybe_sent,
            connection_id=claimed.text.connection_id,
            provider=claimed.text.provider,
            account=claimed.account,
            partly_out=claimed.part > 0,
        )

    @property
    def bound(self) -> str | None:
        """The one connection that may be called, where another might send something twice."""
        return self.connection_id if self.maybe_sent or self.partly_out else None


@dataclass(frozen=True, slots=True)
class Heard:
    """What follows from a call, or from that none was made."""

    step: Step | Lost | Unasked
    result: SendResult | None = None
    """What the provider said, or what kept it from being asked."""
    called: bool = False


Attempt = Callable[[], Awaitable[Step | Lost]]
"""Asks whether the text may leave, and calls the provider if it may."""


class Sending:
    """Tries of claimed texts.

    Args:
        attempts: attempts at one text, over all passes. One attempt calls each of its number's
            connections at most once.
        in_place: seconds within which a call is repeated at once.
    """

    def __init__(self, *, providers: Mapping[str, Provider], attempts: int, in_place: float):
        self._providers = providers
        self._attempts = attempts
        self._in_place = in_place

    def tries_left(self, progress: Progress) -> bool:
        """Whether another attempt may be made."""
        return progress.attempts < self._attempts

    def deduplicates(self, claimed: Outbound, progress: Progress, route: Route) -> bool:
        """Whether a repeated call is recognised: by the provider, on the connection that was called
        first, as long as the number has that one, it is the same account, and the provider
        remembers the first call. New credentials may be another account's, which knows nothing of
        the first call. Where an earlier release has noted no account, the connection counts."""
        called = [
            way
            for way in route.ways
            if way.connection_id == progress.connection_id
            and progress.account in (None, way.account)
        ]
        provider = self._providers.get(called[0].provider) if called else None
        if provider is None or not provider.deduplicates:
            return False
        age = (now() - claimed.first_sent).total_seconds()
        return provider.remembers is None or age < provider.remembers

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

    async def call(self, ready: Ready, progress: Progress, meeting: Meeting) -> Heard:
        """Call the provider once, together with the command's other texts, and note in `progress`
        what that means."""
        answer = await meeting.join(ready)
        match answer:
            case Broken(error):
                raise error
            case Lost() | Unasked():
                return Heard(answer)
            case Limited(seconds, slot):
                return Heard(Later(seconds, slot))
            case NoCall(result):
                return Heard(self._step(result, ready, progress), result)
            case Called(result):
                progress.attempts += 0 if ready.again else 1
                if not progress.maybe_sent:
                    progress.connection_id = ready.route.connection_id
                    progress.provider = ready.route.provider
                    progress.account = ready.route.account
                step = self._step(result, ready, progress)
                if isinstance(step, Again):
                    progress.maybe_sent = step.maybe_sent
                return Heard(step, result, called=True)

    def _step(self, result: SendResult, ready: Ready, progress: Progress) -> Step:
        return step_after(
            result,
            maybe_sent=progress.maybe_sent,
            tries_left=self.tries_left(progress),
            deduplicates=self.deduplicates(ready.claimed, progress, ready.route),
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
