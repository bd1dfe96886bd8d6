"""The evaluation of network policies, and the components that open an edge more."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploy.checks.k8s.points import POINTS, findings
from deploy.checks.k8s.policies import Party, admits, rules
from deploy.checks.k8s.rendering import render
from tests.deploy.k8s_world import PROJECT

POD = Party("pod", inside=True, labels={"a": "b"}, ports={"web": 8080})
NEAR = Party("near", inside=True, labels={"c": "d"})
FAR = Party("far", inside=False, labels={"c": "d"}, namespace={"team": "x"})
HOST = Party("host", inside=False, address="10.1.2.3")


def policy(ingress: list[Any] | None, **spec: Any) -> dict[str, Any]:
    whole = {"podSelector": {"matchLabels": {"a": "b"}}, "ingress": ingress} | spec
    return {"kind": "NetworkPolicy", "metadata": {"name": "p"}, "spec": whole}


NOBODY: list[Any] = []
CASES = [
    ([], NEAR, 80, True),
    ([policy(NOBODY)], NEAR, 80, False),
    ([policy(None)], NEAR, 80, False),
    ([policy([{}])], HOST, 80, True),
    ([policy([{"from": [{"podSelector": {}}]}])], NEAR, 80, True),
    ([policy([{"from": [{"podSelector": {}}]}])], FAR, 80, False),
    ([policy([{"from": [{"namespaceSelector": {}}]}])], FAR, 80, True),
    ([policy([{"from": [{"namespaceSelector": {}}]}])], HOST, 80, False),
    ([policy([{"from": [{"namespaceSelector": {"matchLabels": {"team": "y"}}}]}])], FAR, 80, False),
    ([policy([{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])], HOST, 80, True),
    ([policy([{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}])], NEAR, 80, False),
    (
        [policy([{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]}])],
        HOST,
        80,
        False,
    ),
    ([policy([{"ports": [{"port": "web"}]}])], NEAR, 8080, True),
    ([policy([{"ports": [{"port": "web"}]}])], NEAR, 80, False),
    ([policy([{"ports": [{"port": 80, "endPort": 90}]}])], NEAR, 85, True),
    ([policy([{"ports": [{"port": 80, "protocol": "UDP"}]}])], NEAR, 80, False),
    ([policy(NOBODY), policy([{}])], NEAR, 80, True),
    ([policy(NOBODY, policyTypes=["Egress"])], NEAR, 80, True),
    ([policy(NOBODY, podSelector={"matchLabels": {"a": "other"}})], NEAR, 80, True),
]


@pytest.mark.parametrize(("policies", "source", "port", "wanted"), CASES)
def test_policies_are_read_as_a_cluster_reads_them(
    policies: list[dict[str, Any]], source: Party, port: int, wanted: bool
) -> None:
    entering = rules(policies, POD, "Ingress")
    assert admits(entering, source, port, "TCP", POD) is wanted


def test_the_components_that_no_overlay_has_hold_the_points_as_well(tmp_path: Path) -> None:
    here = Path(os.path.relpath(PROJECT.manifests, tmp_path))
    (tmp_path / "kustomization.yaml").write_text(
        f"""\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: heliograph
resources: [{here}/overlays/dev]
components:
  - {here}/components/backup
  - {here}/components/entra-keys
  - {here}/components/tracing
  - {here}/components/labels
images:
  - name: heliograph/health
    newTag: 0.1.0
configMapGenerator:
  - name: webhook-settings
    behavior: merge
    literals:
      - HELIOGRAPH_WEBHOOK_ENTRA_TENANT_ID=00000000-0000-4000-8000-000000000000
      - HELIOGRAPH_WEBHOOK_ENTRA_AUDIENCE=api://heliograph
"""
    )
    made = render(tmp_path, "dev")
    points = [it for it in POINTS if it not in {22, 26, 36}]
    assert [str(it) for it in findings(made, PROJECT, points)] == []
    # Without the components' policies the same objects and settings are refused.
    policies = {"traces", "webhook-entra-keys", "backup", "mongodb-backup"}
    bare = [
        it
        for it in made.objects
        if it["kind"] != "NetworkPolicy" or it["metadata"]["name"] not in policies
    ]
    said = [str(it) for it in findings(replace(made, objects=bare), PROJECT, [32])]
    assert any("may not reach the internet on 443" in it for it in said)
    assert any("may not reach the collector on 4318" in it for it in said)
    assert any("egress/backup: may not reach mongodb on 27017" in it for it in said)
    assert any("ingress/mongodb: does not let backup in on 27017" in it for it in said)


def test_what_the_page_on_backups_does_to_the_manifests_fits_them(tmp_path: Path) -> None:
    page = (PROJECT.root / "docs" / "operations" / "backup.md").read_text(encoding="utf-8")
    here = Path(os.path.relpath(PROJECT.manifests, tmp_path))
    (patches,) = re.findall(r"```yaml\n(patches:.+?)```", page, re.DOTALL)
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{here}/overlays/dev]\ncomponents: [{here}/components/backup]\n"
        f"namespace: heliograph\n{patches}"
    )
    made = render(tmp_path, "dev")
    assert made.code == 0, made.warnings
    said = {f"{it.place}: {it.problem}" for it in findings(made, PROJECT, [32])}
    assert said == {
        f"egress/{name}: may not reach the internet on 443/TCP" for name in ("sender", "health")
    }
    (job,) = (it["spec"]["jobTemplate"]["spec"] for it in made.objects if it["kind"] == "CronJob")
    (container,) = job["template"]["spec"]["containers"]
    (argument,) = container["args"]
    assert f"sed 's|{argument}|--restore=/backup/heliograph-" in page
    assert {it["mountPath"] for it in container["volumeMounts"]} >= {"/backup", "/tmp"}
