"""All four images: built, looked into, started on real servers, stopped, and built once more."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from common.secrets import generate_master_key
from deploy.checks.images import contents, stand_in
from deploy.checks.images.building import Built, Store
from deploy.checks.images.living import Container, DidNotLive
from deploy.checks.images.wheels import provide as wheels_of
from local.configuration import SERVICES
from local.nodes import ports

REVISION: Final = "0123abc"
REPEATED: Final = "processor"
"""Whose image is built a second time, to compare."""
_AT_ONCE: Final = 2
"""Builds at the same time; each is busy with one core."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image with its file system before us."""

    service: str
    configuration: Mapping[str, Any]
    tree: Path


class Workshop:
    """A folder with a store, a base and the wheels, for one process at a time."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = (folder / "lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self.store = Store(folder)
        self.store.tidy()
        with ThreadPoolExecutor(2) as pool:
            wheels, base = pool.submit(wheels_of, folder), pool.submit(stand_in.provide, self.store)
            self._wheels, self._base = wheels.result(), base.result()

    def close(self) -> None:
        """Let the next one in."""
        self._lock.close()

    def build(self, service: str) -> Built:
        """One service's image. Raises ToolFailed."""
        return self.store.build(service, base=self._base, wheels=self._wheels, revision=REVISION)

    @contextlib.contextmanager
    def images(self) -> Iterator[dict[str, Image]]:
        """All four, with their file systems before us. Raises ToolFailed."""
        with contextlib.ExitStack() as stack:
            images = {}
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                built = dict(zip(SERVICES, pool.map(self.build, SERVICES), strict=True))
            for service, image in built.items():
                tree = stack.enter_context(self.store.mounted(image))
                images[service] = Image(service, image.configuration, tree)
            yield images

    def built_again(self, first: Image) -> list[str]:
        """What differs in a second build of the same."""
        with self.store.mounted(self.build(first.service)) as tree:
            before, after = contents.digest(first.tree), contents.digest(tree)
        different = sorted(path for path in before | after if before.get(path) != after.get(path))
        return [f"image {first.service}: two builds differ in {path}." for path in different]


def looked_into(images: Mapping[str, Image]) -> list[str]:
    """What is wrong in them."""
    return [
        finding
        for image in images.values()
        for finding in contents.findings(image.service, image.tree, image.configuration)
    ]


def started(images: Mapping[str, Image], rabbitmq_url: str, mongodb_uri: str) -> list[str]:
    """What goes wrong when they run side by side, are asked, and are stopped."""
    found: list[str] = []
    common = _environment(rabbitmq_url, mongodb_uri)
    with contextlib.ExitStack() as stack:
        running = {}
        for image in images.values():
            own = common | own_ports(image.service)
            container = Container(image.tree, image.configuration, own)
            running[image.service] = stack.enter_context(container)
        for service, container in running.items():
            limit = SERVICES[service].model_fields["grace_period"].default
            try:
                container.answers("/livez")
                container.answers("/readyz")
                found += [f"image {service}: {finding}" for finding in confined(container)]
                container.stop(limit)
            except DidNotLive as error:
                found.append(f"image {service}: {error}")
    return found


def confined(container: Container) -> Iterator[str]:
    """What the kernel grants to the process beyond what it needs."""
    facts = container.facts()
    if facts["Uid"].split() != ["10001"] * 4 or facts["Gid"].split() != ["10001"] * 4:
        yield f"runs as {facts['Uid']}, {facts['Gid']}."
    if int(facts["CapEff"], 16) or int(facts["CapBnd"], 16) or facts["NoNewPrivs"] != "1":
        yield f"has capabilities: effective {facts['CapEff']}, at most {facts['CapBnd']}."
    if facts["NSpid"].split()[-1] != "1":
        yield "is not PID 1, so that SIGTERM goes to somebody else."


def _environment(rabbitmq_url: str, mongodb_uri: str) -> dict[str, str]:
    return {
        "HELIOGRAPH_RABBITMQ_URL": rabbitmq_url,
        "HELIOGRAPH_MONGODB_URI": mongodb_uri,
        "HELIOGRAPH_MASTER_KEY": generate_master_key(),
        "HELIOGRAPH_MANAGEMENT_HOST": "127.0.0.1",
        "HELIOGRAPH_WEBHOOK_HOST": "127.0.0.1",
        "HELIOGRAPH_HEALTH_HOST": "127.0.0.1",
    }


def own_ports(service: str) -> dict[str, str]:
    """Free ones, for they share this machine's network."""
    return {
        f"HELIOGRAPH_{field.upper()}": str(ports.choose())
        for field in SERVICES[service].model_fields
        if field.endswith("_port")
    }
