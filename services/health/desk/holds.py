"""What can be done with conversations that wait for a person, since they looked like two machines
that answer each other."""

from __future__ import annotations

from common.store.control import HeldConversation, Page
from common.store.control_ports import HeldConversations
from health.access.roles import Principal


class HoldDesk:
    """Held conversations, as API and console handle them."""

    def __init__(self, holds: HeldConversations):
        self._holds = holds

    async def list(
        self, tenant_id: str, *, limit: int, cursor: str | None = None
    ) -> Page[HeldConversation]:
        """Those that wait, the one held last first. Raises BadCursor."""
        return await self._holds.list(tenant_id, limit=limit, cursor=cursor)

    async def find(self, tenant_id: str, conversation_id: str) -> HeldConversation | None:
        """One that waits; None where it goes on."""
        found = await self._holds.get(tenant_id, conversation_id)
        return found if found is not None and found.held_since is not None else None

    async def resume(
        self, tenant_id: str, conversation_id: str, *, by: Principal
    ) -> HeldConversation:
        """Let the agent answer in it again. What is held for approval keeps waiting; what was
        written before no longer counts as a loop.

        Raises:
            NotFound: it was never held.
        """
        return await self._holds.resume(tenant_id, conversation_id, by=by.actor)
