"""Texts on their way to their agents: record, build the turn, publish, mark as handed over."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from common.bus.agents import AgentBus, ForAgent, publish_to_agents
from common.bus.messages import BusError, Outgoing, PublishRefused, Unroutable
from common.bus.verdicts import Defer, Done, Verdict
from common.failpoints import Failpoint, Failpoints
from common.metrics import Metrics
from common.store.ports import InboundStore
from common.store.records import Claim, Inbound, NewInbound
from heliograph import wire
from heliograph.models import Turn
from processor.turns import build_turn

_BUSY_AGAIN: Final = 1.0
"""Seconds until a text that another replica has in hand is looked at again."""

REFUSED_AGAIN: Final = 30.0
"""Seconds until a text whose agent's queue is full is tried again: an agent that does not read
holds up nobody else."""

_REFUSALS: Final = (PublishRefused, Unroutable)
"""The agent's queue did not take the turn; everything else is a fault of all texts' making."""

_PART: Final = 50
"""Texts that are read, built and published together; see `HandOver._tell`."""

_VERDICTS: Final[Mapping[Claim, Verdict]] = {
    Claim.FRESH: Done(),
    Claim.RESUMED: Done(),
    Claim.FINISHED: Done(),
    Claim.BUSY: Defer(_BUSY_AGAIN),
}
_RESULTS: Final[Mapping[Claim, str]] = {
    Claim.FRESH: "handed_over",
    Claim.RESUMED: "handed_over",
    Claim.FINISHED: "duplicate",
    Claim.BUSY: "busy",
}


class HandOver:
    """Hands texts to their agents, each once in effect."""

    def __init__(
        self,
        *,
        store: InboundStore,
        bus: AgentBus,
        metrics: Metrics,
        failpoints: Failpoints,
        owner: str,
        lease: float,
        history_limit: int,
    ):
        self._store = store
        self._bus = bus
        self._metrics = metrics
        self._failpoints = failpoints
        self._owner = owner
        self._lease = lease
        self._history_limit = history_limit

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
        verdicts = await self._once(once)
        if copies:
            verdicts.update(await self._copies(copies))
        return verdicts

    async def _once(self, texts: Mapping[int, NewInbound]) -> dict[int, Verdict]:
        recorded = await self._store.record(
            list(texts.values()), owner=self._owner, lease=self._lease
        )
        self._failpoints.reached(Failpoint.PROCESSOR_RECORDED)
        mine = [inbound for inbound in recorded if inbound.claim in (Claim.FRESH, Claim.RESUMED)]
        refused = await self._hand_over(mine) if mine else frozenset()
        verdicts: dict[int, Verdict] = {}
        for place, inbound in zip(texts, recorded, strict=True):
            if inbound.id in refused:
                verdicts[place] = Defer(REFUSED_AGAIN)
                continue
            verdicts[place] = _VERDICTS[inbound.claim]
            self._metrics.inbound_texts.labels(_RESULTS[inbound.claim]).inc()
        return verdicts

    async def _copies(self, copies: Mapping[int, NewInbound]) -> dict[int, Verdict]:
        verdicts: dict[int, Verdict] = {}
        for place, text in copies.items():
            verdicts.update(await self._once({place: text}))
        return verdicts

    async def _hand_over(self, mine: Sequence[Inbound]) -> frozenset[str]:
        """Hand over what is ours; returns the IDs that their agents' queues refused."""
        with_keyword = [inbound for inbound in mine if inbound.text.keyword is not None]
        if with_keyword:
            await self._store.note_consent(with_keyword)
        self._failpoints.reached(Failpoint.PROCESSOR_CONSENTED)
        told = await self._tell(mine)
        self._failpoints.reached(Failpoint.PROCESSOR_TURNS_PUBLISHED)
        handed = [inbound for inbound, fault in zip(mine, told, strict=True) if fault is None]
        if handed:
            await self._mark(handed)
        for fault in told:
            if fault is not None and not isinstance(fault, _REFUSALS):
                raise fault
        return frozenset(inbound.id for inbound in mine) - {inbound.id for inbound in handed}

    async def _tell(self, mine: Sequence[Inbound]) -> list[BaseException | None]:
        """Publish the turns; one fault or None a text, in order. It is done in parts: while
        RabbitMQ stores one, the next is built, and MongoDB reads the histories of the one after."""
        opted_out = await self._store.opted_out(mine)
        reading = asyncio.Lock()  # Fair, so the parts stay in order.
        parts = [mine[start : start + _PART] for start in range(0, len(mine), _PART)]
        results = await asyncio.gather(
            *(self._tell_part(part, opted_out, reading) for part in parts), return_exceptions=True
        )
        told: list[BaseException | None] = []
        for part, result in zip(parts, results, strict=True):
            told += [result] * len(part) if isinstance(result, BaseException) else result
        return told

    async def _tell_part(
        self, part: Sequence[Inbound], opted_out: frozenset[str], reading: asyncio.Lock
    ) -> Sequence[BusError | None]:
        async with reading:
            histories = await self._store.histories(part, limit=self._history_limit)
        await asyncio.sleep(0)  # The next part asks before this one takes the processor.
        return await publish_to_agents(
            self._bus,
            [
                _for_agent(
                    inbound,
                    build_turn(
                        inbound,
                        histories.get(inbound.id, ()),
                        opted_out=inbound.text.conversation_id in opted_out,
                    ),
                )
                for inbound in part
            ],
        )

    async def _mark(self, handed: Sequence[Inbound]) -> None:
        await self._store.mark_handed_over(
            [inbound.id for inbound in handed],
            tenant_ids=frozenset(inbound.text.tenant_id for inbound in handed),
        )
        self._failpoints.reached(Failpoint.PROCESSOR_MARKED)
        now = datetime.now(UTC)
        for inbound in handed:
            self._metrics.hand_over_seconds.observe(
                max(0.0, (now - inbound.text.accepted_at).total_seconds())
            )


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
