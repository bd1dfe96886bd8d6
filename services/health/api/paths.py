"""What the paths of the API have in common: their prefix, the query of a list, kinds of fields."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from health.web.routes import Body
from heliograph.wire import SLUG_PATTERN

PREFIX: Final = "/api/v1"
TENANT: Final = PREFIX + "/tenants/{tenant_id}"

_ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
"""No control character, and something that shows."""
_BUS_USER: Final = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$"

TenantSlug = Annotated[str, Field(pattern=SLUG_PATTERN, examples=["acme"])]
AgentSlug = Annotated[str, Field(pattern=SLUG_PATTERN, examples=["front-desk"])]
"""They become parts of queue names and routing keys, hence slugs."""

BusUser = Annotated[str, Field(pattern=_BUS_USER, examples=["acme.front-desk"])]

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=_ONE_LINE),
]
"""What people call something: one line of at most 100 characters, without blanks around it."""


class ListQuery(Body):
    """Which part of a list is wanted."""

    limit: int = Field(50, ge=1, le=200, description="How many items at most.")
    cursor: str | None = Field(
        None, max_length=600, description="`next` of the page before; none for the first page."
    )
