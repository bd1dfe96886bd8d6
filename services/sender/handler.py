"""The story of one command: read it, prove who sent it, claim its texts, carry them out, tell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from common import trace
from common.addresses import normalise_address
from common.bus.messages import Delivery, PublishRefused, proven_user, traceparent_of
from common.bus.verdicts import Defer, Done, Park, Verdict
from common.failpoints import Failpoint, Failpoints
from common.metrics import Metrics
from common.store.ports import OutboundStore
from common.store.records import NewOutbound, Route
from heliograph.codes import OutcomeCode
from heliograph.models import Outcome, SendCommand, UnreadableMessage
from sender.carrying import Carrying
from sender.envelope import readable_command_id, was_told
from sender.identity import (
    AgentName,
    Authorised,
    NotProven,
    NotTheirs,
    authorise,
    claimed_agent,
    published_key,
)
from sender.telling import SenderBus, Telling
from sender.texts import bare_outcome, now, recipients_of, refusals

log = structlog.get_logger(__name__)

_AT_ONCE: Final = 8
"""Recipients of one command that are claimed and worked on together: few enough that the last one
is called within its lease."""

_FULL_AGAIN: Final = 30.0
"""Seconds until an outcome that its agent's full queue refused is told again."""


@dataclass(frozen=True, slots=True)
class Order:
    """An authorised command with the delivery that brought it."""

    command: SendCommand
    agent: AgentName
    route: Route
    delivery: Delivery


