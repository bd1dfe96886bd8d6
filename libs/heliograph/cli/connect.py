"""Connecting a number: by answering questions, or all by options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from heliograph.cli.columns import plain
from heliograph.cli.connections import CONNECTION
from heliograph.cli.options import Partner, Set, SetFile
from heliograph.cli.parameters import gather, provider_of
from heliograph.cli.paths import path
from heliograph.cli.session import Session

RULES = (
    "People who text STOP must not be texted again, and those who text HELP must get help.\n"
    "By connecting a number your organisation accepts that opt-out commands are handled properly."
)


def connect(
    session: Session,
    *,
    provider: Annotated[
        str | None,
        typer.Option("--provider", help="Such as acs; `heliograph providers` lists them."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="What it is for.")
    ] = None,
    given: Set = None,
    files: SetFile = None,
    partner: Partner = None,
    number: Annotated[
        str | None, typer.Option("--number", help="A number to connect with it.")
    ] = None,
    number_type: Annotated[
        str | None,
        typer.Option("--type", help="toll_free, short_code, local, alphanumeric or partner."),
    ] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="The agent of the number.")] = None,
    accept_opt_out: Annotated[
        bool,
        typer.Option("--accept-opt-out", help="Accept that opt-out commands are handled properly."),
    ] = False,
) -> None:
    """Connect a provider, and a number of it to an agent. What is not said by options is asked.

    The credentials are tried with the provider, without sending anything, before they are kept.
    """
    spec = provider_of(session, provider or _choose_provider(session))
    body: dict[str, Any] = {
        "provider": spec["name"],
        "name": name or session.ask.text("Name", option="--name", default=spec["title"]),
        "parameters": gather(session, spec, given=given, files=files, partner=partner),
    }
    if description:
        body["description"] = description
    if partner:
        body["partner"] = partner
    wanted = _number(session, spec, number, number_type, agent)
    if wanted:
        body["numbers"] = [wanted]
    if _accepts(session, accept_opt_out):
        body["accept_opt_out"] = True
    made = session.api.send("POST", session.at("connections"), body).body
    session.out.one(made, CONNECTION)
    if not session.out.wants_json:
        _say_what_is_next(session, spec, made, wanted)


def _choose_provider(session: Session) -> str:
    specs = session.api.get(path("providers")).body.get("items", [])
    available = [spec["name"] for spec in specs if spec.get("available", True)]
    return session.ask.choose("Provider", available, option="--provider")


def _number(
    session: Session,
    spec: Mapping[str, Any],
    number: str | None,
    number_type: str | None,
    agent: str | None,
) -> dict[str, Any] | None:
    """The number to connect at once; None where there is to be none yet."""
    asks = session.ask.possible
    if number is None and asks:
        number = session.ask.text("Number (may stay empty)", option="--number")
    if not number:
        return None
    types = [plain(one) for one in spec["number_types"]]
    return {
        "address": number,
        "type": number_type or session.ask.choose("Type", types, option="--type"),
        "agent_id": agent or _choose_agent(session),
    }


def _choose_agent(session: Session) -> str:
    agents: list[str] = []
    if session.ask.possible:
        page = session.api.collect(session.at("agents"), limit=50)
        agents = [one["id"] for one in page["items"] if one.get("active", True)]
    if not agents:
        return session.ask.text("Agent", option="--agent")
    return session.ask.choose("Agent", agents, option="--agent")


def _accepts(session: Session, accepted: bool) -> bool:
    """Asked once a tenant; where nobody can be asked, the API says what is missing."""
    if accepted or not session.ask.possible:
        return accepted
    if session.api.get(session.at()).body.get("opt_out_accepted_at"):
        return False
    return session.ask.agrees(RULES, "Accept?", option="--accept-opt-out")


def _say_what_is_next(
    session: Session,
    spec: Mapping[str, Any],
    made: Mapping[str, Any],
    number: Mapping[str, Any] | None,
) -> None:
    for callback in spec.get("callbacks") or ():
        path = str(callback["path_template"]).replace("{connection_id}", str(made.get("id")))
        session.out.say(f"{callback['label']}: {path} at the webhook's address")
    if number:
        session.out.note(
            f"The gate of {number['address']} is off: each answer waits in `heliograph approvals "
            "list` until somebody approves it."
        )
    else:
        session.out.note(f"Next: heliograph numbers add {made.get('id')} NUMBER --type … --agent …")
