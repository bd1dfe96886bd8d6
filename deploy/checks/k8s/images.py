"""Points 13 and 14: which images run, and when they are pulled."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import Object
from deploy.checks.k8s.pods import Pods, pods
from deploy.checks.k8s.project import Project, service_of
from deploy.checks.k8s.release import pinned
from deploy.checks.k8s.rendering import Render

UNRELEASED: Final = "unreleased"
"""The tag of images that have no digest yet. No registry holds it."""

_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_VERSION: Final = re.compile(r"v?\d+\.\d+\.\d+([-+].+)?")


def images(render: Render, project: Project) -> Iterator[Said]:
    """13. Tags that say a version; in production digests, set by kustomization alone."""
    seen: dict[str, str] = {}
    released = pinned(project.manifests) if render.production else {}
    for each, container in _containers(render):
        image = str(container.get("image", ""))
        name, tag, digest = split(image)
        if not tag and not digest:
            yield each.place, f"image {image} has no tag"
        elif tag == "latest":
            yield each.place, f"image {image} is whatever was pushed last"
        yield from _own(each, name, digest, released)
        if render.production:
            yield from _pinned(each, image, tag, digest, project)
            other = seen.setdefault(digest, name) if digest else name
            if other != name:
                yield each.place, f"has the digest of {other}"
        elif service_of(each.name) and tag != project.version:
            yield each.place, f"image {image} is not of version {project.version}"
    for path in sorted(project.manifests.rglob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        for word in re.findall(r"^\s+image:\s*(\S+)", text, re.MULTILINE):
            if word.startswith("heliograph/") and re.search(r"[:@]", word):
                where = str(path.relative_to(project.manifests))
                yield where, f"{word}: tags and digests belong into images: of a kustomization"


def _own(
    each: Pods, name: str, digest: str, released: Mapping[str, tuple[str, str]]
) -> Iterator[Said]:
    """A workload of ours runs its service's image, as the release has it."""
    service = service_of(each.name)
    if service is None:
        return
    ours = f"heliograph/{service.name}"
    wanted, pin = released.get(ours, (ours, digest))
    if name != wanted:
        yield each.place, f"runs the image {name}, not {wanted}"
    elif digest != pin:
        yield each.place, f"its digest is not that of {ours} in the release"


def _pinned(each: Pods, image: str, tag: str, digest: str, project: Project) -> Iterator[Said]:
    if tag == UNRELEASED and not digest:
        if project.released:
            yield each.place, f"image {image} is not released: run `make k8s-digests`"
    elif not _DIGEST.fullmatch(digest):
        yield each.place, f"image {image} has no sha256 digest"
    elif len(set(digest.removeprefix("sha256:"))) < 4:
        yield each.place, f"image {image} has a made-up digest"


def unreleased(render: Render) -> list[str]:
    """The services whose image has no digest yet."""
    return sorted(
        {each.name for each, it in _containers(render) if split(it["image"])[1] == UNRELEASED}
    )


def pulling(render: Render, project: Project) -> Iterator[Said]:
    """14. IfNotPresent for what cannot change (a digest, a version), Always for what moves."""
    for each, container in _containers(render):
        _, tag, digest = split(str(container.get("image", "")))
        fixed = bool(digest) or bool(_VERSION.fullmatch(tag)) or tag == UNRELEASED
        wanted = "IfNotPresent" if fixed else "Always"
        if container.get("imagePullPolicy") != wanted:
            policy = container.get("imagePullPolicy")
            yield each.place, f"{container['name']}: imagePullPolicy is {policy}, not {wanted}"


def split(image: str) -> tuple[str, str, str]:
    """Name, tag and digest of an image; empty where it has none."""
    rest, _, digest = image.partition("@")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        return rest, "", digest
    return name, tag, digest


def _containers(render: Render) -> Iterator[tuple[Pods, Object]]:
    """Those whose image is ours to say: the operators know which image of theirs they were tested
    with."""
    for each in pods(render.objects):
        if not each.operated:
            for container in each.containers:
                yield each, container
