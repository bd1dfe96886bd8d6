"""What every Dockerfile of this project holds, beside what hadolint asks for.

Each rule reads the parsed file and gives its findings, a sentence each. Values that must agree with
the code (services, ports, version) are read from the code.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from deploy.checks.images.dockerfile import Dockerfile, Instruction, NotADockerfile, parse
from local.configuration import SERVICES

ROOT: Final = Path(__file__).resolve().parents[3]
DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"
IGNORE: Final = ROOT / ".dockerignore"

BASE: Final = "PYTHON_IMAGE"
USER: Final = "10001:10001"
LABELS: Final = ("title", "version", "revision", "licenses", "base.name")
PROBE: Final = "/opt/probe.py"
LIVENESS: Final = ["python", PROBE, "/livez"]
INSTALL: Final = ("--require-hashes", "--no-deps", "--only-binary :all:", "--no-compile")
_SECRET: Final = re.compile(r"\b\w*(PASSWORD|SECRET|TOKEN|MASTER_KEY|_URI|_URL)\w*=", re.IGNORECASE)

Rule = Callable[[Dockerfile], Iterator[str]]


def findings(text: str) -> list[str]:
    """Everything that is wrong with a Dockerfile of this text."""
    try:
        file = parse(text)
    except NotADockerfile as error:
        return [f"Dockerfile: {error}."]
    missing = [name for name in SERVICES if file.stage(name) is None]
    if missing:
        return [f"Dockerfile: there is no target {name}." for name in missing]
    return [finding for rule in RULES for finding in rule(file)]


def ignore_findings(text: str) -> list[str]:
    """The context is what is allowed, not what nobody thought of forbidding."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = []
    if not lines or lines[0] != "*":
        found.append(".dockerignore: its first rule is not `*`, so it is no list of what may in.")
    allowed = [line.removeprefix("!") for line in lines if line.startswith("!")]
    found += [
        f".dockerignore: {name} must not get into a build."
        for name in allowed
        if re.match(r"(\*|\.|tests|docs|bench|\.git|\.venv|\.local)(/|$)", name)
    ]
    return found


def bases_are_pinned(file: Dockerfile) -> Iterator[str]:
    """Every stage stands on an earlier one or on the one base, which has a tag or a digest."""
    earlier: set[str] = set()
    for stage in file.stages:
        if stage.source not in earlier | {f"${{{BASE}}}"}:
            yield f"line {stage.line}: FROM {stage.source} is neither ${{{BASE}}} nor a stage."
        earlier.add(stage.name)
    image = file.arguments.get(BASE, "")
    name, _, digest = image.partition("@")
    _, _, tag = name.rpartition("/")[2].partition(":")
    if not digest and tag in ("", "latest"):
        yield f"ARG {BASE}={image}: the base has no tag that stays."
    if "/" in name and re.search(r"[.:]", name.partition("/")[0]):
        yield f"ARG {BASE}={image}: names a registry's host; that is for who builds to say."


def user_is_a_number(file: Dockerfile) -> Iterator[str]:
    """Kubernetes cannot tell from a name that it is not root."""
    for name in SERVICES:
        found = file.effective(name, "USER")
        if found is None or found.value != USER:
            yield f"target {name}: runs as {found.value if found else 'root'}, not as {USER}."


def entry_point_is_the_service(file: Dockerfile) -> Iterator[str]:
    """Exec form, so that PID 1 is the service and SIGTERM reaches it; arguments are appended."""
    for name in SERVICES:
        found = file.effective(name, "ENTRYPOINT")
        wanted = ["python", "-m", name]
        if found is None or found.exec_form != wanted:
            yield f"target {name}: its entry point is not {wanted} in exec form."
        if file.effective(name, "CMD") is not None:
            yield f"target {name}: has a CMD, which would be appended to the entry point."


def liveness_is_asked(file: Dockerfile) -> Iterator[str]:
    """By the management port, without a shell; a stop is a SIGTERM."""
    for name in SERVICES:
        found = file.effective(name, "HEALTHCHECK")
        if found is None or found.exec_form != LIVENESS:
            yield f"target {name}: HEALTHCHECK does not run {LIVENESS} in exec form."
        signal = file.effective(name, "STOPSIGNAL")
        if signal is not None and signal.value != "SIGTERM":
            yield f"target {name}: is stopped by {signal.value}, which no service listens to."


