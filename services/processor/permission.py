"""Whether an agent may answer, as its turn says: by the ledger and by holds, read for a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from common.store.consent_ports import ConsentLedger, Conversations
from common.store.records import Inbound
from heliograph.codes import OutcomeCode
from heliograph.models import Keyword
from processor.consenting import Remotes, read_remotes


class Permission:
    """Reads what keeps agents from answering."""

    def __init__(self, ledger: ConsentLedger, conversations: Conversations):
        self._ledger = ledger
        self._conversations = conversations

    async def refusals(self, texts: Sequence[Inbound]) -> Mapping[str, OutcomeCode]:
        """By message ID: why the agent cannot answer; those that it can are left out."""
        conversations = {it.text.conversation_id for it in texts}
        remotes, held = await asyncio.gather(
            read_remotes(self._ledger, texts), self._conversations.held(list(conversations))
        )
        codes = {it.id: _refusal(it, remotes, held) for it in texts}
        return {text_id: code for text_id, code in codes.items() if code is not None}


def _refusal(inbound: Inbound, remotes: Remotes, held: frozenset[str]) -> OutcomeCode | None:
    """An opt-out that an earlier word has overtaken still says that this person wants no answer."""
    if inbound.text.keyword is Keyword.OPT_OUT or remotes.opted_out(inbound):
        return OutcomeCode.RECIPIENT_OPTED_OUT
    return OutcomeCode.CONVERSATION_HELD if inbound.text.conversation_id in held else None
