"""`python -m deploy.dashboards` writes each dashboard's JSON; with `--check` it writes nothing, and
exits with 1 where a file is not what it would write."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy.dashboards.broker import BROKER
from deploy.dashboards.conversation import CONVERSATION
from deploy.dashboards.inbound import INBOUND
from deploy.dashboards.outbound import OUTBOUND
from deploy.dashboards.pages import Page

FOLDER: Final = Path(__file__).parents[1] / "k8s" / "components" / "monitoring" / "dashboards"

PAGES: Final[Mapping[str, Page]] = {
    "inbound.json": INBOUND,
    "outbound.json": OUTBOUND,
    "conversation.json": CONVERSATION,
    "broker.json": BROKER,
}


def written(page: Page) -> str:
    """The content of a dashboard's file."""
    return json.dumps(page.json(), indent=1, ensure_ascii=False) + "\n"


def stale(folder: Path) -> Iterator[str]:
    """Files that are not what the descriptions say."""
    for name, page in PAGES.items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != written(page):
            yield f"{name}: it is not what `python -m deploy.dashboards` writes"
    for path in sorted(folder.glob("*.json")):
        if path.name not in PAGES:
            yield f"{path.name}: no description makes it"


def main(arguments: Sequence[str] | None = None, *, folder: Path = FOLDER) -> int:
    """Write the files, or check them."""
    parser = argparse.ArgumentParser(prog="python -m deploy.dashboards", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing")
    if parser.parse_args(arguments).check:
        findings = list(stale(folder))
        for finding in findings:
            print(finding)
        return 1 if findings else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(written(page), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
