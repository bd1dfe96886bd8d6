"""An agent as its author would run it: a process of its own. The tests start and stop it.

Usage: python agent_process.py URL, which prints a line when it begins to answer a turn.
"""

from __future__ import annotations

import asyncio
import sys

from heliograph import Agent

agent = Agent(sys.argv[1], tenant_id="acme", agent_id="front-desk")


@agent.on_turn
async def answer(turn) -> None:  # type: ignore[no-untyped-def]  # as an author writes it
    print(turn.turn_id, flush=True)  # noqa: T201 - the test reads it
    await asyncio.sleep(0.02)
    await turn.reply(f"You said: {turn.message.body}")


agent.run()
