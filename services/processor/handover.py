"""Texts on their way to their agents: record, build the turn, publish, mark as handed over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from logging import DEBUG
from typing import Final

import structlog

from common import tracing
from common.bus.agents import AgentBus, ForAgent, publish_to_agents
from common.bus.messages import BusUnavailable, Outgoing
from common.bus.verdicts import Defer, Done, Verdict
from common.failpoints import Failpoint, Failpoints
from common.metrics import Children, Metrics
from common.spans import HAND_OVER, RECORD, Attribute
from common.store.ports import InboundStore
from common.store.records import Claim, Inbound, NewInbound
from heliograph import wire
from heliograph.models import Turn
from processor.consenting import Consenting
from processor.permission import Permission
from processor.turns import build_turn

log = structlog.get_logger(__name__)

_BUSY_AGAIN: Final = 1.0
"""Seconds until a text that another replica has in hand is looked at again."""

REFUSED_AGAIN: Final = 30.0
"""Seconds until a text whose agent's queue is full is tried again: an agent that does not read
holds up nobody else."""

_PART: Final = 100
"""Texts that are recorded, read, published and marked together. Small enough that a batch has
several, which keep the servers and this process busy at the same time; a smaller one costs more."""

_VERDICTS: Final[Mapping[Claim, Verdict]] = {
    Claim.FRESH: Done(),
    Claim.RESUMED: Done(),
    Claim.FINISHED: Done(),
    Claim.BUSY: Defer(_BUSY_AGAIN),
}
_NOT_OURS: Final[Mapping[Claim, str]] = {Claim.FINISHED: "duplicate", Claim.BUSY: "busy"}


class HandOver:
    """Hands texts to their agents, each once in effect."""

    def __init__(
        self,
        *,
        store: InboundStore,
        consenting: Consenting,
        permission: Permission,
        bus: AgentBus,
        metrics: Metrics,
        failpoints: Failpoints,
        owner: str,
        lease: float,
        history_limit: int,
    ):
        self._store = store
        self._consenting = consenting
        self._permission = permission
        self._bus = bus
        self._results = Children(metrics.inbound_texts)
        self._seconds = metrics.hand_over_seconds
        self._since_event = Children(metrics.event_to_hand_over)
        self._failpoints = failpoints
        self._owner = owner
        self._lease = lease
        self._history_limit = history_limit
        # Fair locks, so that parts stay in order, and one at a time asks the store for much.
        self._recording = asyncio.Lock()
        self._reading = asyncio.Lock()

    async def texts(self, texts: Mapping[int, NewInbound]) -> dict[int, Verdict]:
        """Record and hand over; one verdict a text. Copies of one text within the batch follow
        their first, so that they are seen, and counted, as duplicates of a text handed over."""
        if not texts:
            return {}
        self._failpoints.reached(Failpoint.PROCESSOR_TAKEN)
        firsts: dict[str, int] = {}
        for place, text in texts.items():
            firsts.setdefault(text.id, place)
        once = {place: texts[place] for place in firsts.values()}
        copies = {place: text for place, text in texts.items() if place not in once}
        verdicts = await self._in_parts(once)
        for place, text in copies.items():
            verdicts |= await self._once({place: text})
        return verdicts

    async def _in_parts(self, texts: Mapping[int, NewInbound]) -> dict[int, Verdict]:
        """Hand over in parts that follow each other closely: while RabbitMQ stores the turns of
        one, the next is built, and MongoDB reads and records for those behind. Every part goes to
        its end; then the first fault, if any, is raised."""
        items = sorted(texts.items(), key=lambda item: item[1].at)
        parts = [dict(items[start : start + _PART]) for start in range(0, len(items), _PART)]
        done = await asyncio.gather(*map(self._once, parts), return_exceptions=True)
        verdicts: dict[int, Verdict] = {}
        for result in done:
            if isinstance(result, BaseException):
                raise result
            verdicts |= result
        return verdicts

    async def _once(self, texts: Mapping[int, NewInbound]) -> dict[int, Verdict]:
        async with self._recording:
            recorded, mine = await self._record(texts)
        came = {text.id: text for text in texts.values()}
        refused = await self._hand_over(mine, came) if mine else frozenset()
        verdicts: dict[int, Verdict] = {}
        for place, inbound in zip(texts, recorded, strict=True):
            if inbound.id in refused:
                verdicts[place] = Defer(REFUSED_AGAIN)
                continue
            verdicts[place] = _VERDICTS[inbound.claim]
            if inbound.claim in _NOT_OURS:
                self._results[(_NOT_OURS[inbound.claim],)].inc()
        return verdicts

    async def _record(
        self, texts: Mapping[int, NewInbound]
    ) -> tuple[Sequence[Inbound], Sequence[Inbound]]:
        """Record the texts, and do what they say of consent before anything later is looked up.
        Returns all of them, and those that are ours to hand over."""
        since = tracing.moment()
        recorded = await self._store.record(
            list(texts.values()), owner=self._owner, lease=self._lease
        )
        self._failpoints.reached(Failpoint.PROCESSOR_RECORDED)
        if since is not None:
            _tell_recorded(recorded, since)
        mine = [inbound for inbound in recorded if inbound.claim in (Claim.FRESH, Claim.RESUMED)]
        return recorded, await self._consenting.texts(mine)

    async def _hand_over(
        self, mine: Sequence[Inbound], came: Mapping[str, NewInbound]
    ) -> frozenset[str]:
        """Hand over what is ours; returns the IDs that their agents' queues refused. `came` has the
        texts as they came, by ID: the store does not keep the time of their events."""
        since = tracing.moment()
        async with self._reading:
            refusals, histories = await asyncio.gather(
                self._permission.refusals(mine),
                self._store.histories(mine, limit=self._history_limit),
            )
        await asyncio.sleep(0)  # The next part asks before this one takes the processor.
        turns = [
            _for_agent(
                inbound,
                build_turn(
                    inbound,
                    histories.get(inbound.id, ()),
                    refusal=refusals.get(inbound.id),
                ),
            )
            for inbound in mine
        ]
        errors = await publish_to_agents(self._bus, turns)
        self._failpoints.reached(Failpoint.PROCESSOR_TURNS_PUBLISHED)
        handed = [inbound for inbound, error in zip(mine, errors, strict=True) if error is None]
        if handed:
            await self._mark(handed)
            self._count(handed, came)
        if since is not None or log.is_enabled_for(DEBUG):
            _tell_handed_over(handed, since)
        for error in errors:
            if isinstance(error, BusUnavailable):
                raise error
        return frozenset(inbound.id for inbound in mine) - {inbound.id for inbound in handed}

    async def _mark(self, handed: Sequence[Inbound]) -> None:
        await self._store.mark_handed_over(
            [inbound.id for inbound in handed],
            tenant_ids=frozenset(inbound.text.tenant_id for inbound in handed),
        )
        self._failpoints.reached(Failpoint.PROCESSOR_MARKED)

    def _count(self, handed: Sequence[Inbound], came: Mapping[str, NewInbound]) -> None:
        """At once when they are marked: whatever fails after that, they are not ours again."""
        now = datetime.now(UTC)
        for inbound in handed:
            text, event_at = inbound.text, came[inbound.id].event_at
            exemplar = tracing.exemplar(text.traceparent)
            seconds = (now - text.accepted_at).total_seconds()
            self._results[("handed_over",)].inc()
            self._seconds.observe(max(0.0, seconds), exemplar=exemplar)
            if event_at is not None:
                seconds = (now - event_at).total_seconds()
                self._since_event[(text.provider,)].observe(max(0.0, seconds), exemplar=exemplar)


def _tell_recorded(recorded: Sequence[Inbound], since: int) -> None:
    for inbound in recorded:
        attributes = {Attribute.MESSAGE_ID: inbound.id, Attribute.CLAIM: inbound.claim.value}
        tracing.tell(RECORD, parent=inbound.text.traceparent, since=since, attributes=attributes)


def _tell_handed_over(handed: Sequence[Inbound], since: int | None) -> None:
    for inbound in handed:
        traceparent = inbound.text.traceparent
        attributes = {Attribute.MESSAGE_ID: inbound.id}
        tracing.tell(HAND_OVER, parent=traceparent, since=since, attributes=attributes)
        log.debug("text.handed_over", message_id=inbound.id, trace_id=tracing.id_of(traceparent))


def _for_agent(inbound: Inbound, turn: Turn) -> ForAgent:
    text = inbound.text
    message = Outgoing.of(
        turn,
        exchange=wire.AGENTS_EXCHANGE,
        key=wire.turn_key(text.tenant_id, text.agent_id),
        message_id=turn.turn_id,
        traceparent=text.traceparent,
    )
    return ForAgent(text.tenant_id, text.agent_id, message)
