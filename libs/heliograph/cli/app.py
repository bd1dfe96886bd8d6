"""The whole command line on one page: which commands there are, and how a run ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Annotated, Final

import typer

from heliograph.cli import (
    agents,
    approvals,
    audit,
    connections,
    consents,
    conversations,
    dead_letters,
    gate,
    keys,
    messages,
    numbers,
    sending,
    tenants,
)
from heliograph.cli.connect import connect
from heliograph.cli.errors import CommandFailed, ExitCode
from heliograph.cli.messages import execution
from heliograph.cli.nouns import Noun, add_command, add_noun
from heliograph.cli.output import Output
from heliograph.cli.overview import overview
from heliograph.cli.providers import providers
from heliograph.cli.sign_in import sign_in, sign_out, whoami
from heliograph.cli.tail import tail
from heliograph.cli.world import World

COMMANDS: Final[Mapping[str, Mapping[str, Callable[..., None]]]] = {
    "You": {"sign-in": sign_in, "sign-out": sign_out, "whoami": whoami},
    "Every day": {"overview": overview, "tail": tail, "execution": execution},
    "Set up": {"connect": connect, "check": connections.check, "providers": providers},
}
"""Commands by the heading that `--help` shows them under."""

NOUNS: Final[Mapping[str, Sequence[Noun]]] = {
    "Every day": (
        approvals.NOUN,
        consents.NOUN,
        gate.NOUN,
        sending.NOUN,
        conversations.NOUN,
        messages.NOUN,
    ),
    "Set up": (connections.NOUN, numbers.NOUN, agents.NOUN, keys.NOUN, audit.NOUN),
    "Operators": (tenants.NOUN, dead_letters.NOUN),
}


def application() -> typer.Typer:
    """Every command."""
    app = typer.Typer(
        help="Heliograph: SMS for AI agents, on your own number. Connect numbers, hold the switch, "
        "approve texts, and see what happened.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_about)
    for panel, commands in COMMANDS.items():
        for name, command in commands.items():
            add_command(app, name, command, panel=panel)
    for panel, nouns in NOUNS.items():
        for noun in nouns:
            add_noun(app, noun, panel=panel)
    return app


def run(arguments: Sequence[str], world: World) -> int:
    """Do what the arguments say; the exit code."""
    try:
        application()(args=list(arguments), prog_name="heliograph", obj=world)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else ExitCode.REFUSED
    except CommandFailed as failed:
        voice = Output(world.stdout, world.stderr, world.environment, wants_json=False)
        voice.failure(failed)
        return failed.exit_code
    return ExitCode.DONE


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"heliograph {version('heliograph')}")
        raise typer.Exit


def _about(
    _: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_say_version),
    ] = False,
) -> None:
    """Nothing is done without a command."""
