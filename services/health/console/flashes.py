"""What is said once after something was done: short codes in a cookie, words in a table here. The
cookie is not signed because nobody can say anything with it that is not written here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

COOKIE: Final = "heliograph_flash"
SECONDS: Final = 60
"""After which a message that no page has shown is forgotten."""


@dataclass(frozen=True, slots=True)
class Flash:
    """A message and its tone: `ok`, `sun`, `danger` or `info`."""

    text: str
    tone: str = "ok"


FLASHES: Final[Mapping[str, Flash]] = {
    # Sign-in
    "signed_out": Flash("You are signed out.", "info"),
    # Approvals
    "approved": Flash("Approved. The text is on its way."),
    "approved_edited": Flash("Approved with your words. The text is on its way."),
    "rejected": Flash("Rejected. The text was not sent, and the agent is told why."),
    "already_approved": Flash("Somebody was quicker: the text was approved already.", "sun"),
    "already_rejected": Flash("Somebody was quicker: the text was rejected already.", "sun"),
    "already_cancelled": Flash(
        "Too late: the other person has asked not to be texted, so it was cancelled.", "sun"
    ),
    "already_expired": Flash("Too late: the time to decide on this text is over.", "sun"),
    # Opt-outs
    "opted_out": Flash("Opted out. Nothing is sent to them any more."),
    "opted_in": Flash("Opted in. They may be texted again.", "sun"),
    "opt_out_confirmed": Flash("Confirmed. Nothing is sent to them any more."),
    "opt_out_undone": Flash("Undone. They may be texted again."),
    "not_in_doubt": Flash("This opt-out is not in doubt; here is what was said.", "sun"),
    "list_has_it": Flash("The provider’s own list has them as opted out.", "info"),
    "list_has_it_not": Flash("The provider’s own list does not have them as opted out.", "info"),
    "list_unknown": Flash("This provider does not say whom its own list has.", "info"),
    # Tenants
    "tenant_created": Flash("The tenant exists now."),
    "tenant_updated": Flash("The tenant was changed."),
    "opt_out_scope": Flash("Saved. It counts from the next text on."),
    "sending_stopped": Flash("Stopped. Nothing is sent until somebody turns it on again.", "sun"),
    "sending_resumed": Flash("Sending goes on from the next text on."),
    # Conversations
    "conversation_resumed": Flash("The conversation goes on; its agent may answer again."),
    # Connections and numbers
    "connected": Flash("Connected. Texts to its numbers now reach their agents."),
    "connection_updated": Flash("The connection was changed."),
    "credentials_updated": Flash("The new credentials work; the connection is active."),
    "rotated": Flash("The credential was replaced; the other one stayed in use meanwhile."),
    "checked_active": Flash("Checked just now: the provider accepts the credentials."),
    "checked_error": Flash("Checked just now: the provider refuses the credentials.", "danger"),
    "disconnected": Flash("Disconnected. Its credentials are erased and its numbers are free."),
    "reconnected": Flash("Reconnected. Add its numbers to receive texts again."),
    "number_added": Flash("The number is connected. Its gate is closed."),
    "number_updated": Flash("The number was changed."),
    "number_assigned": Flash("The number belongs to another agent now; its history stays."),
    "number_moved": Flash("The number was moved; its conversations go on."),
    "number_removed": Flash("The number is free."),
    "number_rules": Flash("The sending rules were changed. They count from the next text on."),
    "number_failover": Flash("Saved. It counts from the next text on."),
    "gate_on": Flash("The gate is open: the agent sends by itself from the next text on.", "sun"),
    "gate_off": Flash("The gate is closed: from now on each text waits for a person."),
    # Dead letters
    "letter_replayed": Flash("Replayed. The message is on its way again."),
    "letter_edited": Flash("Edited. The message is parked with its new body."),
    "letter_dropped": Flash("Dropped. The message is gone."),
    # Agents and keys
    "agent_created": Flash("The agent exists now."),
    "agent_updated": Flash("The agent was changed."),
    "key_revoked": Flash("The key is revoked, and everyone signed in with it is signed out."),
}
