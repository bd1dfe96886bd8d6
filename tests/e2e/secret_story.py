"""Everything that takes a secret, a phone number or a text is given one, rightly and wrongly."""

from __future__ import annotations

from secret_access import refuse_settings, type_commands, use_keys, use_sessions
from secret_credentials import (
    connect_and_change,
    disconnect,
    misplace_secrets,
    refuse_credentials,
)
from secret_texts import hold_texts
from secret_world import Stage


async def tell(stage: Stage) -> None:
    """All of it."""
    await hold_texts(stage)
    await connect_and_change(stage)
    await refuse_credentials(stage)
    await misplace_secrets(stage)
    await use_keys(stage)
    await use_sessions(stage)
    await type_commands(stage)
    await refuse_settings(stage)
    await disconnect(stage)
