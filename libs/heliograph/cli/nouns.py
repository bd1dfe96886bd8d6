"""From plain functions to a command line: a noun is a table of verbs. Every command takes a
`Session` first and gains `--json` and `--tenant`, in one place."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from heliograph.cli.session import Session
from heliograph.cli.world import World

Command = Callable[..., None]
"""Takes a `Session`, then what typer is to read from the command line."""

Json = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]
Tenant = Annotated[
    str | None,
    typer.Option(
        "--tenant", metavar="ID", help="The tenant that is meant; a key of a tenant knows its own."
    ),
]


@dataclass(frozen=True, slots=True)
class Noun:
    """What is acted on, and the verbs: functions by their names on the command line."""

    name: str
    help: str
    verbs: Mapping[str, Command]


def add_noun(app: typer.Typer, noun: Noun, *, panel: str) -> None:
    """Add `heliograph <noun> <verb>` for each verb."""
    group = typer.Typer(help=noun.help, no_args_is_help=True)
    for name, command in noun.verbs.items():
        add_command(group, name, command)
    app.add_typer(group, name=noun.name, rich_help_panel=panel)


def add_command(app: typer.Typer, name: str, command: Command, *, panel: str | None = None) -> None:
    """Add one command."""
    app.command(name, help=help_of(command), rich_help_panel=panel)(_with_session(command))


def help_of(command: Command) -> str:
    """The docstring, its paragraphs a line each: how wide a terminal is, nobody knows here."""
    paragraphs = (inspect.getdoc(command) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _with_session(command: Command) -> Command:
    _session, *own = inspect.signature(command, eval_str=True).parameters.values()

    def run(**given: Any) -> None:
        context: typer.Context = given.pop("context")
        world: World = context.find_root().obj
        session = Session(
            world, wants_json=given.pop("wants_json"), tenant=given.pop("named_tenant")
        )
        try:
            command(session, **given)
        finally:
            session.close()

    shared = [
        _keyword("context", typer.Context),
        *(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own),
        _keyword("wants_json", Json, default=False),
        _keyword("named_tenant", Tenant, default=None),
    ]
    # Typer reads the command line's form from these two.
    run.__signature__ = inspect.Signature(shared)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in shared}
    run.__name__ = command.__name__
    return run


def _keyword(name: str, annotation: Any, **default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, **default)
