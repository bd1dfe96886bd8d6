"""What containers are tied to: networks, the servers' own data, and what is asked of their health.

The pieces of a project that are well-formed each by itself, and of no use or of harm together.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from deploy.checks.compose.rendering import Project
from deploy.compose import make_secrets
from local.configuration import SERVICES

PREPARE: Final = "prepare"
_INSIDE: Final = "inside"
_CALLERS: Final = ("sender", "health")
"""Services that call providers."""
_READY: Final = ["CMD", "python", "/opt/probe.py", "/readyz"]
_DATA: Final = {"rabbitmq": "/var/lib/rabbitmq", "mongodb": "/data/db"}
_BROKERS_OWN: Final = {
    "configs": ("/etc/rabbitmq/enabled_plugins", "which plugins it has"),
    "secrets": ("/etc/rabbitmq/conf.d/30-user.conf", "who its user is"),
}


def networks_are_walls(project: Project) -> Iterator[str]:
    """All meet on one network without a way out; providers are called by another; the database,
    which asks nobody who they are, is on no other and on no port of the machine."""
    closed = {name for name, each in project["networks"].items() if (each or {}).get("internal")}
    if _INSIDE not in closed:
        yield f"the network {_INSIDE} is not internal."
    for name in (*SERVICES, *_DATA, PREPARE):
        if _INSIDE not in _networks(project["services"][name]):
            yield f"{name}: is not on the network {_INSIDE}."
    for name, each in project["services"].items():
        if (name in _CALLERS or each.get("ports")) and not _networks(each) - closed:
            yield f"{name}: has no network that leads out."
    database = project["services"]["mongodb"]
    if database.get("ports") or _networks(database) - closed:
        yield "mongodb: can be reached by others than the services."


def _networks(container: Mapping[str, Any]) -> set[str]:
    return set(container.get("networks") or ())


def servers_are_what_is_asked_of_them(project: Project) -> Iterator[str]:
    """Data outlive a container; the set has the name in the URI; the broker has its own files."""
    for name, folder in _DATA.items():
        mounts = project["services"][name].get("volumes") or ()
        kept = [it for it in mounts if it["target"] == folder and it["type"] == "volume"]
        if not any(it.get("source") in project["volumes"] for it in kept):
            yield f"{name}: keeps {folder} in no named volume."
    words = project["services"]["mongodb"].get("command") or []
    if _after(words, "--replSet") != _replica_set():
        yield f"mongodb: is not the replica set {_replica_set()} of the URI."
    broker = project["services"]["rabbitmq"]
    for kind, (target, what) in _BROKERS_OWN.items():
        if not any(it.get("target") == target for it in broker.get(kind) or ()):
            yield f"rabbitmq: is not told {what}."


def _after(words: list[str], option: str) -> str | None:
    return dict(pairwise(words)).get(option)


def _replica_set() -> str:
    """As the services are told."""
    with tempfile.TemporaryDirectory() as place:
        uri = make_secrets.missing(Path(place))["mongodb_uri"]
    return parse_qs(urlsplit(uri).query)["replicaSet"][0]


def health_is_asked_for(project: Project) -> Iterator[str]:
    """A service is healthy when it is ready, a server when it takes what it is for."""
    wanted: dict[str, list[str]] = dict.fromkeys(SERVICES, _READY)
    wanted["rabbitmq"] = ["CMD", "rabbitmq-diagnostics", "--quiet", "check_port_connectivity"]
    for name, words in wanted.items():
        if _test_of(project, name) != words:
            yield f"{name}: its health check is not `{' '.join(words[1:])}`."
    if "isWritablePrimary" not in " ".join(_test_of(project, "mongodb")):
        yield "mongodb: its health check does not see whether it takes writes."


def _test_of(project: Project, name: str) -> list[str]:
    return list((project["services"][name].get("healthcheck") or {}).get("test") or ())


def commands_are_the_images_own(project: Project) -> Iterator[str]:
    """The one-shot prepares, and a service does what its image does."""
    for name in (*SERVICES, PREPARE):
        each = project["services"][name]
        wanted = ["--prepare"] if name == PREPARE else None
        if each.get("command") != wanted or each.get("entrypoint"):
            yield f"{name}: its command is {each.get('command')}, not {wanted}."