class Handler:
    """Handles deliveries of `sender.commands`, one at a time a conversation.

    Args:
        trust: believe the agent that a command names, without proof by its broker user.
        long_text_limit: characters of a text that are sent.
    """

    def __init__(
        self,
        *,
        store: OutboundStore,
        bus: SenderBus,
        carrying: Carrying,
        metrics: Metrics,
        failpoints: Failpoints,
        owner: str,
        lease: float,
        long_text_limit: int,
        trust: bool,
    ):
        self._store = store
        self._bus = bus
        self._telling = Telling(bus)
        self._carrying = carrying
        self._metrics = metrics
        self._failpoints = failpoints
        self._owner = owner
        self._lease = lease
        self._long_text_limit = long_text_limit
        self._trust = trust

    async def handle(self, delivery: Delivery) -> Verdict:
        """What becomes of a delivery."""
        trace.current.set(trace.follow(traceparent_of(delivery)))
        self._failpoints.reached(Failpoint.SENDER_TAKEN)
        verdict = await self._handle(delivery)
        if isinstance(verdict, Park):
            self._metrics.parked.labels(delivery.queue, verdict.code).inc()
            log.warning("message.parked", queue=delivery.queue, reason=verdict.code)
        return verdict

    async def _handle(self, delivery: Delivery) -> Verdict:
        try:
            command = SendCommand.decode(delivery.body)
        except UnreadableMessage as problem:
            return await self._unreadable(delivery, problem)
        route = await self._store.route(command.tenant_id, normalise_address(command.number))
        proven = await self._proven(delivery, command, route)
        key = published_key(delivery, self._bus.user)
        match authorise(command, route, proven=proven, key=key):
            case NotProven():
                return await self._not_proven(delivery, command, proven)
            case NotTheirs(code):
                return await self._not_theirs(delivery, command, code)
            case Authorised(route):
                return await self._work(Order(command, claimed_agent(command), route, delivery))

    # --- Who it is --------------------------------------------------------------------------------

    async def _proven(
        self, delivery: Delivery, command: SendCommand, route: Route | None
    ) -> AgentName | None:
        claimed = claimed_agent(command)
        if self._trust:
            return claimed
        user = proven_user(delivery, self._bus.user)
        if user is None:
            return None
        if route is not None and (route.agent_id, route.bus_user) == (command.agent_id, user):
            return claimed
        return await self._agent_of(user)

    async def _agent_of(self, user: str | None) -> AgentName | None:
        found = await self._store.agent_of_user(user) if user is not None else None
        return AgentName(*found) if found is not None else None

    # --- What is refused as a whole ---------------------------------------------------------------

    async def _unreadable(self, delivery: Delivery, problem: UnreadableMessage) -> Verdict:
        agent = await self._agent_of(proven_user(delivery, self._bus.user))
        command_id = readable_command_id(delivery.body)
        if agent is not None and command_id is not None:
            code = OutcomeCode.MALFORMED_COMMAND
            outcomes = [bare_outcome(command_id, "", code, now())]
            await self._tell_new(agent, outcomes, delivery)
        return Park(problem.code, str(problem))

    async def _not_proven(
        self, delivery: Delivery, command: SendCommand, proven: AgentName | None
    ) -> Verdict:
        """Tell the agent that the publisher is, if it is one; never the one that it claims."""
        code = OutcomeCode.NOT_AUTHORISED
        if proven is not None:
            await self._tell_new(proven, refusals(command, code, now()), delivery)
        return Park(code, "The command's agent is not the one that its publisher has proven to be.")

    async def _not_theirs(
        self, delivery: Delivery, command: SendCommand, code: OutcomeCode
    ) -> Verdict:
        agent = claimed_agent(command)
        outcomes = refusals(command, code, now())
        self._count(outcomes)
        if self._trust and not await self._telling.tell_if_known(agent, outcomes, delivery):
            return Park(code, "Nobody can be told: the agent that the command names has no queue.")
        if not self._trust:
            await self._telling.tell(agent, outcomes, delivery)
        return Done()

    # --- What is carried out ----------------------------------------------------------------------

    async def _work(self, order: Order) -> Verdict:
        recipients = recipients_of(
            order.command,
            order.route,
            limit=self._long_text_limit,
            at=now(),
            traceparent=trace.current.get(),
        )
        several = len(order.command.recipients) > 1
        if recipients.invalid and not (several and was_told(order.delivery, None)):
            await self._tell_new(order.agent, recipients.invalid, order.delivery)
        pauses: list[float] = []
        for start in range(0, len(recipients.texts), _AT_ONCE):
            some = recipients.texts[start : start + _AT_ONCE]
            pauses += await self._work_on(order, some, several=several)
        return Defer(max(pauses)) if pauses else Done()

    async def _work_on(
        self, order: Order, texts: Sequence[NewOutbound], *, several: bool
    ) -> list[float]:
        """Claim some texts, carry them out together and tell. Returns the pauses of those that have
        to come back: the longest counts, so that none is tried before its provider's wish."""
        claims = await self._store.claim(texts, owner=self._owner, lease=self._lease)
        self._failpoints.reached(Failpoint.SENDER_CLAIMED)
        results = await asyncio.gather(
            *(
                self._carrying.carry_out(order.command, text, claimed)
                for text, claimed in zip(texts, claims, strict=True)
            ),
            return_exceptions=True,
        )
        outcomes: list[Outcome] = []
        pauses: list[float] = []
        for claimed, result in zip(claims, results, strict=True):
            if isinstance(result, BaseException):
                raise result
            if isinstance(result, Defer):
                pauses.append(result.seconds)
            elif not (several and was_told(order.delivery, claimed)):
                outcomes.append(result)
        return pauses + await self._tell_or_wait(order, outcomes, several=several)

    async def _tell_or_wait(
        self, order: Order, outcomes: Sequence[Outcome], *, several: bool
    ) -> list[float]:
        try:
            if outcomes:
                await self._telling.tell(order.agent, outcomes, order.delivery)
                self._failpoints.reached(Failpoint.SENDER_TOLD)
        except PublishRefused:
            if several:
                raise
            return [_FULL_AGAIN]
        return []

    async def _tell_new(
        self, agent: AgentName, outcomes: Sequence[Outcome], delivery: Delivery
    ) -> None:
        self._count(outcomes)
        await self._telling.tell(agent, outcomes, delivery)

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._metrics.outcomes.labels(outcome.status, outcome.code).inc()
