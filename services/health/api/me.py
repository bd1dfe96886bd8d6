"""Who the caller is."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from health.access.roles import Role
from health.api.paths import PREFIX
from health.web.routes import Answer, Call, Route, View


class MeView(View):
    """Who is asking, as the service sees them."""

    kind: str = Field(description="`key` or `oidc`.")
    id: str
    name: str
    role: Role
    tenant_id: str | None = Field(description="None: an operator, who reaches every tenant.")


async def read_me(call: Call) -> Answer:
    who = call.principal
    return Answer(
        body=MeView(kind=who.kind, id=who.id, name=who.name, role=who.role, tenant_id=who.tenant_id)
    )


ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="read_me",
        method="GET",
        path=f"{PREFIX}/me",
        needs=Role.VIEWER,
        handler=read_me,
        summary="Read who you are and what you may",
        answer=MeView,
        tag="access",
    ),
)
