"""The 37 points, in the order of the checklist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from deploy.checks.k8s import (
    autoscaling,
    configuration,
    images,
    monitoring,
    naming,
    network,
    probes,
    references,
    scheduling,
    schemas,
    secrets,
    security,
    selecting,
    servers,
    stopping,
    validity,
)
from deploy.checks.k8s.finding import Check, Finding, Said
from deploy.checks.k8s.project import Project
from deploy.checks.k8s.rendering import Render

POINTS: Final[Mapping[int, Check]] = dict(
    enumerate(
        (
            validity.renders,
            schemas.schemas,
            validity.quantities,
            selecting.selectors,
            references.references,
            validity.bounds,
            configuration.settings,
            validity.names,
            security.namespace,
            security.contexts,
            security.accounts,
            security.host,
            images.images,
            images.pulling,
            scheduling.resources,
            scheduling.replicas,
            scheduling.cpu_limits,
            scheduling.spread,
            scheduling.budgets,
            scheduling.priorities,
            probes.probes,
            probes.liveness,
            probes.starting,
            stopping.grace,
            stopping.endpoints,
            stopping.entry,
            stopping.rollout,
            autoscaling.targets,
            autoscaling.counts,
            autoscaling.triggers,
            autoscaling.ranges,
            network.policies,
            network.exposure,
            secrets.secrets,
            naming.labels,
            monitoring.monitoring,
            servers.servers,
        ),
        start=1,
    )
)


def findings(
    render: Render, project: Project, points: Iterable[int] = tuple(POINTS)
) -> list[Finding]:
    """What is wrong with one overlay, each thing once."""
    found = {
        Finding(point, render.overlay, place, problem)
        for point in points
        for place, problem in _said(POINTS[point], render, project)
    }
    return sorted(found)


def _said(check: Check, render: Render, project: Project) -> list[Said]:
    """What a check says. An object that lacks what its kind must have is the schema's to name; the
    other checks cannot judge it, and say so rather than break."""
    try:
        return list(check(render, project))
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        return [("render", f"cannot be judged: {type(error).__name__} {error}")]
