"""Pages that are written from the code: written anew, or compared with what is there."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path


def main(
    module: str, page: Callable[[], str], target: Path, arguments: Sequence[str] | None = None
) -> int:
    """Write a page; with `--check` write nothing, and give 1 where it is not what is there.

    Args:
        module: what `python -m` runs, to say how the page is written.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if stale")
    wanted = page()
    if not parser.parse_args(arguments).check:
        target.write_text(wanted, encoding="utf-8")
        print(f"wrote {target.name}")
        return 0
    if target.is_file() and target.read_text(encoding="utf-8") == wanted:
        return 0
    print(f"{target.name} is stale: run `python -m {module}`.", file=sys.stderr)
    return 1
