"""The command line `heliograph`: what an administrator, an approver or an operator does in the
console, for terminals and scripts. It talks to the API only.

It needs the extra `cli`; an agent's author, who imports `heliograph` alone, does not.
"""

from __future__ import annotations

import sys

_EXTRA = frozenset({"typer", "rich", "httpx"})


def main() -> None:
    """The program."""
    try:
        from heliograph.cli.app import run  # noqa: PLC0415 - so that a missing extra can be told
        from heliograph.cli.world import World  # noqa: PLC0415 - as above
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.exit("The command line is an extra of its own: pip install 'heliograph[cli]'")
    sys.exit(run(sys.argv[1:], World.of_process()))
