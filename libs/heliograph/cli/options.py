"""Options and arguments that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")]
Every = Annotated[bool, typer.Option("--all", help="All of them, however many.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; the answer is yes.")]

NumberAt = Annotated[
    str, typer.Argument(metavar="NUMBER", help="E.164 (+18005550100), short code or sender name.")
]
ConnectionAt = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="The ID, as `connections list` shows it.")
]
MessageAt = Annotated[
    str, typer.Argument(metavar="MESSAGE", help="The text's ID, as lists of texts show it.")
]
AgentAt = Annotated[str, typer.Argument(metavar="AGENT", help="The ID, such as front-desk.")]

OnlyNumber = Annotated[
    str | None, typer.Option("--number", metavar="NUMBER", help="Only of this number.")
]
OnlyRemote = Annotated[
    str | None, typer.Option("--remote", metavar="NUMBER", help="Only with this person.")
]

Since = Annotated[
    str | None, typer.Option("--since", metavar="WHEN", help="From then on: 2h, 7d or an instant.")
]
Until = Annotated[str | None, typer.Option("--until", metavar="WHEN", help="Up to then.")]

Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="PARAMETER=VALUE",
        help="A parameter of the provider. Not for secrets: a command line is seen by others.",
    ),
]
SetFile = Annotated[
    list[str] | None,
    typer.Option(
        "--set-file",
        metavar="PARAMETER=PATH",
        help="A parameter that is read from a file, or with - from stdin.",
    ),
]
Partner = Annotated[
    str | None,
    typer.Option("--partner", metavar="NAME", help="A Messaging Connect partner of ACS."),
]
