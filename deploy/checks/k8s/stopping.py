"""Points 24 to 27: how a pod goes, and how a new one takes its place."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

from deploy.checks.k8s.configuration import loaded
from deploy.checks.k8s.finding import Said
from deploy.checks.k8s.objects import dig, of_kind, place
from deploy.checks.k8s.pods import Pods, ours, pods
from deploy.checks.k8s.probes import shown_by
from deploy.checks.k8s.project import DOCUMENTED_MARGIN, JOBS, SERVICES, Project, service_of
from deploy.checks.k8s.rendering import Render

_PAUSE: Final = 5
"""Seconds until every node knows that an endpoint is gone."""

STOP_TESTS: Final = (
    "tests/unit/test_sender_drain.py::test_the_defaults_drain_within_the_grace_period",
    "tests/unit/test_lifecycle.py::test_a_signal_lets_it_finish_what_is_in_hand",
    (
        "tests/conformance/work_suite.py"
        "::test_a_drain_of_lanes_under_load_loses_nothing_and_repeats_nothing"
    ),
    "tests/e2e/test_load.py::test_a_rolling_restart_under_load_loses_and_doubles_nothing",
    "tests/deploy/test_k8s_processes.py::test_without_servers_a_service_lives_and_stops_at_once",
)
"""Tests that send the signal."""


def grace(render: Render, project: Project) -> Iterator[Said]:
    """24. The pod's time to go is its pause, its drain limit and a margin; the drain limit is the
    longest that one message or request may take."""
    for each in ours(render.objects, tuple(SERVICES)):
        service, settings = service_of(each.name), loaded(render.objects, each)
        if service is None or settings is None:
            yield each.place, "its settings cannot be read, so neither can its drain limit"
            continue
        wanted = pause(each) + settings.grace_period + DOCUMENTED_MARGIN
        given = each.spec.get("terminationGracePeriodSeconds", 30)
        if given < wanted:
            yield each.place, f"has {given} s to go, and needs {wanted:g}"
        longest = service.longest(settings)
        if settings.grace_period < longest:
            limit = settings.grace_period
            yield each.place, f"drains for {limit:g} s, and one piece of work may take {longest:g}"


def pause(each: Pods) -> float:
    """Seconds of a pod's preStop sleep."""
    return float(
        dig(each.spec, "containers", 0, "lifecycle", "preStop", "sleep", "seconds", default=0)
    )


def endpoints(render: Render, project: Project) -> Iterator[Said]:
    """25. What is behind a Service sleeps first, by the kubelet; a consumer just stops."""
    for each in ours(render.objects, tuple(SERVICES)):
        hook = dig(each.spec, "containers", 0, "lifecycle", "preStop", default={})
        if hook and set(hook) != {"sleep"}:
            yield each.place, "preStop needs a program in the image"
        behind = SERVICES[each.name].behind_a_service
        if behind and pause(each) < _PAUSE:
            yield each.place, f"pauses {pause(each):g} s before it stops listening, not {_PAUSE}"
        if not behind and hook:
            yield each.place, "is a consumer: nothing is gained by waiting"


def entry(render: Render, project: Project) -> Iterator[Said]:
    """26. SIGTERM reaches the service, which then drains; tests show that it does."""
    for each in pods(render.objects):
        if service_of(each.name) is None or each.kind == "StatefulSet":
            continue
        if each.kind == "Job" and each.spec.get("restartPolicy") not in {"Never", "OnFailure"}:
            yield each.place, "a Job's pod does not start again for ever"
        for container in each.containers:
            if "command" in container:
                yield each.place, "replaces the image's entry point"
            wanted = JOBS.get(each.name, [])
            if (container.get("args") or []) != wanted:
                yield each.place, f"its arguments are {container.get('args')}, not {wanted}"
    path = project.root / "deploy" / "Dockerfile"
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    found = re.findall(r"^ENTRYPOINT\s+(.+)$", text, re.MULTILINE)
    modules = {words[-1] for words in map(_exec_form, found) if words}
    for missing in sorted(SERVICES.keys() - modules):
        yield "deploy/Dockerfile", f"has no entry point in exec form for {missing}"
    yield from shown_by(project, STOP_TESTS)


def _exec_form(words: str) -> list[str]:
    try:
        made = json.loads(words)
    except json.JSONDecodeError:
        return []
    return [str(word) for word in made] if isinstance(made, list) else []


def rollout(render: Render, project: Project) -> Iterator[Said]:
    """27. A new pod is ready before an old one goes, and a rollout that fails says so."""
    for item in of_kind(render.objects, "Deployment"):
        spec = item["spec"]
        rolling = dig(spec, "strategy", "rollingUpdate", default={})
        if dig(spec, "strategy", "type") != "RollingUpdate" or rolling.get("maxUnavailable") != 0:
            yield place(item), "takes a pod away before its successor is ready"
        if rolling.get("maxSurge") in {None, 0, "0%"}:
            yield place(item), "has no room for a new pod beside the old ones"
        for field in ("progressDeadlineSeconds", "minReadySeconds", "revisionHistoryLimit"):
            if field not in spec:
                yield place(item), f"does not say {field}"
