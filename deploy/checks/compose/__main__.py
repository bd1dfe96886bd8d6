"""`python -m deploy.checks.compose`: Compose's own word for each profile, then our rules.

Prints a line a finding and exits with 1 on any.
"""

from __future__ import annotations

import sys
from pathlib import Path

from deploy.checks.compose import rendering, rules


def main(file: Path = rendering.FILE) -> int:
    """The exit code."""
    found = findings(file)
    for finding in found:
        print(f"compose: {finding}")
    print("compose: " + (f"{len(found)} findings" if found else "in order"))
    return 1 if found else 0


def findings(file: Path) -> list[str]:
    """What is wrong with a project file."""
    try:
        for profile in (None, *rendering.profiles(file)):
            rendering.validate(file, profile)
        return rules.findings(rendering.rendered(file))
    except rendering.NotComposed as error:
        return [str(error)]


if __name__ == "__main__":
    sys.exit(main())
