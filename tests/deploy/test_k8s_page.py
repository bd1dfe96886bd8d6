"""docs/operations/kubernetes.md says what the manifests and the check say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import deployed
from deploy.checks.k8s import __main__ as command
from deploy.checks.k8s.edges import table
from deploy.checks.k8s.objects import of_kind
from deploy.checks.k8s.outside import OUTSIDE
from deploy.checks.k8s.points import POINTS
from deploy.checks.k8s.project import NEWEST_KUBERNETES, OLDEST_KUBERNETES, REFERENCE
from tests.deploy.k8s_world import PROJECT, rendered

PAGE = (PROJECT.root / "docs" / "operations" / "kubernetes.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command takes the renders of this session."""
    monkeypatch.setattr(command, "render", lambda _, name: rendered(name))


def test_it_has_the_table_of_edges() -> None:
    assert table() in PAGE, table()


def test_it_lists_every_component_and_overlay() -> None:
    folders = {
        f"{kind}/{path.name}"
        for kind in ("components", "overlays")
        for path in (PROJECT.manifests / kind).iterdir()
    }
    listed = set(re.findall(r"^\| `((?:components|overlays)/[a-z-]+)` \|", PAGE, re.MULTILINE))
    assert listed == folders


def test_it_names_the_versions_and_what_the_cluster_must_have() -> None:
    assert f"Kubernetes {OLDEST_KUBERNETES} or newer" in PAGE
    assert f"against {OLDEST_KUBERNETES} and {NEWEST_KUBERNETES}" in PAGE
    for kind, name in OUTSIDE:
        assert f"{kind} `{name}`" in PAGE


def test_it_says_what_the_secret_store_has_to_hold() -> None:
    for item in of_kind(rendered("production").objects, "ExternalSecret"):
        for entry in item["spec"]["data"]:
            assert f"`{entry['remoteRef']['property']}`" in PAGE


def test_kedas_url_is_one_that_its_own_namespace_resolves_and_its_user_may_look() -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| `heliograph/keda` |"))
    assert "`http://user:password@rabbitmq.heliograph.svc:15672/`" in row
    for words in ("add_user USER", "set_user_tags USER monitoring", "set_permissions -p / USER"):
        assert f"$in_broker {words}" in PAGE


def test_the_command_prints_a_line_a_finding_and_fails_on_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command.main([]) == 1
    said = capsys.readouterr().out.splitlines()
    assert any("make k8s-digests" in line for line in said)
    assert {re.fullmatch(r"point \d+: \w+ [^:]+: .+", line) is not None for line in said} == {True}
    monkeypatch.setattr(command, "findings", lambda *_: [])
    assert command.main(["--allow-unreleased"]) == 0
    assert "NOT RELEASED" in capsys.readouterr().err


def test_the_command_claims_no_more_than_it_could_judge(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(command, "findings", lambda *_: [])
    monkeypatch.setenv(REFERENCE, str(tmp_path))
    assert command.main(["--allow-unreleased"]) == 0
    assert capsys.readouterr().out.startswith(f"{len(POINTS)} points hold for ")
    monkeypatch.delenv(REFERENCE)
    assert command.main(["--allow-unreleased"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith(f"{len(POINTS) - 1} points hold, point 2 in part, for ")
    assert "NOT CHECKED against a schema" in told.err


def test_the_capacity_plan_reads_the_fields_as_the_production_overlay_has_them() -> None:
    files, production = deployed.read(), rendered("production").objects
    for field in deployed.fields(0):
        assert field.shipped(production) == field.shipped(files), field
    assert deployed.reserved(production) == deployed.reserved(files)
