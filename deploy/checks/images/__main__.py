"""`python -m deploy.checks.images`: hadolint, our own rules, and the images themselves.

Prints a line a finding and exits with 1 on any. Where no image can be built it says so, and has
checked the text alone. `--text` checks only that.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.checks.images import building, linting, rules, trying
from deploy.checks.images.running import ToolFailed
from local.nodes import MongoNode, RabbitNode

FOLDER = rules.ROOT / ".local" / "images"


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.checks.images", description=__doc__)
    parser.add_argument("--text", action="store_true", help="build nothing")
    options = parser.parse_args(arguments)
    found = text_findings()
    if not options.text and not found:
        obstacle = building.obstacle()
        if obstacle is None:
            found = image_findings(FOLDER)
        else:
            print(f"SKIPPED: {obstacle}")
    for finding in found:
        print(finding)
    print("images: " + (f"{len(found)} findings" if found else "in order"))
    return 1 if found else 0


def text_findings() -> list[str]:
    """Of the Dockerfile and of what may get into a build."""
    text = rules.DOCKERFILE.read_text(encoding="utf-8")
    ignore = rules.IGNORE.read_text(encoding="utf-8")
    return [
        *linting.findings(rules.DOCKERFILE),
        *rules.findings(text),
        *rules.ignore_findings(ignore),
    ]


def image_findings(folder: Path) -> list[str]:
    """Of the four images, built, looked into, started and built again."""
    began = time.monotonic()

    def took(what: str) -> None:
        print(f"  {what} ({time.monotonic() - began:.0f} s)", flush=True)

    try:
        with contextlib.closing(trying.Workshop(folder)) as workshop:
            took("base and wheels are there")
            with workshop.images() as images:
                took(f"built {', '.join(images)}")
                found = trying.looked_into(images)
                with tempfile.TemporaryDirectory() as place:
                    found += _on_servers(images, Path(place))
                took("started and stopped them")
                found += workshop.built_again(images[trying.REPEATED])
                took(f"built {trying.REPEATED} again")
                return found
    except ToolFailed as error:
        return [str(error)]


def _on_servers(images: Mapping[str, trying.Image], place: Path) -> list[str]:
    with RabbitNode(place / "rabbitmq") as rabbit, MongoNode(place / "mongodb") as mongo:
        return trying.started(images, rabbit.url, mongo.uri)


if __name__ == "__main__":
    sys.exit(main())
