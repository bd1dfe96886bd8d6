"""What the paths of the API have in common: their prefix, the query of a list, kinds of fields."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field, StringConstraints

from health.web.fields import BUS_USER, ONE_LINE
from health.web.routes import Body
from heliograph.wire import SLUG_PATTERN

PREFIX: Final = "/api/v1"
TENANT: Final = PREFIX + "/tenants/{tenant_id}"

TenantSlug = Annotated[str, Field(pattern=SLUG_PATTERN, examples=["acme"])]
AgentSlug = Annotated[str, Field(pattern=SLUG_PATTERN, examples=["front-desk"])]
"""They become parts of queue names and routing keys, hence slugs."""

BusUser = Annotated[str, Field(pattern=BUS_USER, examples=["acme.front-desk"])]

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=ONE_LINE),
]
"""What people call something: one line of at most 100 characters, without blanks around it."""


class ListQuery(Body):
    """Which part of a list is wanted."""

    limit: int = Field(50, ge=1, le=200, description="How many items at most.")
    cursor: str | None = Field(
        None, max_length=600, description="`next` of the page before; none for the first page."
    )
