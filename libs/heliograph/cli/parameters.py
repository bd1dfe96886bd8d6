"""A provider's parameters: from options and files, or by asking. Secrets need never stand on a
command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from heliograph.cli.columns import plain
from heliograph.cli.errors import Misused
from heliograph.cli.paths import path
from heliograph.cli.session import Session


def provider_of(session: Session, name: str) -> dict[str, Any]:
    """What the API says of a provider. Raises: Misused."""
    providers = session.api.get(path("providers")).body.get("items", [])
    for provider in providers:
        if provider["name"] == name:
            return dict(provider)
    known = ", ".join(provider["name"] for provider in providers)
    raise Misused(f"There is no provider {name}.", f"There are {known}.")


def gather(
    session: Session,
    provider: Mapping[str, Any],
    *,
    given: Sequence[str] | None,
    files: Sequence[str] | None,
    partner: str | None = None,
    only: Sequence[str] | None = None,
) -> dict[str, str]:
    """The values of a provider's parameters; what is required and missing is asked for.

    Args:
        only: names of the parameters that are wanted; None for all.
    """
    wanted = [item for item in _wanted(provider, partner) if only is None or item["name"] in only]
    values = named(given) | from_files(files, session.world.stdin)
    _warn_of_secrets(session, wanted, named(given))
    asks = not values and session.ask.possible
    for item in wanted:
        if item["name"] in values or not (item["required"] or asks):
            continue
        value = _ask(session, item)
        if value:
            values[item["name"]] = value
    return values


def named(pairs: Sequence[str] | None) -> dict[str, str]:
    """`["a=1"]` as a mapping. Raises: Misused."""
    values = {}
    for pair in pairs or ():
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Misused("--set and --set-file take PARAMETER=VALUE.")
        values[name] = value
    return values


def from_files(pairs: Sequence[str] | None, stdin: TextIO) -> dict[str, str]:
    """The contents of the files, without the line break that ends them. Raises: Misused."""
    return {name: _content(source, stdin) for name, source in named(pairs).items()}


def _content(source: str, stdin: TextIO) -> str:
    if source == "-":
        return stdin.read().rstrip("\r\n")
    try:
        return Path(source).expanduser().read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Misused(f"{source} cannot be read: {error}.") from None


def _wanted(provider: Mapping[str, Any], partner: str | None) -> list[Mapping[str, Any]]:
    wanted = list(provider["parameters"])
    if partner and provider.get("partner_parameter"):
        wanted.append(provider["partner_parameter"])
    return wanted


def _warn_of_secrets(
    session: Session, wanted: Sequence[Mapping[str, Any]], given: Mapping[str, str]
) -> None:
    for item in wanted:
        if item["secret"] and item["name"] in given:
            session.out.note(
                f"{item['name']} is a secret and stood on the command line, where other users of "
                f"this machine and your shell's history can see it: --set-file {item['name']}=-"
            )


def _ask(session: Session, item: Mapping[str, Any]) -> str:
    label = item["label"] if item["required"] else f"{item['label']} (may stay empty)"
    option = f"--set-file {item['name']}=PATH"
    if session.ask.possible and item.get("help"):
        session.out.note(plain(item["help"]))
    while True:
        ask = session.ask.secret if item["secret"] else session.ask.text
        value = ask(label, option=option)
        if value or not item["required"]:
            return value
