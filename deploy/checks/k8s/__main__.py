"""`python -m deploy.checks.k8s` checks every overlay: one line a finding, exit code 1 on one.

`--allow-unreleased` lets production's images be without digests, as they are in the repository;
without it, as before a deployment, they must have them.
"""

from __future__ import annotations

import argparse
import sys

from deploy.checks.k8s.images import unreleased
from deploy.checks.k8s.points import POINTS, findings
from deploy.checks.k8s.project import REFERENCE, Project
from deploy.checks.k8s.rendering import OVERLAYS, Render, render
from deploy.checks.k8s.schemas import unchecked


def main(arguments: list[str] | None = None) -> int:
    """Check, and print what was found."""
    parser = argparse.ArgumentParser(prog="python -m deploy.checks.k8s", description=__doc__)
    parser.add_argument(
        "--allow-unreleased", action="store_true", help="production without digests"
    )
    project = Project(released=not parser.parse_args(arguments).allow_unreleased)
    renders = [render(project.manifests / "overlays" / name, name) for name in OVERLAYS]
    found = [finding for each in renders for finding in findings(each, project)]
    for finding in found:
        print(finding)
    for note in notes(renders, project):
        print(note, file=sys.stderr)
    if not found:
        objects = sum(len(each.objects) for each in renders)
        holds = f"{len(POINTS)} points hold"
        if any(unchecked(each, project) for each in renders):
            holds = f"{len(POINTS) - 1} points hold, point 2 in part,"
        print(f"{holds} for {objects} objects in {len(renders)} overlays.")
    return 1 if found else 0


def notes(renders: list[Render], project: Project) -> list[str]:
    """What was not judged, said aloud."""
    said: list[str] = []
    kinds = sorted({kind for each in renders for kind in unchecked(each, project)})
    if kinds:
        said.append(f"NOT CHECKED against a schema, for want of {REFERENCE}: {', '.join(kinds)}.")
    waiting = [name for each in renders for name in unreleased(each)]
    if waiting and not project.released:
        names = ", ".join(sorted(set(waiting)))
        said.append(f"NOT RELEASED, so production cannot be applied yet: {names}.")
    return said


if __name__ == "__main__":
    raise SystemExit(main())
