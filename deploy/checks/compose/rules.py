"""What the rendered project holds. Names, ports, limits and settings are read from the code."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import SecretStr, ValidationError

from common.settings import PREFIX, ServiceSettings
from deploy.checks.compose import wiring
from deploy.checks.compose.rendering import Project
from deploy.checks.compose.wiring import PREPARE
from deploy.checks.images.dockerfile import parse
from deploy.checks.images.rules import DOCKERFILE, USER
from deploy.compose import make_secrets
from local.configuration import SERVICES
from local.demo import DemoSettings
from local.seed import ACCESS_KEY, Seed

SERVERS: Final = ("rabbitmq", "mongodb")
MOUNTED: Final = "/run/secrets/"
_LOOPBACK: Final = "127.0.0.1"
_SPARE: Final = 5.0
"""Seconds between the end of a drain and the engine's SIGKILL."""
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}

Container = Mapping[str, Any]
Rule = Callable[[Project], Iterator[str]]


def findings(project: Project) -> list[str]:
    """Everything that is wrong with it."""
    missing = [name for name in (*SERVICES, *SERVERS, PREPARE) if name not in project["services"]]
    if missing:
        return [f"there is no service {name}." for name in missing]
    return [finding for rule in RULES for finding in rule(project)]


def settings_of(name: str, container: Container) -> type[ServiceSettings] | None:
    """The settings class that the process in a container loads; None where it loads none."""
    if name == "demo-agent":
        return DemoSettings
    return SERVICES.get(container["image"].rpartition("/")[2].partition(":")[0])


def ours(project: Project) -> Iterator[tuple[str, Container]]:
    """Every container of an image of ours."""
    return ((name, each) for name, each in project["services"].items() if _is_ours(each))


def _is_ours(container: Container) -> bool:
    return str(container["image"]).startswith("heliograph/")


def seconds(duration: str) -> float:
    """Of a duration as Compose prints it: `35s`, `1m0s`."""
    parts = re.findall(r"([\d.]+)(h|ms|m|s)", duration)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def images_stay_what_they_are(project: Project) -> Iterator[str]:
    """A tag everywhere, `latest` nowhere; ours are built from the target of their name."""
    targets = {stage.name for stage in parse(DOCKERFILE.read_text(encoding="utf-8")).stages}
    for name, each in project["services"].items():
        image, _, tag = each["image"].partition(":")
        if tag.partition("@")[0] in ("", "latest"):
            yield f"{name}: the image {each['image']} has no tag that stays."
        target = each.get("build", {}).get("target")
        if _is_ours(each) and (target not in targets or image != f"heliograph/{target}"):
            yield f"{name}: its image {image} is not built from a target of that name."


def variables_are_settings(project: Project) -> Iterator[str]:
    """Each is one that the process reads; what it needs is there; secrets come as files."""
    for name, each in ours(project):
        settings = settings_of(name, each)
        given = [word for word in each.get("environment") or {} if word.startswith(PREFIX)]
        if settings is None:
            yield from (f"{name}: nothing there reads {variable}." for variable in given)
            continue
        fields = settings.model_fields
        plain = {f"{PREFIX}{field.upper()}": info for field, info in fields.items()}
        for variable in given:
            info = plain.get(variable) or plain.get(variable.removesuffix("_FILE"))
            if info is None:
                yield f"{name}: {variable} is no setting of it."
            elif variable in plain and SecretStr in _types(info.annotation):
                yield f"{name}: {variable} is a secret and no file."
        for variable, info in plain.items():
            if info.is_required() and not {variable, f"{variable}_FILE"} & {*given}:
                yield f"{name}: {variable} is required and not set."


def _types(annotation: Any) -> tuple[Any, ...]:
    return getattr(annotation, "__args__", (annotation,))


def values_are_usable(project: Project) -> Iterator[str]:
    """Each process would start with what it is given, secrets as `make_secrets` makes them."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made = make_secrets.missing(folder)
        files = {name: Path(each["file"]).name for name, each in project["secrets"].items()}
        for name in sorted(set(made) ^ set(files.values())):
            yield f"the secret file {name} is not both made and used."
        for name, each in ours(project):
            settings = settings_of(name, each)
            if settings is None:
                continue
            values = {}
            for variable, value in (each.get("environment") or {}).items():
                field = variable.removeprefix(PREFIX).lower()
                if value.startswith(MOUNTED):
                    field = field.removesuffix("_file")
                    value = made.get(files.get(value.removeprefix(MOUNTED), ""), "")  # noqa: PLW2901 - its content in its place
                values[field] = value
            try:
                settings.model_validate(values)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                yield f"{name}: {PREFIX}{str(first['loc'][0]).upper()}: {first['msg']}."


def secrets_are_given_where_read(project: Project) -> Iterator[str]:
    """Each container has the files that its variables name, and no others."""
    for name, each in ours(project):
        named = {
            value.removeprefix(MOUNTED)
            for value in (each.get("environment") or {}).values()
            if value and value.startswith(MOUNTED)
        }
        granted = {secret["source"] for secret in each.get("secrets") or ()}
        for secret in sorted(named ^ granted):
            verb = "reads, and is not given," if secret in named else "is given, and does not read,"
            yield f"{name}: {verb} the secret {secret}."


def ports_are_those_of_the_settings(project: Project) -> Iterator[str]:
    """What is published leads to where the process listens, and from this machine alone."""
    for name, each in project["services"].items():
        settings = SERVICES.get(name)
        listens = {
            info.default
            for field, info in (settings.model_fields if settings else {}).items()
            if field.endswith("_port") and field != "management_port"
        }
        for port in each.get("ports") or ():
            if settings is not None and port["target"] not in listens:
                yield f"{name}: publishes {port['target']}, where it does not listen."
            if port.get("host_ip") != _LOOPBACK:
                yield f"{name}: publishes {port['target']} to other machines by default."


def containers_are_confined(project: Project) -> Iterator[str]:
    """As in Kubernetes' restricted profile; what is not ours may write to its root."""
    for name, each in project["services"].items():
        lacks = []
        if each.get("cap_drop") != ["ALL"] or each.get("cap_add"):
            lacks.append("cap_drop ALL")
        if "no-new-privileges:true" not in (each.get("security_opt") or ()):
            lacks.append("no-new-privileges")
        if not each.get("mem_limit"):
            lacks.append("a memory limit")
        if _is_ours(each):
            if not each.get("read_only"):
                lacks.append("a read-only root")
            if each.get("user") != USER:
                lacks.append(f"the user {USER}")
            if not any(mount.startswith("/tmp:") for mount in each.get("tmpfs") or ()):  # noqa: S108 - the containers'
                lacks.append("a tmpfs on /tmp")
        if each.get("privileged") or each.get("network_mode") == "host":
            lacks.append("walls")
        yield from (f"{name}: lacks {thing}." for thing in lacks)


