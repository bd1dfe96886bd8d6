"""Paths of the API. What a person typed becomes one step of a path and nothing else."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from heliograph.cli.errors import Misused

PREFIX: Final = "/api/v1"


def path(*steps: str) -> str:
    """`path("tenants", "acme", "numbers", "+1800…")` is `/api/v1/tenants/acme/numbers/%2B1800…`.

    Raises: Misused, for a step that a server would take for a way up or leave out.
    """
    for step in steps:
        if step.strip() in {"", ".", ".."}:
            raise Misused(f"{step!r} is no ID.", "Lists show the IDs of things.")
    return "/".join((PREFIX, *(quote(step, safe="") for step in steps)))
