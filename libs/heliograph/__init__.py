"""Heliograph for agents: the wire contract and the client.

An agent reads turns from its own queue and answers with send commands:

    from heliograph import Agent

    agent = Agent("amqp://…", tenant_id="acme", agent_id="front-desk")

    @agent.on_turn
    async def answer(turn):
        await turn.reply(f"You said: {turn.message.body}")

    agent.run()
"""

from heliograph.agent import Agent
from heliograph.codes import OutcomeCode
from heliograph.errors import (
    AgentNotAllowed,
    AgentQueueMissing,
    AgentStopped,
    CommandRefused,
    HeliographError,
    OutcomeTimeout,
    WrongUse,
)
from heliograph.models import (
    Direction,
    HistoryItem,
    Keyword,
    Outcome,
    OutcomeStatus,
    Report,
    ReportStatus,
    SendCommand,
    Turn,
    TurnMessage,
    UnreadableMessage,
)
from heliograph.turns import HeldTurn, OpenTurn

__all__ = [
    "Agent",
    "AgentNotAllowed",
    "AgentQueueMissing",
    "AgentStopped",
    "CommandRefused",
    "Direction",
    "HeldTurn",
    "HeliographError",
    "HistoryItem",
    "Keyword",
    "OpenTurn",
    "Outcome",
    "OutcomeCode",
    "OutcomeStatus",
    "OutcomeTimeout",
    "Report",
    "ReportStatus",
    "SendCommand",
    "Turn",
    "TurnMessage",
    "UnreadableMessage",
    "WrongUse",
]
