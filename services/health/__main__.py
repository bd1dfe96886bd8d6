"""`python -m health` runs the service; `python -m health --once` validates now and exits.

Exit codes of `--once`: 0 all are healthy, 1 one is in error, 2 one could not be checked.
"""

from __future__ import annotations

import argparse

import uvloop

from common import logging as logs
from common.lifecycle import run
from common.settings import load_or_exit
from health.app import serve, validate_once
from health.settings import HealthSettings


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m health")
    parser.add_argument(
        "--once",
        action="store_true",
        help="validate every connection now and exit: 0 all healthy, 1 any in error, "
        "2 not all could be checked",
    )
    if not parser.parse_args().once:
        run("health", HealthSettings, serve)
        return
    settings = load_or_exit(HealthSettings)
    logs.configure(service="health", level=settings.log_level, form=settings.log_format)
    raise SystemExit(uvloop.run(validate_once(settings)))


if __name__ == "__main__":
    main()
