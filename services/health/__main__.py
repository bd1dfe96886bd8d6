"""`python -m health` runs the service. What is done once and ends:

`--once` validates every connection now. Exit codes: 0 all are healthy, 1 one is in error, 2 one
could not be checked.

`--make-key ROLE NAME [--tenant ID]` makes an API key and prints it, this one time: the first one of
an installation is made so. Exit codes: 0 made, 1 refused, 2 the store is away.

`--rotate-master-key` wraps every tenant's data key under the first of the master keys, beside the
running services. Exit codes: 0 done, 1 some do not open, 2 the store went away; start it again.

`--replace-lost-keys` lists the tenants whose data key opens under none of the master keys. With
`--yes` it gives them new ones and drops the credentials that were sealed with the old. Exit codes:
0 every data key opens, 1 some do not, 2 the store went away; start it again.

`--prepare` makes what the services of this release need: indexes, data migrations, exchanges and
queues. Exit codes: 0 done, 1 something contradicts this release, 2 MongoDB or RabbitMQ is away;
start it again.

`--backup FILE` writes the database into a new file as it is at one instant; in a folder it gets a
name. `--restore FILE` stops all sending and brings it into an empty database. Exit codes: 0 done,
1 the file or the database is not as it has to be, 2 the store went away.
"""

from __future__ import annotations

import argparse
from collections.abc import Coroutine

import uvloop

from common import logging as logs
from common.lifecycle import run
from common.settings import load_or_exit
from health.access.first_key import make_key
from health.access.roles import Role
from health.app import serve, validate_once
from health.backing_up import back_up, bring_back
from health.lost_keys import replace_lost_keys
from health.preparing import prepare_until_signal
from health.rotation import rotate_master_key
from health.settings import HealthSettings


def main() -> None:
    """Do what the command line says."""
    arguments = _arguments()
    tasks = (
        arguments.once,
        arguments.make_key,
        arguments.rotate_master_key,
        arguments.replace_lost_keys,
        arguments.prepare,
        arguments.backup,
        arguments.restore,
    )
    if not any(tasks):
        run("health", HealthSettings, serve)
        return
    settings = load_or_exit(HealthSettings)
    logs.configure(service="health", level=settings.log_level, form=settings.log_format)
    raise SystemExit(uvloop.run(_task(arguments, settings)))


def _task(arguments: argparse.Namespace, settings: HealthSettings) -> Coroutine[None, None, int]:
    if arguments.make_key:
        role, name = arguments.make_key
        return make_key(settings, role=role, name=name, tenant_id=arguments.tenant)
    if arguments.backup:
        return back_up(settings, arguments.backup)
    if arguments.restore:
        return bring_back(settings, arguments.restore)
    if arguments.prepare:
        return prepare_until_signal(settings)
    if arguments.rotate_master_key or arguments.replace_lost_keys:
        return _master_key_task(arguments, settings)
    return validate_once(settings)


def _master_key_task(
    arguments: argparse.Namespace, settings: HealthSettings
) -> Coroutine[None, None, int]:
    if arguments.rotate_master_key:
        return rotate_master_key(settings)
    return replace_lost_keys(settings, confirmed=arguments.yes)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m health",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--once", action="store_true", help="validate every connection now and exit")
    task.add_argument(
        "--make-key",
        nargs=2,
        metavar=("ROLE", "NAME"),
        help=f"make an API key and print it; the role is one of {', '.join(Role)}",
    )
    task.add_argument(
        "--rotate-master-key",
        action="store_true",
        help="wrap every tenant's data key under the current master key",
    )
    task.add_argument(
        "--replace-lost-keys",
        action="store_true",
        help="list the tenants whose data key no master key opens; with --yes, make them new ones",
    )
    task.add_argument(
        "--prepare", action="store_true", help="make indexes, migrations and queues, and exit"
    )
    task.add_argument("--backup", metavar="FILE", help="write the database into a new file")
    task.add_argument("--restore", metavar="FILE", help="bring a backup into an empty database")
    parser.add_argument("--tenant", metavar="ID", help="whose key it is; an operator has none")
    parser.add_argument("--yes", action="store_true", help="do what cannot be undone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
