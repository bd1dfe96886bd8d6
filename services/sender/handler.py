"""The story of one command: read it, prove who sent it, claim its texts, carry them out, tell. What
became of a text that was held is told in `sender.deciding`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Final

import structlog
from structlog.contextvars import bind_contextvars

from common import trace, tracing
from common.addresses import normalise_address
from common.bus.messages import (
    BusUnavailable,
    Delivery,
    Unroutable,
    first_published_at,
    proven_user,
    published_key,
    told_of,
)
from common.bus.spans import say, work_on
from common.bus.verdicts import Defer, Done, Park, Verdict
from common.errors import Unavailable
from common.events import TextDecided
from common.failpoints import Failpoint, Failpoints
from common.metrics import Children, Metrics
from common.spans import CLAIM, Attribute
from common.store.ports import OutboundStore
from common.store.records import NewOutbound, Route
from heliograph.codes import OutcomeCode
from heliograph.models import MAX_RECIPIENTS, Outcome, SendCommand, UnreadableMessage
from sender.carrying import Carrying
from sender.counting import CommandCounts
from sender.deciding import Deciding
from sender.dispatch import Dispatch
from sender.envelope import readable_command_id
from sender.identity import AgentName, Authorised, NotProven, NotTheirs, authorise, claimed_agent
from sender.passes import Pass
from sender.sending import Meeting
from sender.steps import Later
from sender.telling import SenderBus, Telling
from sender.texts import bare_outcome, now, outcome_id, recipients_of, refusals

log = structlog.get_logger(__name__)

_AT_ONCE: Final = MAX_RECIPIENTS
"""Recipients of one command that are claimed and worked on together: all of them, so that they go
out in as few provider calls as possible."""


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
        dispatch: Dispatch,
        deciding: Deciding,
        metrics: Metrics,
        failpoints: Failpoints,
        owner: str,
        lease: float,
        long_text_limit: int,
        trust: bool,
    ):
        self._store = store
        self._bus = bus
        self._telling = Telling(bus, failpoints)
        self._carrying = carrying
        self._dispatch = dispatch
        self._deciding = deciding
        self._outcomes = Children(metrics.outcomes)
        self._commands = CommandCounts(metrics)
        self._failpoints = failpoints
        self._owner = owner
        self._lease = lease
        self._long_text_limit = long_text_limit
        self._trust = trust

    async def handle(self, delivery: Delivery) -> Verdict:
        """What becomes of a delivery."""
        with work_on(delivery) as span:
            verdict = await self._traced(delivery)
            say(span, verdict)
        return verdict

    async def _traced(self, delivery: Delivery) -> Verdict:
        self._failpoints.reached(Failpoint.SENDER_TAKEN)
        verdict = await self._handle(delivery)
        if isinstance(verdict, Park):
            log.warning("message.parked", queue=delivery.queue, reason=verdict.code)
        return verdict

    async def _handle(self, delivery: Delivery) -> Verdict:
        if delivery.type == TextDecided.type:
            return await self._deciding.handle(delivery)
        try:
            return await self._command(delivery)
        except (BusUnavailable, Unavailable):
            raise  # Nobody's fault: it goes on in place.
        except Exception:
            self._commands.failed()
            raise

    async def _command(self, delivery: Delivery) -> Verdict:
        try:
            command = SendCommand.decode(delivery.body)
        except UnreadableMessage as problem:
            return self._commands.judged(await self._unreadable(delivery, problem))
        tracing.here().note({Attribute.COMMAND_ID: command.command_id})
        bind_contextvars(command_id=command.command_id)
        route = await self._store.route(command.tenant_id, normalise_address(command.number))
        proven = await self._proven(delivery, command, route)
        key = published_key(delivery, self._bus.user)
        match authorise(command, route, proven=proven, key=key):
            case NotProven():
                verdict = await self._not_proven(delivery, command, proven)
                return self._commands.judged(verdict)
            case NotTheirs(code):
                verdict = await self._not_theirs(delivery, command, code)
                return self._commands.judged(verdict, refused=True)
            case Authorised(route):
                order = Order(command, claimed_agent(command), route, delivery)
                return self._commands.judged(await self._work(order))

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
        park = Park(problem.code, str(problem))
        agent = await self._agent_of(proven_user(delivery, self._bus.user))
        command_id = readable_command_id(delivery.body)
        if agent is None or command_id is None:
            return park
        outcome = bare_outcome(command_id, "", OutcomeCode.MALFORMED_COMMAND, now())
        return await self._refuse(agent, [outcome], delivery, then=park)

    async def _not_proven(
        self, delivery: Delivery, command: SendCommand, proven: AgentName | None
    ) -> Verdict:
        """Tell the agent that the publisher is, if it is one; never the one that it claims."""
        code = OutcomeCode.NOT_AUTHORISED
        park = Park(code, "The command's agent is not the one that its publisher has proven to be.")
        if proven is None:
            return park
        return await self._refuse(proven, refusals(command, code, now()), delivery, then=park)

    async def _not_theirs(
        self, delivery: Delivery, command: SendCommand, code: OutcomeCode
    ) -> Verdict:
        """Where the claim is merely believed, no queue is made for whomever it names."""
        agent = claimed_agent(command)
        outcomes = refusals(command, code, now())
        try:
            return await self._refuse(
                agent, outcomes, delivery, then=Done(), make_queue=not self._trust
            )
        except Unroutable:
            return Park(code, "Nobody can be told: the agent that the command names has no queue.")

    async def _refuse(
        self,
        agent: AgentName,
        outcomes: Sequence[Outcome],
        delivery: Delivery,
        *,
        then: Verdict,
        make_queue: bool = True,
    ) -> Verdict:
        """Tell, then do `then`; or come back while the agent's queue is full."""
        at_hand = self._new_pass(delivery)
        new = await self._tell(at_hand, agent, outcomes, delivery, make_queue=make_queue)
        self._count(new)
        self._failpoints.reached(Failpoint.SENDER_REFUSED)
        return at_hand.verdict() if at_hand.full else then

    # --- What is carried out ----------------------------------------------------------------------

    async def _work(self, order: Order) -> Verdict:
        recipients = recipients_of(
            order.command,
            order.route,
            limit=self._long_text_limit,
            at=now(),
            traceparent=trace.current.get(),
            ordered_at=first_published_at(order.delivery, self._bus.user),
        )
        at_hand = self._new_pass(order.delivery)
        invalid = await self._tell(at_hand, order.agent, recipients.invalid, order.delivery)
        self._count(invalid)
        for start in range(0, len(recipients.texts), _AT_ONCE):
            await self._work_on(order, recipients.texts[start : start + _AT_ONCE], at_hand)
        return at_hand.verdict()

    async def _work_on(self, order: Order, texts: Sequence[NewOutbound], at_hand: Pass) -> None:
        """Claim some texts, carry them out together and tell. One that fails harms no other: what
        the others have come to is told before the failure is raised."""
        with tracing.span(CLAIM, attributes={Attribute.TOGETHER: len(texts)}):
            claims = await self._store.claim(texts, owner=self._owner, lease=self._lease)
        self._failpoints.reached(Failpoint.SENDER_CLAIMED)
        meeting = Meeting(len(texts), self._dispatch.send)
        results = await asyncio.gather(
            *(
                self._carrying.carry_out(order.command, text, claimed, meeting)
                for text, claimed in zip(texts, claims, strict=True)
            ),
            return_exceptions=True,
        )
        outcomes: list[Outcome] = []
        for result in results:
            match result:
                case Defer(seconds):
                    at_hand.pauses.append(seconds)
                case Later(seconds):
                    at_hand.looks.append(seconds)
                case Outcome():
                    outcomes.append(result)
                case BaseException():
                    at_hand.failure = at_hand.failure or result
        if await self._tell(at_hand, order.agent, outcomes, order.delivery):
            self._failpoints.reached(Failpoint.SENDER_TOLD)

    # --- What is told -----------------------------------------------------------------------------

    def _new_pass(self, delivery: Delivery) -> Pass:
        return Pass(told_of(delivery, self._bus.user))

    async def _tell(
        self,
        at_hand: Pass,
        agent: AgentName,
        outcomes: Sequence[Outcome],
        delivery: Delivery,
        *,
        make_queue: bool = True,
    ) -> list[Outcome]:
        """Tell what was not told in an earlier pass. Returns what the agent's queue took."""
        news = {outcome_id(*agent, outcome): outcome for outcome in outcomes}
        news = {key: outcome for key, outcome in news.items() if key not in at_hand.told}
        if not news:
            return []
        taken = await self._telling.tell(
            agent, list(news.values()), delivery, make_queue=make_queue
        )
        at_hand.told |= frozenset(compress(news, taken))
        at_hand.full = at_hand.full or not all(taken)
        return list(compress(news.values(), taken))

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            self._outcomes[outcome.status, outcome.code].inc()
