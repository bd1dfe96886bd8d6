"""Runbooks: every alert has one, each is whole, and what it tells one to type exists."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from typer.main import get_command

from common.settings import PREFIX
from deploy.checks.alerts.boards import Target
from deploy.checks.alerts.places import Places
from deploy.checks.alerts.rules import Rules
from deploy.checks.alerts.series import OURS, Series
from heliograph.cli.app import application
from local.configuration import SERVICES

SECTIONS: Final = ("What it means", "Who is hurt", "How to see it", "What to do", "When it is over")
CLIENT: Final = frozenset({"URL", "API_KEY", "TENANT"})
"""What the command line reads from the environment, beside the services' settings (docs/cli.md)."""

_LINE: Final = 120


def pages(places: Places) -> list[Path]:
    """Every runbook."""
    return sorted(path for path in places.runbooks.glob("*.md") if path.name != "README.md")


def unresolved(rules: Rules, places: Places) -> Iterator[str]:
    """Alerts whose runbook is no file or no heading of it, and runbooks of no alert."""
    linked: dict[str, set[str]] = {}
    for alert in rules.alerts:
        target, _, anchor = alert.runbook.partition("#")
        path = places.links / target
        linked.setdefault(path.name, set()).add(alert.name)
        if path.parent != places.runbooks or not path.is_file():
            yield f"{alert.name}: there is no runbook {alert.runbook or '(none)'}"
        elif anchor and anchor not in _anchors(path.read_text(encoding="utf-8")):
            yield f"{alert.name}: {target} has no heading #{anchor}"
    for path in pages(places):
        for name in sorted(linked.get(path.name, {"no alert"})):
            if f"# {name}\n" not in path.read_text(encoding="utf-8"):
                yield f"{path.name}: its heading is not {name}, which links to it"


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def unusable(path: Path, known: Mapping[str, Series]) -> Iterator[str]:
    """What a runbook lacks, or names although it does not exist."""
    text = path.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    if tuple(headings) != SECTIONS:
        yield f"{path.name}: its sections are not {', '.join(SECTIONS)}"
    for finding in unknown_names(text, known):
        yield f"{path.name}: {finding}"
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > _LINE and not line.startswith("|"):
            yield f"{path.name}:{number}: the line is longer than {_LINE} characters"


def queries(path: Path) -> list[Target]:
    """What a runbook has one ask Prometheus, a line each."""
    text = path.read_text(encoding="utf-8")
    blocks = re.findall(r"^```promql\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [Target(path.name, expr) for block in blocks for expr in block.splitlines()]


def unknown_names(text: str, known: Mapping[str, Series]) -> Iterator[str]:
    """Commands, make targets, settings and metrics that a page names and that do not exist."""
    finders: tuple[Callable[[str], Iterator[str]], ...] = (
        _commands,
        _targets,
        _settings,
        _programs,
    )
    for find in finders:
        yield from find(text)
    for name in sorted(set(re.findall(rf"\b{OURS}[a-z0-9_]+", text))):
        series = (name, f"{name}_bucket")
        if not any(one in known for one in series):
            yield f"there is no metric {name}"


def _code(text: str) -> Iterator[str]:
    """Lines of code blocks, and code in the running text."""
    for block in re.findall(r"^```(?:sh|text)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from block.replace("\\\n", " ").splitlines()
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`]+)`", outside)


def _commands(text: str) -> Iterator[str]:
    for line in _code(text):
        for call in re.findall(r"(?:^|[$|;(] ?)heliograph ([^|;#)]*)", line):
            yield from _checked(_command_line(), shlex.split(call))


@functools.cache
def _command_line() -> Any:
    """Building it takes a tenth of a second, and it never changes."""
    return get_command(application())


def _checked(command: Any, words: list[str]) -> Iterator[str]:
    """Follow the words from the whole command line to one command, then look at its options."""
    path = ["heliograph"]
    while (verbs := getattr(command, "commands", None)) is not None:
        if not words:
            yield f"`{' '.join(path)}` needs a command"
            return
        path.append(words[0])
        command = verbs.get(words.pop(0))
        if command is None:
            yield f"there is no command `{' '.join(path)}`"
            return
    options = {name for parameter in command.params for name in (*parameter.opts, "--help")}
    for word in words:
        if word.startswith("-") and word != "-" and word.partition("=")[0] not in options:
            yield f"`{' '.join(path)}` has no option {word}"


def _targets(text: str) -> Iterator[str]:
    makefile = (Places().links / "Makefile").read_text(encoding="utf-8")
    known = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    for line in _code(text):
        for target in re.findall(r"(?:^|[$;&] ?)make ([a-z0-9-]+)", line):
            if target not in known:
                yield f"there is no `make {target}`"


def _settings(text: str) -> Iterator[str]:
    names = {name.upper() for settings in SERVICES.values() for name in settings.model_fields}
    for name in sorted(set(re.findall(rf"\b{PREFIX}([A-Z0-9_]+)", text))):
        if name.removesuffix("_FILE") not in names | CLIENT:
            yield f"there is no setting {PREFIX}{name}"


def _programs(text: str) -> Iterator[str]:
    """`python -m MODULE --option` where there is no such program, or it has no such option."""
    for line in _code(text):
        for module, option in re.findall(r"python -m ([\w.]+)(?: (--[a-z-]+))?", line):
            path = module.replace(".", "/")
            places = [root / path for root in (Places().links / "services", Places().links)]
            found = [place / "__main__.py" for place in places if (place / "__main__.py").exists()]
            if not found:
                yield f"there is no program `python -m {module}`"
            elif option and f'"{option}"' not in found[0].read_text(encoding="utf-8"):
                yield f"`python -m {module}` has no option {option}"
