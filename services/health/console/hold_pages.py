"""Letting a conversation go on that waits for a person."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from aiohttp import web

from health.access.roles import Role
from health.console.page_routes import form
from health.console.rendering import see_other
from health.web.routes import Call, Route


async def resume(call: Call) -> web.Response:
    """Let a held conversation go on."""
    held = await call.desks.holds.resume(
        call.tenant_id, call.at("conversation_id"), by=call.principal
    )
    here = f"/t/{call.tenant_id}/conversations/{quote(held.conversation_id, safe='')}"
    return see_other(here, flash="conversation_resumed")


ROUTES: Final[tuple[Route, ...]] = (
    form(
        "conversation_resume",
        "/t/{tenant_id}/conversations/{conversation_id}/resume",
        resume,
        needs=Role.APPROVER,
    ),
)