def ports_are_those_of_the_settings(file: Dockerfile) -> Iterator[str]:
    """EXPOSE says what the settings' defaults say."""
    for name, settings in SERVICES.items():
        wanted = {
            str(info.default)
            for field, info in settings.model_fields.items()
            if field.endswith("_port")
        }
        exposed = {word for each in file.inherited(name, "EXPOSE") for word in each.words}
        if exposed != wanted:
            said = ", ".join(sorted(exposed)) or "nothing"
            yield f"target {name}: exposes {said}, but listens on {', '.join(sorted(wanted))}."


def only_its_own_is_copied(file: Dockerfile) -> Iterator[str]:
    """A service's image takes two folders from its build; its build knows no other service."""
    for name in SERVICES:
        build = file.stage(f"{name}-build")
        if build is None:
            yield f"there is no stage {name}-build."
            continue
        for stage in file.line_of(name):
            yield from (
                f"line {copy.line}: {copy.value} is more than the image of {name} needs."
                for copy in stage.all("COPY")
                if not _is_its_own(copy, name)
            )
        copied = {word for each in build.all("COPY") for word in each.words[:-1]}
        if copied != {f"services/{name}"}:
            yield f"line {build.line}: {name}-build copies {', '.join(sorted(copied))}."
    for stage in file.stages:
        for each in stage.all("ADD"):
            yield f"line {each.line}: ADD fetches and unpacks what nobody sees; use COPY."


def _is_its_own(copy: Instruction, name: str) -> bool:
    if copy.flags.get("from") == f"{name}-build":
        return copy.words in (["/opt/heliograph"] * 2, ["/app"] * 2)
    return "from" not in copy.flags and copy.words == ["deploy/image/probe.py", PROBE]


def packages_are_those_of_the_lock(file: Dockerfile) -> Iterator[str]:
    """Installed by pip from the service's own lock file, by hash, without building any."""
    for stage in file.stages:
        for each in filter(_installs, stage.all("RUN")):
            lost = [option for option in INSTALL if option not in each.value]
            lock = f"requirements/{stage.name.removesuffix('-build')}.txt"
            if f"source={lock}," not in each.value:
                lost.append(lock)
            if lost:
                yield f"line {each.line}: installs without {', '.join(lost)}."
        for each in filter(_fetches, stage.all("RUN")):
            yield f"line {each.line}: gets something that no lock file names."
    for name in SERVICES:
        build = file.stage(f"{name}-build")
        if build is None or not any(map(_installs, build.all("RUN"))):
            yield f"target {name}: nothing is installed in its build."


def _installs(run: Instruction) -> bool:
    return bool(re.search(r"\bpip3?\b.* install\b", run.value))


def _fetches(run: Instruction) -> bool:
    return bool(re.search(r"\b(apt(-get)?|apk|curl|wget|dnf|yum|npm|git)\b", run.value))


def installers_are_taken_out(file: Dockerfile) -> Iterator[str]:
    """Of the base, in a stage that every service stands on."""
    for name in SERVICES:
        if not any(
            each.value.endswith(" python3 /tmp/strip.py") for each in file.inherited(name, "RUN")
        ):
            yield f"target {name}: keeps the base's pip."


def nothing_secret_is_baked_in(file: Dockerfile) -> Iterator[str]:
    """Arguments and environment stay readable in an image for ever."""
    for stage in file.stages:
        for keyword in ("ENV", "ARG"):
            for each in stage.all(keyword):
                if _SECRET.search(f"{each.value}="):
                    yield f"line {each.line}: {keyword} {each.value} looks like a secret."


def labels_say_what_it_is(file: Dockerfile) -> Iterator[str]:
    """Title, version and revision; the process knows its revision as well."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "version"
    ]
    for name in SERVICES:
        labels = " ".join(each.value for each in file.inherited(name, "LABEL"))
        for label in LABELS:
            if f"org.opencontainers.image.{label}=" not in labels:
                yield f"target {name}: has no label org.opencontainers.image.{label}."
        if f'image.title="heliograph/{name}"' not in labels:
            yield f"target {name}: its title is not heliograph/{name}."
        values = {each.value for each in file.inherited(name, "ARG")}
        if f"VERSION={version}" not in values:
            yield f"target {name}: ARG VERSION is not {version}, the project's."
        environment = " ".join(each.value for each in file.inherited(name, "ENV"))
        if "HELIOGRAPH_REVISION=${REVISION}" not in environment:
            yield f"target {name}: its process does not know its revision."


RULES: Final[tuple[Rule, ...]] = (
    bases_are_pinned,
    user_is_a_number,
    entry_point_is_the_service,
    liveness_is_asked,
    ports_are_those_of_the_settings,
    only_its_own_is_copied,
    packages_are_those_of_the_lock,
    installers_are_taken_out,
    nothing_secret_is_baked_in,
    labels_say_what_it_is,
)
