"""A Dockerfile as values: global arguments, stages, instructions with their lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_FROM: Final = re.compile(r"(?P<source>\S+)(?:\s+AS\s+(?P<name>\S+))?", re.IGNORECASE)
_FLAG: Final = re.compile(r"--(\S+)\s+")


class NotADockerfile(Exception):
    """The text cannot be read as one."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction. `value` is its text on one line, without comments."""

    line: int
    keyword: str
    value: str

    @property
    def flags(self) -> dict[str, str]:
        """`--from=build` as `{"from": "build"}`; of a repeated flag the last."""
        flags, rest = {}, self.value
        while match := _FLAG.match(rest):
            name, _, value = match[1].partition("=")
            flags[name], rest = value, rest[match.end() :]
        return flags

    @property
    def words(self) -> list[str]:
        """The words after the flags."""
        rest = self.value
        while match := _FLAG.match(rest):
            rest = rest[match.end() :]
        return rest.split()

    @property
    def exec_form(self) -> list[str] | None:
        """The list of a JSON form, None where a shell would read it. Of HEALTHCHECK its command."""
        text = self.value
        if self.keyword == "HEALTHCHECK":
            _, _, text = text.partition("CMD ")
        try:
            found = json.loads(text.strip())
        except ValueError:
            return None
        is_list = isinstance(found, list) and all(isinstance(word, str) for word in found)
        return found if is_list else None


@dataclass(frozen=True, slots=True)
class Stage:
    """What one FROM begins."""

    name: str
    source: str
    line: int
    instructions: tuple[Instruction, ...]

    def all(self, keyword: str) -> list[Instruction]:
        """Its instructions of one kind, in order."""
        return [each for each in self.instructions if each.keyword == keyword]


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """The whole file."""

    arguments: dict[str, str]
    """The global ones, before the first FROM, with their defaults."""
    stages: tuple[Stage, ...]

    def stage(self, name: str) -> Stage | None:
        """The stage of that name."""
        return next((stage for stage in self.stages if stage.name == name), None)

    def line_of(self, name: str) -> list[Stage]:
        """A stage and those that it stands on, itself first."""
        found: list[Stage] = []
        stage = self.stage(name)
        while stage is not None and stage not in found:
            found.append(stage)
            stage = self.stage(stage.source)
        return found

    def effective(self, name: str, keyword: str) -> Instruction | None:
        """The instruction that counts where the last one wins: USER, ENTRYPOINT, HEALTHCHECK."""
        for stage in self.line_of(name):
            if found := stage.all(keyword):
                return found[-1]
        return None

    def inherited(self, name: str, keyword: str) -> list[Instruction]:
        """All of a kind where they add up: EXPOSE, LABEL, ENV."""
        return [each for stage in self.line_of(name) for each in stage.all(keyword)]


def parse(text: str) -> Dockerfile:
    """Read a Dockerfile without heredocs and other escape characters.

    Raises:
        NotADockerfile: saying why.
    """
    arguments: dict[str, str] = {}
    stages: list[tuple[Instruction, list[Instruction]]] = []
    for each in _instructions(text):
        if each.keyword == "FROM":
            stages.append((each, []))
        elif stages:
            stages[-1][1].append(each)
        elif each.keyword == "ARG":
            name, _, default = each.value.partition("=")
            arguments[name] = default
        else:
            raise NotADockerfile(f"line {each.line}: {each.keyword} before the first FROM")
    if not stages:
        raise NotADockerfile("it has no FROM")
    return Dockerfile(arguments, tuple(_stage(begin, body) for begin, body in stages))


def _stage(begin: Instruction, body: list[Instruction]) -> Stage:
    match = _FROM.fullmatch(" ".join(begin.words))
    if match is None:
        raise NotADockerfile(f"line {begin.line}: FROM {begin.value} is not understood")
    return Stage(match["name"] or "", match["source"], begin.line, tuple(body))


def _instructions(text: str) -> Iterator[Instruction]:
    parts: list[str] = []
    start = 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        start = start if parts else number
        parts.append(stripped.removesuffix("\\").strip())
        if not stripped.endswith("\\"):
            keyword, _, value = " ".join(parts).partition(" ")
            yield Instruction(start, keyword.upper(), value.strip())
            parts = []
    if parts:
        raise NotADockerfile("its last line promises another")
