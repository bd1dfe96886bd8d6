"""Providers, and what each wants to know."""

from __future__ import annotations

from typing import Annotated

import typer

from heliograph.cli.columns import Column
from heliograph.cli.parameters import provider_of
from heliograph.cli.paths import path
from heliograph.cli.session import Session

PROVIDERS = (
    Column("name", "name"),
    Column("title", "title"),
    Column("available", "available"),
    Column("feature", "feature"),
    Column("portal", "portal"),
)
PARAMETERS = (
    Column("parameter", "name"),
    Column("required", "required"),
    Column("secret", "secret"),
    Column("where to find it", "help"),
)


def providers(
    session: Session,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="One of them, with its parameters.")
    ] = None,
) -> None:
    """List the providers, or show the parameters of one."""
    if name is None:
        page = session.api.get(path("providers")).body
        session.out.page(page, PROVIDERS, empty="No provider.")
        return
    spec = provider_of(session, name)
    session.out.one(spec, (*PROVIDERS, Column("number types", "number_types")))
    if not session.out.wants_json:
        session.out.table(spec["parameters"], PARAMETERS)
