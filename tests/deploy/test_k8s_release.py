"""Digests get into production by one way, and a render with them holds what a release must."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.checks.k8s.points import findings
from deploy.checks.k8s.project import SERVICES
from deploy.checks.k8s.release import UnusableDigests, kustomization, main
from deploy.checks.k8s.rendering import render
from tests.deploy.k8s_world import PROJECT


def line(service: str, of: str | None = None) -> str:
    digest = hashlib.sha256((of or service).encode()).hexdigest()
    return f"heliograph/{service} registry.example.com/team/{service}@sha256:{digest}\n"


ALL = "".join(map(line, SERVICES))


def test_pinned_images_are_a_release(tmp_path: Path) -> None:
    released = replace(PROJECT, root=tmp_path, released=True)
    manifests = released.manifests
    shutil.copytree(PROJECT.manifests, manifests)
    overlay = manifests / "overlays" / "production"
    digests = tmp_path / "digests"
    digests.write_text(ALL)
    assert main([str(digests)], target=overlay / "release") == 0
    pinned = render(overlay, "production")
    assert findings(pinned, released, [1, 13, 14]) == []
    assert pinned.text.count("registry.example.com/team/") == 5
    for item in pinned.objects:
        if item["kind"] == "Deployment" and item["metadata"]["name"] == "sender":
            (container,) = item["spec"]["template"]["spec"]["containers"]
            container["image"] = container["image"].partition("@")[0] + f"@sha256:{'01ab' * 16}"
    (found,) = findings(pinned, released, [13])
    assert found.problem == "its digest is not that of heliograph/sender in the release"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no digest for"),
        (ALL.replace(line("sender"), ""), "no digest for sender"),
        (ALL + line("sender"), "there twice"),
        (ALL + line("planner"), "no service"),
        (ALL.replace(line("sender"), line("sender", of="health")), "the same digest"),
        (ALL.replace("sha256:", "sha256-"), "not `heliograph/SERVICE"),
    ],
)
def test_digests_that_are_not_one_for_each_service_are_refused(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UnusableDigests, match=says):
        kustomization(text)
    digests = tmp_path / "digests"
    digests.write_text(text)
    assert main([str(digests)], target=tmp_path) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "kustomization.yaml").exists()


def test_a_kustomization_that_does_not_render_is_found(tmp_path: Path) -> None:
    (tmp_path / "kustomization.yaml").write_text("resources: [nowhere.yaml]\n")
    found = findings(render(tmp_path, "dev"), PROJECT, [1])
    assert any("kustomize exits with 1" in str(it) for it in found)
