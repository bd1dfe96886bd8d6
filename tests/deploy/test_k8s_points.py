"""The manifests hold all 37 points, and each point's check finds what is broken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deploy.checks.k8s.points import POINTS, findings
from deploy.checks.k8s.rendering import OVERLAYS
from tests.deploy import (
    k8s_cases_agreed,
    k8s_cases_life,
    k8s_cases_outside,
    k8s_cases_pods,
    k8s_cases_valid,
)
from tests.deploy.k8s_world import PROJECT, Broken, Case, rendered, usual

CASES = [
    *k8s_cases_valid.CASES,
    *k8s_cases_pods.CASES,
    *k8s_cases_life.CASES,
    *k8s_cases_outside.CASES,
    *k8s_cases_agreed.CASES,
]


def test_there_are_37_points_and_each_has_a_way_to_fail() -> None:
    assert list(POINTS) == list(range(1, 38))
    assert {case.point for case in CASES} == set(POINTS)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_overlay_holds_every_point(overlay: str) -> None:
    assert [str(it) for it in findings(rendered(overlay), PROJECT)] == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_copy_is_found(case: Case) -> None:
    broken = Broken(case.overlay)
    case.break_it(broken)
    found = findings(broken.render, broken.project, [case.point])
    fresh = set(found) - usual(case.overlay, case.point)
    assert [it for it in fresh if case.says in str(it)], found


def test_production_is_refused_until_its_images_have_digests() -> None:
    found = findings(rendered("production"), replace(PROJECT, released=True), [13])
    assert len(found) == 5
    assert {"make k8s-digests" in it.problem for it in found} == {True}
