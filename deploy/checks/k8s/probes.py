"""Points 21 to 23: how the kubelet asks whether a pod lives, is ready and has started."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import dig
from deploy.checks.k8s.pods import Pods, ours, pods
from deploy.checks.k8s.project import SERVICES, SLOWEST_START, Project
from deploy.checks.k8s.rendering import Render

LIVE: Final = "/livez"
READY: Final = "/readyz"
_PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")

LIVENESS_TESTS: Final = (
    "tests/unit/test_management.py::test_it_lives_whatever_is_wrong_around_it",
    (
        "tests/integration/test_readiness.py"
        "::test_services_say_what_they_lack_and_are_ready_as_soon_as_it_is_there"
    ),
    "tests/deploy/test_k8s_processes.py::test_without_servers_a_service_lives_and_stops_at_once",
)
"""Tests that ask a running process, which no manifest can."""


def probes(render: Render, project: Project) -> Iterator[Said]:
    """21. Three probes a service, on a named port; liveness and readiness ask different things."""
    for each in ours(render.objects, tuple(SERVICES)):
        found = {name: _probe(each, name) for name in _PROBES}
        for name, probe in found.items():
            if not probe:
                yield each.place, f"has no {name}"
            elif not isinstance(dig(probe, "httpGet", "port"), str):
                yield each.place, f"{name} asks no named port"
        live = dig(found["livenessProbe"], "httpGet", "path")
        if live == dig(found["readinessProbe"], "httpGet", "path"):
            yield each.place, "liveness and readiness ask the same"
    for each in pods(render.objects):
        if each.kind == "StatefulSet":
            for name in _PROBES:
                if not _probe(each, name):
                    yield each.place, f"has no {name}"


def liveness(render: Render, project: Project) -> Iterator[Said]:
    """22. Liveness asks the process only, readiness the promise; tests show that they do."""
    for each in ours(render.objects, tuple(SERVICES)):
        for name, path in zip(_PROBES, (LIVE, LIVE, READY), strict=True):
            asked = dig(_probe(each, name), "httpGet", "path")
            if asked != path:
                yield each.place, f"{name} asks {asked}, not {path}"
    yield from shown_by(project, LIVENESS_TESTS)


def starting(render: Render, project: Project) -> Iterator[Said]:
    """23. Twice the slowest start is allowed, and each probe says how long it waits."""
    for each in ours(render.objects, tuple(SERVICES)):
        probe = _probe(each, "startupProbe")
        seconds = probe.get("failureThreshold", 3) * probe.get("periodSeconds", 10)
        if probe and seconds < 2 * SLOWEST_START:
            yield each.place, f"may take {seconds} s to start, not {2 * SLOWEST_START:g}"
        for name in _PROBES:
            if _probe(each, name).get("timeoutSeconds", 1) < 2:
                yield each.place, f"{name} waits for one second or does not say how long"


def shown_by(project: Project, tests: Sequence[str]) -> Iterator[Said]:
    """The tests that are not there."""
    for name in tests:
        file, _, function = name.partition("::")
        path = project.root / file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        names = {
            node.name
            for node in ast.walk(ast.parse(text))
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        if function not in names:
            yield file, f"has no test {function}, which shows what no manifest can"


def _probe(each: Pods, name: str) -> Mapping[str, Any]:
    return dict(dig(each.spec, "containers", 0, name, default={}) or {})
