"""The story of one text that was decided on: take it, carry it out, tell. It was held and a person
has decided, or its remote opted out, or it is our own answer to a keyword.

The nudge that brings it here has no authority. Anybody who may publish commands could have written
it, so it names a text and nothing more: what was decided, by whom the text is sent and who is told,
the store says.
"""

from __future__ import annotations

from structlog.contextvars import bind_contextvars

from common.bus.messages import Delivery
from common.bus.spans import continuing
from common.bus.verdicts import Defer, Done, Park, Verdict
from common.events import TextDecided
from common.failpoints import Failpoint, Failpoints
from common.spans import CARRY_OUT
from common.store.ports import OutboundStore
from common.store.records import Outbound
from heliograph.models import Outcome, UnreadableMessage
from sender.carrying import Carrying
from sender.dispatch import Dispatch
from sender.identity import AgentName
from sender.sending import Meeting
from sender.spans import of_text
from sender.steps import Later
from sender.telling import FULL_AGAIN, Telling


class Deciding:
    """Handles nudges, one at a time a text.

    Args:
        carrying, dispatch: with an owner other than that of the commands': a command and a nudge
            for the same text may be in work at once, and the lease has to tell them apart.
        owner: that owner.
    """

    def __init__(
        self,
        *,
        store: OutboundStore,
        telling: Telling,
        carrying: Carrying,
        dispatch: Dispatch,
        failpoints: Failpoints,
        owner: str,
        lease: float,
    ):
        self._store = store
        self._telling = telling
        self._carrying = carrying
        self._dispatch = dispatch
        self._failpoints = failpoints
        self._owner = owner
        self._lease = lease

    async def handle(self, delivery: Delivery) -> Verdict:
        """What becomes of a nudge. One for a text that nobody has decided on, or whose agent knows
        the end, is dropped."""
        try:
            nudge = TextDecided.decode(delivery.body)
        except UnreadableMessage as problem:
            return Park(problem.code, str(problem))
        claimed = await self._store.take_decided(
            nudge.tenant_id, nudge.message_id, owner=self._owner, lease=self._lease
        )
        if claimed is None:
            return Done()
        self._failpoints.reached(Failpoint.SENDER_CLAIMED)
        bind_contextvars(command_id=claimed.text.command_id, message_id=claimed.id)
        with continuing(CARRY_OUT, claimed.text.traceparent, of_text(claimed)):
            outcome = await self._carrying.go_on(claimed, Meeting(1, self._dispatch.send))
            if isinstance(outcome, Later):
                return Defer(outcome.seconds)
            return outcome if isinstance(outcome, Defer) else await self._tell(claimed, outcome)

    async def _tell(self, claimed: Outbound, outcome: Outcome) -> Verdict:
        """Never where the nudge wants a reply: its author may be anybody. Of our own answer to a
        keyword no agent is told, for none has asked for it."""
        agent = AgentName(claimed.text.tenant_id, claimed.text.agent_id)
        if claimed.text.notice is None:
            if not all(await self._telling.tell(agent, [outcome], None)):
                return Defer(FULL_AGAIN)
            self._failpoints.reached(Failpoint.SENDER_TOLD)
        await self._store.mark_told(claimed.text.tenant_id, claimed.id)
        return Done()
