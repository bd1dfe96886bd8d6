"""Point 34: where secrets and settings come from, and that none lies open."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Final

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import (
    Object,
    dig,
    for_grafana,
    labels_of,
    name_of,
    of_kind,
    place,
    walk,
)
from deploy.checks.k8s.pods import pods
from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render

MARK: Final = ("heliograph/secrets", "development-only")
"""The label of Secrets that are in the repository."""

_GENERATED: Final = re.compile(r".+-[a-z0-9]{10}")
"""A name with kustomize's hash of the content."""

_LOOKS_SECRET: Final = (
    re.compile(r"[a-z+]+://[^\s/@:]*:[^\s/@]+@"),  # A URL with a password.
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])"),  # 32 bytes in base64.
    re.compile(r"(?i)\b(password|secret|token|accesskey)\b\s*[:=]\s*[^\s{$<]{6,}"),
)


def secrets(render: Render, project: Project) -> Iterator[Said]:
    """34. No Secret with data but the development overlay's marked ones; settings are generated."""
    for item in of_kind(render.objects, "Secret"):
        if render.overlay != "dev":
            yield place(item), "a Secret with data is in the repository"
        elif labels_of(item).get(MARK[0]) != MARK[1]:
            yield place(item), f"is not marked {MARK[0]}: {MARK[1]}"
        yield from _hashed(item)
    for item in of_kind(render.objects, "ConfigMap"):
        if not for_grafana(item):
            yield from _hashed(item)
    for item in of_kind(render.objects, "ExternalSecret"):
        if not dig(item, "spec", "data") or dig(item, "spec", "dataFrom"):
            yield place(item), "does not list its keys one by one"
    for item in render.objects:
        if item.get("kind") != "Secret":
            for path, value in walk(item):
                if isinstance(value, str) and any(form.search(value) for form in _LOOKS_SECRET):
                    where = ".".join(map(str, path))
                    yield place(item), f"{where} looks like a secret"
    yield from _exposed(render)
    if render.production and not list(of_kind(render.objects, "ExternalSecret")):
        yield "ExternalSecret", "no secret comes from a secret store"


def _hashed(item: Object) -> Iterator[Said]:
    if not _GENERATED.fullmatch(name_of(item)):
        yield place(item), "is not made by a generator, so a change of it rolls no pod"


def _exposed(render: Render) -> Iterator[Said]:
    """A secret is a mounted file or an environment variable by reference, nothing else."""
    for each in pods(render.objects):
        for container in each.containers:
            for source in container.get("envFrom") or ():
                if "secretRef" in source:
                    yield each.place, "takes a whole Secret as environment"
            words = [*(container.get("command") or ()), *(container.get("args") or ())]
            if any("$(" in str(word) for word in words):
                yield each.place, "passes variables in its arguments, where `ps` shows them"


def plain_values(objects: Sequence[Object]) -> Iterator[tuple[Object, str, str]]:
    """The Secrets' values that are in the render: Secret, key, value."""
    for item in of_kind(objects, "Secret"):
        for key, value in (item.get("data") or {}).items():
            yield item, str(key), base64.b64decode(value).decode("utf-8", "replace")
        for key, value in (item.get("stringData") or {}).items():
            yield item, str(key), str(value)