def drains_end_by_themselves(project: Project) -> Iterator[str]:
    """The engine's patience is longer than the service's."""
    for name, each in ours(project):
        settings = settings_of(name, each)
        if settings is None or each.get("restart") == "no":
            continue
        default = settings.model_fields["grace_period"].default
        drain = float((each.get("environment") or {}).get(f"{PREFIX}GRACE_PERIOD", default))
        patience = seconds(each.get("stop_grace_period", "10s"))
        if patience < drain + _SPARE:
            yield f"{name}: is killed after {patience:g} s, and drains for up to {drain:g} s."


def order_is_stated(project: Project) -> Iterator[str]:
    """Servers, then the one-shot, then services; whatever runs on has a health check."""
    healthy = dict.fromkeys(SERVERS, "service_healthy")
    wanted = {PREPARE: healthy} | dict.fromkeys(
        SERVICES, healthy | {PREPARE: "service_completed_successfully"}
    )
    for name, conditions in wanted.items():
        waits = project["services"][name].get("depends_on") or {}
        for other, condition in conditions.items():
            if waits.get(other, {}).get("condition") != condition:
                yield f"{name}: does not wait until {other} is {condition}."
    for name in (*SERVICES, *SERVERS, "simulator"):
        check = project["services"].get(name, {}).get("healthcheck") or {}
        if not check.get("test") or check.get("disable"):
            yield f"{name}: has no health check."
    if project["services"][PREPARE].get("restart") != "no":
        yield f"{PREPARE}: is started again when it is done."


def files_that_are_mounted_exist(project: Project) -> Iterator[str]:
    """The engine would make an empty folder of a missing one."""
    files = [each["file"] for each in project["configs"].values()]
    for each in project["services"].values():
        files += [it["source"] for it in each.get("volumes") or () if it["type"] == "bind"]
    for path in map(Path, files):
        if not path.exists():
            yield f"{path.name}: is mounted and not there."


def everything_is_scraped(project: Project) -> Iterator[str]:
    """Prometheus asks each service at the port of its settings, under the name that rules use."""
    text = Path(project["configs"]["prometheus"]["file"]).read_text(encoding="utf-8")
    found = yaml.safe_load(text).get("scrape_configs") or ()
    jobs = {job["job_name"]: job for job in found}
    for name, settings in SERVICES.items():
        (static,) = jobs.get(name, {}).get("static_configs") or ({"targets": []},)
        port = settings.model_fields["management_port"].default
        if static["targets"] != [f"{name}:{port}"]:
            yield f"prometheus: does not ask {name}:{port} as {name}."


def demo_is_the_seeds(project: Project) -> Iterator[str]:
    """The simulator owns the number that the demo agent makes known, with the same key."""
    seed = Seed()
    port = seed.endpoint.rpartition(":")[2]
    command = (project["services"].get("simulator") or {}).get("command") or []
    for word in (f"--number={seed.number}", f"--access-key={ACCESS_KEY}", f"--port={port}"):
        if word not in command:
            yield f"simulator: is started without {word}."
    for name in ("sender", "health"):
        relay = project["services"].get(f"simulator-at-{name}") or {}
        words = ["local.relay", f"--port={port}", f"--to=simulator:{port}"]
        if relay.get("network_mode") != f"service:{name}" or relay.get("command") != words:
            yield f"{name}: finds no simulator on its loopback."


RULES: Final[tuple[Rule, ...]] = (
    images_stay_what_they_are,
    variables_are_settings,
    values_are_usable,
    secrets_are_given_where_read,
    ports_are_those_of_the_settings,
    containers_are_confined,
    drains_end_by_themselves,
    order_is_stated,
    files_that_are_mounted_exist,
    everything_is_scraped,
    demo_is_the_seeds,
    wiring.networks_are_walls,
    wiring.servers_are_what_is_asked_of_them,
    wiring.health_is_asked_for,
    wiring.commands_are_the_images_own,
)
