"""What the policy has to know of a text, read fresh at the moment of sending; nothing is cached."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from common.failover import STICKY
from common.first_contact import first_contact
from common.loops import is_loop, lookback, replies_limit, replies_since
from common.policy import Facts
from common.quiet import quiet_until
from common.reach import reach_problem
from common.sending_rules import DEFAULT, OptOutScope, SendingRules
from common.store.consent_ports import ConsentLedger, Conversations
from common.store.consents import Standing, standing
from common.store.ports import OutboundStore
from common.store.records import (
    ConnectionStatus,
    ConversationFacts,
    NewOutbound,
    Outbound,
    Route,
)
from sender.texts import now


@dataclass(frozen=True, slots=True)
class Known:
    """What was read."""

    route: Route | None
    standing: Standing
    conversation: ConversationFacts
    carried_by: str | None = None
    """The connection that last carried a text of the conversation, where that was of late."""


class Knowing:
    """Reads what the policy has to know."""

    def __init__(self, store: OutboundStore, ledger: ConsentLedger, conversations: Conversations):
        self._store = store
        self._ledger = ledger
        self._conversations = conversations

    async def of(self, claimed: Outbound) -> Known:
        """What is known of a text now.

        Raises:
            StoreUnavailable: nothing may be sent on what is not known.
        """
        text = claimed.text
        route, consents = await asyncio.gather(
            self._store.route(text.tenant_id, text.number),
            self._ledger.of_remote(text.tenant_id, text.remote),
        )
        scope = route.opt_out_scope if route is not None else OptOutScope.NUMBER
        rules = route.rules if route is not None else DEFAULT
        conversation = ConversationFacts()
        if text.notice is None:  # What answers a keyword is no part of a loop.
            conversation = await self._conversations.facts(
                text.tenant_id,
                text.number,
                text.remote,
                limit=lookback(rules),
                replies_since=replies_since(rules, now()),
                replies_limit=replies_limit(rules),
            )
        carried_by = await self._carried_by(text, route) if route and route.alternatives else None
        return Known(route, standing(consents, text.number, scope), conversation, carried_by)

    async def _carried_by(self, text: NewOutbound, route: Route) -> str | None:
        """Since somebody chose the number's connections anew, what carried a text before says
        nothing."""
        long_ago = now() - timedelta(seconds=STICKY)
        since = max(long_ago, route.ways_since or long_ago)
        return await self._conversations.carried_by(
            text.tenant_id, text.number, text.remote, since=since
        )


def facts_of(
    claimed: Outbound,
    known: Known,
    *,
    now: datetime,
    maybe_sent: bool,
    tries_left: bool,
    deduplicates: bool,
) -> Facts:
    """The facts of a text. Pure."""
    text, route = claimed.text, known.route
    rules = route.rules if route is not None else DEFAULT
    body = text.body if claimed.edited else text.original_body
    return Facts(
        body=body,
        expires_at=text.expires_at,
        now=now,
        agent_active=route is not None and route.agent_active,
        connection_active=_is_active(text.agent_id, route),
        opted_out=known.standing.opted_out,
        gate_on=route is not None and route.gate_on,
        decision=claimed.decision,
        maybe_sent=maybe_sent,
        tries_left=tries_left,
        deduplicates=deduplicates,
        stopped=route is not None and route.stopped is not None,
        cancelled=ordered_before(claimed, known.standing.fence),
        text_problem=text.problem,
        reach_problem=(
            reach_problem(route.type, rules, route.region, text.remote) if route else None
        ),
        notice=text.notice,
        **_of_conversation(claimed, known, rules, body, now),
    )


def _of_conversation(
    claimed: Outbound, known: Known, rules: SendingRules, body: str, now: datetime
) -> dict[str, Any]:
    """What the conversation says of a text. Nothing of our own answers to keywords, and nothing
    once a part of the text is out: that was asked before its first."""
    if claimed.text.notice is not None or claimed.part > 0:
        return {}
    talk = known.conversation
    return {
        "first_contact": first_contact(rules, talk, known.standing),
        "conversation_held": talk.held_since is not None,
        "loop": is_loop(talk, rules, body=body, now=now),
        "quiet_until": quiet_until(
            claimed.text.remote, rules, now=now, last_inbound_at=talk.last_inbound_at
        ),
    }


def _is_active(agent_id: str, route: Route | None) -> bool:
    """Whether the number is still the agent's, on a connection that is not disconnected."""
    return (
        route is not None
        and route.agent_id == agent_id
        and route.connection_status is not ConnectionStatus.DISCONNECTED
    )


def ordered_before(claimed: Outbound, fence: datetime | None) -> bool:
    """Whether a text was ordered before an opt-out was noted. A publisher's word on when it was is
    to the second, so a command of the same second counts as later, unless it was claimed before."""
    if fence is None:
        return False
    ordered, second = claimed.text.ordered_at, fence.replace(microsecond=0)
    return claimed.claimed_at < fence or (ordered is not None and ordered < second)
