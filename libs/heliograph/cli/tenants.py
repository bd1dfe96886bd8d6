"""Tenants, for operators."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from heliograph.cli.columns import Column, instant
from heliograph.cli.connect import RULES
from heliograph.cli.errors import Misused
from heliograph.cli.nouns import Noun
from heliograph.cli.options import Every, Limit, Yes
from heliograph.cli.paths import path
from heliograph.cli.session import Session

TENANTS = (
    Column("id", "id"),
    Column("name", "name"),
    Column("features", "features"),
    Column("opt-out counts for", "opt_out_scope"),
    Column("sending stopped", "sending_stopped"),
    Column("opt-out rules accepted", "opt_out_accepted_at", instant),
    Column("created", "created_at", instant),
)

TenantAt = Annotated[str, typer.Argument(metavar="TENANT", help="The ID, such as acme.")]
Features = Annotated[
    list[str] | None,
    typer.Option("--feature", help="What it may use, such as custom.acs_sms. Repeatable."),
]


def list_(session: Session, limit: Limit = 50, every: Every = False) -> None:
    """List tenants."""
    page = session.api.collect(path("tenants"), limit=limit, everything=every)
    session.out.page(page, TENANTS, empty="No tenant yet: heliograph tenants create")


def show(session: Session, tenant: TenantAt) -> None:
    """Show a tenant."""
    session.out.one(session.api.get(path("tenants", tenant)).body, TENANTS)


def create(
    session: Session,
    tenant: TenantAt,
    name: Annotated[str, typer.Option("--name", help="What people call it.")],
    features: Features = None,
) -> None:
    """Make a tenant."""
    body = {"id": tenant, "name": name, "features": features or []}
    session.out.one(session.api.send("POST", path("tenants"), body).body, TENANTS)


def update(
    session: Session,
    tenant: TenantAt,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    features: Features = None,
    opt_out_scope: Annotated[
        str | None,
        typer.Option(
            "--opt-out-scope",
            help="For which numbers an opt-out counts: number (the one it was sent to) or tenant.",
        ),
    ] = None,
) -> None:
    """Change the name, the features or the scope of opt-outs. --feature replaces all features."""
    changes: dict[str, Any] = {"name": name} if name is not None else {}
    if features:
        changes["features"] = features
    if opt_out_scope is not None:
        changes["opt_out_scope"] = opt_out_scope
    if not changes:
        raise Misused("Nothing to change is named.", "See `heliograph tenants update --help`.")
    session.out.one(session.api.change("PATCH", path("tenants", tenant), changes).body, TENANTS)


def accept_opt_out(session: Session, yes: Yes = False) -> None:
    """Accept, for the tenant and once, that opt-out commands are handled properly."""
    session.ask.confirm(RULES, "Accept?", yes=yes)
    done = session.api.send("POST", session.at("opt-out-acceptance"), {"accepted": True}).body
    session.out.one(done, TENANTS)


NOUN = Noun(
    "tenants",
    "Customers that see nothing of each other; making them is an operator's.",
    {
        "list": list_,
        "show": show,
        "create": create,
        "update": update,
        "accept-opt-out": accept_opt_out,
    },
)
