"""Texts that may leave, on their way out: as few provider calls as the provider's API allows, and
no more than the number's limits admit.

The texts of one call have their body, their sender and their place in the order in common. Each is
noted as begun before the call leaves, and has a result of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from structlog.contextvars import unbind_contextvars

from common import tracing
from common.circuit import Circuit
from common.failpoints import Failpoint, Failpoints
from common.limits import allowance_of
from common.limits.tables import RATES
from common.metrics import Children, Metrics
from common.providers.port import (
    Accepted,
    NotProcessed,
    ProviderClient,
    Refused,
    SendResult,
)
from common.redact import unquote
from common.segments import measure
from common.spans import CALL
from common.store.consent_ports import ConsentLedger
from common.store.limit_ports import Allowance, Ask, Limits
from common.store.ports import OutboundStore
from common.store.records import Route
from heliograph.codes import OutcomeCode
from sender.breaking import Breaker, Through
from sender.calls import (
    Answer,
    Broken,
    Called,
    Kind,
    Limited,
    Lost,
    NoCall,
    Ready,
    Unasked,
    kind_of,
    text_of,
)
from sender.clients import Clients, OurFault, Outdated
from sender.counting import CallCounts
from sender.last_look import opted_out_since
from sender.spans import ANSWERS, of_call, say_answers
from sender.texts import now

log = structlog.get_logger(__name__)

_CAPS: Final[Mapping[str, OutcomeCode]] = {
    "texts": OutcomeCode.BUDGET_SPENT,
    "cost": OutcomeCode.BUDGET_SPENT,
    "att": OutcomeCode.CARRIER_CAP_REACHED,
    "tmobile": OutcomeCode.CARRIER_CAP_REACHED,
}
_OPTED_OUT: Final = Refused(OutcomeCode.RECIPIENT_OPTED_OUT, "opted out a moment ago")

_CALLS_AT_ONCE: Final = 8
"""Provider calls of one command under way together, where one call does not take all recipients."""

_THROTTLED_PAUSE: Final = 1.0
"""Seconds for which a number rests after a 429 that names no time. How long a provider means, none
of them says; a call that comes too early costs another 429 and nothing more."""


class Dispatch:
    """Calls providers.

    Args:
        lease: seconds for which a text is this replica's from each call on.
        longest_pause: most seconds for which a 429 slows a number, whatever it asks for.
        halt: whether no further call may begin, because the service stops. What has no answer yet
            waits for another replica, as it does for a limit.
    """

    def __init__(
        self,
        *,
        store: OutboundStore,
        ledger: ConsentLedger,
        limits: Limits,
        clients: Clients,
        breaker: Breaker,
        metrics: Metrics,
        failpoints: Failpoints,
        owner: str,
        lease: float,
        longest_pause: float,
        halt: Callable[[], bool] = bool,
    ):
        self._store = store
        self._ledger = ledger
        self._limits = limits
        self._clients = clients
        self._breaker = breaker
        self._limited = Children(metrics.limited)
        self._calls = CallCounts(metrics)
        self._failpoints = failpoints
        self._owner = owner
        self._lease = lease
        self._longest_pause = longest_pause
        self._halt = halt

    async def send(self, texts: Sequence[Ready]) -> Sequence[Answer]:
        """Send texts of one command; answers in order. A call that breaks harms no other one."""
        if len(texts) > 1:  # The meeting's task has the context of the one that came last.
            unbind_contextvars("message_id")
        kinds: dict[Kind, list[int]] = {}
        for place, ready in enumerate(texts):
            kinds.setdefault(kind_of(ready), []).append(place)
        gate = asyncio.Semaphore(_CALLS_AT_ONCE)
        answers: dict[int, Answer] = {}

        async def call(places: Sequence[int]) -> None:
            async with gate:
                answered = await self._answers([texts[place] for place in places])
            answers.update(zip(places, answered, strict=True))

        calls = [
            call(places[start : start + most])
            for places in kinds.values()
            for most in (self._most_recipients(texts[places[0]].route),)
            for start in range(0, len(places), most)
        ]
        await asyncio.gather(*calls)
        return [answers[place] for place in range(len(texts))]

    async def _answers(self, texts: Sequence[Ready]) -> Sequence[Answer]:
        if self._halt():
            return [Limited(0.0, None) for _ in texts]
        try:
            return await self._call(texts)
        except Exception as error:  # noqa: BLE001 - each text raises it as its own
            return [Broken(error) for _ in texts]

    def _most_recipients(self, route: Route) -> int:
        provider = self._clients.providers.get(route.provider)
        return provider.max_recipients if provider is not None else 1

    async def _call(self, texts: Sequence[Ready]) -> Sequence[Answer]:
        route, began = texts[0].route, now()
        async with self._clients.use(route) as client:
            if isinstance(client, Outdated):
                return [Limited(0.0, None) for _ in texts]
            if isinstance(client, Refused):
                log.warning("send.no_client", connection=route.connection_id, why=client.detail)
                if not isinstance(client, OurFault):
                    await self._breaker.leave(route, Through(began), [client])
                return [NoCall(client) for _ in texts]
            return await self._past_circuit(texts, client)

    async def _past_circuit(
        self, texts: Sequence[Ready], client: ProviderClient
    ) -> Sequence[Answer]:
        """Where the circuit is half open one of them tries; the others see what comes of it."""
        route = texts[0].route
        through = await self._breaker.enter(route)
        if isinstance(through, Unasked):
            return [through for _ in texts]
        leaving = texts if through.trying_until is None else texts[:1]
        try:
            answers = await self._admitted(leaving, client)
        except Exception:
            await self._breaker.leave(route, through)
            raise
        results = [answer.result for answer in answers if isinstance(answer, Called)]
        circuit = await self._breaker.leave(route, through, results)
        others = _others_of(answers[0], circuit)
        return [*answers, *(others for _ in texts[len(leaving) :])]

    async def _admitted(self, texts: Sequence[Ready], client: ProviderClient) -> Sequence[Answer]:
        """Call for those that the limits admit."""
        first = texts[0]
        units = measure(first.body).segments
        provider = self._clients.providers.get(first.route.provider)
        rates = provider.spec.rates if provider is not None else RATES
        allowance = allowance_of(first.route, segments=units, rates=rates)
        admission = await self._limits.admit(
            first.route.tenant_id,
            allowance,
            Ask(
                recipients=len(texts),
                units=units,
                slot=first.claimed.slot,
                # Our answer to a keyword is owed, whatever the number may spend on texts.
                count_day=not first.counted and first.claimed.text.notice is None,
            ),
        )
        granted, others = texts[: admission.granted], texts[admission.granted :]
        rest: Answer = Limited(admission.wait, admission.slot)
        if admission.capped is not None:
            rest = NoCall(Refused(_CAPS[admission.capped], f"daily cap {admission.capped}"))
        if others:
            self._limited[(admission.capped or "rate",)].inc(len(others))
        answers = list(await self._begin_and_send(granted, client, allowance)) if granted else []
        return [*answers, *(rest for _ in others)]

    async def _begin_and_send(
        self, texts: Sequence[Ready], client: ProviderClient, allowance: Allowance
    ) -> Sequence[Answer]:
        begun = await asyncio.gather(*map(self._begin, texts))
        mine = [ready for ready, is_mine in zip(texts, begun, strict=True) if is_mine]
        stopped = await opted_out_since(self._ledger, mine)
        leaving = [ready for ready in mine if ready.claimed.id not in stopped]
        results = iter(await self._send(leaving, client, allowance) if leaving else ())
        answers: list[Answer] = []
        for ready, is_mine in zip(texts, begun, strict=True):
            if not is_mine:
                answers.append(Lost())
            elif ready.claimed.id in stopped:
                answers.append(NoCall(_OPTED_OUT))
            else:
                answers.append(Called(next(results)))
        return answers

    async def _begin(self, ready: Ready) -> bool:
        return await self._store.begin(
            ready.claimed.text.tenant_id,
            ready.claimed.id,
            owner=self._owner,
            lease=self._lease,
            via=ready.route,
            unsent=not ready.counted,
            detour=ready.detour,
            again=ready.again,
        )

    async def _send(
        self, texts: Sequence[Ready], client: ProviderClient, allowance: Allowance
    ) -> Sequence[SendResult]:
        self._failpoints.reached(Failpoint.SENDER_BEGUN)
        provider = texts[0].route.provider
        self._calls.begun(texts)
        with tracing.span(CALL, provider, attributes=of_call(texts)) as span:
            started = time.perf_counter()
            results = await _call(client, texts)
            seconds = time.perf_counter() - started
            say_answers(span, results)
            exemplar = tracing.exemplar(span.traceparent)
        self._failpoints.reached(Failpoint.SENDER_CALLED)
        self._calls.took(provider, seconds, exemplar)
        self._calls.answered(texts, [ANSWERS[type(result)] for result in results])
        for ready, result in zip(texts, results, strict=True):
            _note(result, ready)
        await self._tell_limits(texts, results, allowance)
        return results

    async def _tell_limits(
        self, texts: Sequence[Ready], results: Sequence[SendResult], allowance: Allowance
    ) -> None:
        """What was surely not sent does not use up the day; a 429 slows the number everywhere. What
        the provider has answered counts also where this cannot be noted."""
        tenant_id = texts[0].route.tenant_id
        unsent = sum(
            isinstance(result, NotProcessed | Refused) and not ready.counted
            for ready, result in zip(texts, results, strict=True)
        )
        pauses = [
            result.retry_after or _THROTTLED_PAUSE
            for result in results
            if isinstance(result, NotProcessed) and result.code is OutcomeCode.PROVIDER_THROTTLED
        ]
        try:
            if unsent and allowance.day:
                await self._limits.give_back(tenant_id, allowance, unsent)
            if pauses:
                pause = min(max(pauses), self._longest_pause)
                await self._limits.slow(tenant_id, allowance.scope, pause)
        except Exception as error:  # noqa: BLE001 - nothing may lose the provider's word
            log.warning("limits.not_told", error=type(error).__name__)


def _note(result: SendResult, ready: Ready) -> None:
    answer = ANSWERS[type(result)]
    log.debug("provider.answered", answer=answer, message_id=ready.claimed.id)
    if isinstance(result, Accepted):
        return
    to_blame = isinstance(result, Refused) and result.account
    write = log.error if to_blame else log.warning
    write(
        "send.not_accepted",
        answer=answer,
        # A provider may quote what it was given.
        why=unquote(result.detail, ready.body),
        message_id=ready.claimed.id,
        connection=ready.route.connection_id,
    )


async def _call(client: ProviderClient, texts: Sequence[Ready]) -> Sequence[SendResult]:
    outgoing = [text_of(ready) for ready in texts]
    if len(outgoing) == 1:
        return [await client.send(outgoing[0])]
    return await client.send_all(outgoing)


def _others_of(tried: Answer, circuit: Circuit) -> Answer:
    """What those are told that did not try with it. Where the number's limits kept it back, they
    keep all that are from that number; else the circuit says whether another one may try."""
    return Limited(tried.seconds, None) if isinstance(tried, Limited) else Unasked(circuit)
