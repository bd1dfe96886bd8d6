"""Point 2 for custom resources, where their definitions are at hand."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from deploy.checks.k8s.__main__ import notes
from deploy.checks.k8s.objects import kind_of
from deploy.checks.k8s.points import findings
from deploy.checks.k8s.project import REFERENCE
from tests.deploy.k8s_world import PROJECT, Broken, rendered

needs_definitions = pytest.mark.skipif(
    not os.environ.get(REFERENCE),
    reason=f"{REFERENCE} names no folder: CUSTOM RESOURCES ARE NOT CHECKED AGAINST A SCHEMA",
)
CUSTOM = (
    "Certificate",
    "ExternalSecret",
    "Gateway",
    "HTTPRoute",
    "MongoDBCommunity",
    "RabbitmqCluster",
    "ScaledObject",
    "TriggerAuthentication",
)


def problems(broken: Broken) -> list[str]:
    return [str(it) for it in findings(broken.render, broken.project, [2])]


@needs_definitions
@pytest.mark.parametrize("kind", CUSTOM)
def test_a_misspelt_field_of_a_custom_resource_is_found(kind: str) -> None:
    broken = Broken("production")
    item = next(it for it in broken.render.objects if kind_of(it) == kind)
    item["spec"]["misspelt"] = 1
    assert any(f"{kind}/" in it and "misspelt" in it for it in problems(broken))


@needs_definitions
@pytest.mark.parametrize(
    ("key", "value"), [("minReplicaCount", "3"), ("fallback", {"replicas": 1})]
)
def test_a_field_of_the_wrong_type_or_without_what_it_needs_is_found(key: str, value: Any) -> None:
    broken = Broken("production")
    broken.get("ScaledObject", "sender")["spec"][key] = value
    assert any("ScaledObject/sender" in it for it in problems(broken))


@needs_definitions
def test_a_kind_without_any_schema_is_found() -> None:
    broken = Broken("production")
    broken.add("Widget", "one", {}, apiVersion="widgets.example.com/v1")
    assert any("Widget/one: there is no schema" in it for it in problems(broken))


@needs_definitions
def test_a_parameter_that_the_scaler_does_not_have_is_found() -> None:
    broken = Broken("production")
    trigger = broken.get("ScaledObject", "sender")["spec"]["triggers"][0]
    trigger["metadata"]["queue"] = "sender.commands"
    assert any("no parameter queue" in it for it in problems(broken))


def test_without_definitions_the_kinds_that_went_unchecked_are_named() -> None:
    blind = replace(PROJECT, reference=None)
    (first, *_) = notes([rendered("production")], blind)
    assert first.startswith("NOT CHECKED")
    assert "RabbitmqCluster" in first
    assert "ScaledObject" in first
    assert findings(rendered("production"), blind, [2]) == []
