"""`python -m deploy.checks.k8s.release FILE` pins production's images to the digests in FILE.

Digests exist only once images are pushed, so the repository has none: it names a tag that no
registry holds. FILE has a line for each service, as a registry's client prints them after a push:

    heliograph/webhook registry.example.com/team/webhook@sha256:…

Nothing is written unless every service has its own digest.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Final

import yaml

from deploy.checks.k8s.project import ROOT, SERVICES

_FOLDER: Final = Path("overlays") / "production" / "release"
RELEASE: Final = ROOT / "deploy" / "k8s" / _FOLDER

_LINE: Final = re.compile(
    r"heliograph/(?P<service>\w+)\s+(?P<name>[^\s@]+)@(?P<digest>sha256:[0-9a-f]{64})"
)

_HEAD: Final = """\
# Written by `make k8s-digests` from the digests that a registry gave for the pushed images.
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
images:
"""


class UnusableDigests(Exception):
    """The file does not say one digest for each service."""


def kustomization(text: str) -> str:
    """The component's kustomization for a file of digests.

    Raises:
        UnusableDigests: a line is none, or a service is missing, there twice, or another's twin.
    """
    found: dict[str, tuple[str, str]] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise UnusableDigests(f"not `heliograph/SERVICE NAME@sha256:DIGEST`: {line}")
        service = match["service"]
        if service in found or service not in SERVICES:
            raise UnusableDigests(f"{service} is there twice, or is no service")
        found[service] = (match["name"], match["digest"])
    missing = sorted(SERVICES.keys() - found.keys())
    if missing:
        raise UnusableDigests(f"no digest for {', '.join(missing)}")
    if len({digest for _, digest in found.values()}) < len(found):
        raise UnusableDigests("two services have the same digest")
    return _HEAD + "".join(
        f"  - name: heliograph/{service}\n    newName: {name}\n    digest: {digest}\n"
        for service, (name, digest) in ((it, found[it]) for it in SERVICES)
    )


def pinned(manifests: Path) -> dict[str, tuple[str, str]]:
    """Name and digest of each of production's images, by its name in the manifests. The digest is
    empty before a release."""
    file = manifests / _FOLDER / "kustomization.yaml"
    found = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {
        it["name"]: (it.get("newName", it["name"]), it.get("digest", ""))
        for it in found.get("images") or ()
    }


def main(arguments: list[str] | None = None, *, target: Path = RELEASE) -> int:
    """Pin the images."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.checks.k8s.release", description=__doc__
    )
    parser.add_argument("file", type=Path, help="the digests, one line a service")
    try:
        made = kustomization(parser.parse_args(arguments).file.read_text(encoding="utf-8"))
    except (OSError, UnusableDigests) as error:
        print(f"heliograph: {error}", file=sys.stderr)
        return 1
    (target / "kustomization.yaml").write_text(made, encoding="utf-8")
    print("pinned: check it with `make k8s-check RELEASED=1`")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
