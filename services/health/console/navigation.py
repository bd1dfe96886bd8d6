"""The console's pages as the mast lists them. Data, and one pure function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from health.access.roles import Principal, Role


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the mast. `path` is within the tenant's; `also` are pages that belong to it."""

    label: str
    icon: str
    path: str
    needs: Role = Role.VIEWER
    also: tuple[str, ...] = ()
    counted: str = ""
    """The ID of the element that shows how much waits there; its `count` says so."""


@dataclass(frozen=True, slots=True)
class Item:
    """A place as one page shows it."""

    label: str
    icon: str
    href: str
    current: bool
    counted: str = ""


PLACES: Final = (
    Place("Overview", "overview", ""),
    Place("Approvals", "approvals", "approvals", counted="held-count"),
    Place("Conversations", "conversations", "conversations", also=("messages",)),
    Place("Opt-outs", "opt-outs", "opt-outs", counted="review-count"),
    Place("Executions", "executions", "executions"),
    Place("Connections", "connections", "connections", also=("connect", "numbers")),
    Place("Agents", "agents", "agents"),
    Place("Keys", "keys", "keys", needs=Role.ADMIN),
    Place("Audit", "audit", "audit", needs=Role.ADMIN),
)


def items(principal: Principal, tenant_id: str, path: str) -> tuple[Item, ...]:
    """What this person may go to, seen from the page at `path`."""
    found: list[Item] = []
    if tenant_id:
        root = f"/t/{tenant_id}/"
        section = path.removeprefix(root).split("/", 1)[0] if path.startswith(root) else None
        found += [
            Item(
                label=place.label,
                icon=place.icon,
                href=root + place.path,
                current=section == place.path or section in place.also,
                counted=place.counted,
            )
            for place in PLACES
            if principal.may(place.needs)
        ]
    if principal.may(Role.OPERATOR):
        found += [
            Item("Tenants", "tenants", "/tenants", path.startswith("/tenants")),
            Item("Dead letters", "dead-letters", "/dead-letters", path.startswith("/dead-letters")),
        ]
    return tuple(found)
