"""`python -m deploy.checks.images`: hadolint, our own rules, and the images themselves.

Prints a line a finding and exits with 1 on any. Where no image can be built it says so, and has
checked the text alone. `--text` checks only that.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
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
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()

    def took(what: str) -> None:
        print(f"  {what} ({time.monotonic() - began:.0f} s)", flush=True)

    try:
        with trying.built(folder) as images:
            took(f"built {', '.join(images)}")
            found = trying.looked_into(images)
            with tempfile.TemporaryDirectory() as place:
                here = Path(place)
                with RabbitNode(here / "rabbitmq") as rabbit, MongoNode(here / "mongodb") as mongo:
                    found += trying.started(images, rabbit.url, mongo.uri)
            took("started and stopped them")
            found += trying.built_again(folder, images[trying.REPEATED])
            took(f"built {trying.REPEATED} again")
            return found
    except ToolFailed as error:
        return [str(error)]


if __name__ == "__main__":
    sys.exit(main())
