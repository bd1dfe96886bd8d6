"""Where everything that the check reads lies; a test points it at broken copies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
MONITORING: Final = ROOT / "deploy" / "k8s" / "components" / "monitoring"


@dataclass(frozen=True, slots=True)
class Places:
    """The files of one set of rules, with what belongs to them.

    `links` is the folder that links to runbooks start from.
    """

    rules: Path = MONITORING / "rules.yaml"
    dashboards: Path = MONITORING / "dashboards"
    tests: Path = ROOT / "tests" / "deploy" / "promtool"
    runbooks: Path = ROOT / "docs" / "operations" / "runbooks"
    page: Path = ROOT / "docs" / "operations" / "monitoring.md"
    links: Path = ROOT
