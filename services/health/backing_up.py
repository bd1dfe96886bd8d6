"""`python -m health --backup FILE` and `--restore FILE`."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from common.errors import StoreUnavailable
from common.store.backup_file import DamagedBackup
from common.store.client import Database, WriteRefused, open_database
from common.store.clock import utc_now
from common.store.mongo_backup import RestoreRefused, SnapshotLost, backup, restore
from health.settings import HealthSettings

EXIT_DONE: Final = 0
EXIT_REFUSED: Final = 1
"""The file or the database is not as it has to be."""
EXIT_AWAY: Final = 2
"""The store went away."""

_LONGEST: Final = 3600.0
"""Seconds that one operation may take: an index of the restored texts is built in one."""


async def back_up(settings: HealthSettings, file: str) -> int:
    """Write a backup, say what it holds, and give the exit code. In a folder it is named by the
    instant, so that a job may always be given the same words."""
    return await _done(settings, backup, _named(Path(file)), "backed up")


async def bring_back(settings: HealthSettings, file: str) -> int:
    """Restore a backup into an empty database, say what came back, and give the exit code."""
    code = await _done(settings, restore, Path(file), "restored")
    if code == EXIT_DONE:
        sys.stdout.write(
            "All sending is stopped. Read docs/operations/backup.md before you let it go on.\n"
        )
    return code


def _named(path: Path) -> Path:
    return path / f"heliograph-{utc_now():%Y-%m-%dT%H%M%SZ}" if path.is_dir() else path


async def _done(
    settings: HealthSettings,
    work: Callable[[Database, Path], Awaitable[Mapping[str, int]]],
    file: Path,
    what: str,
) -> int:
    database = open_database(
        settings.mongodb_uri.get_secret_value(),
        settings.mongodb_database,
        settings.mongodb_timeout,
        longest=_LONGEST,
    )
    try:
        counts = await work(database, file)
    except StoreUnavailable as error:
        return _ended(f"not {what}: {error}", EXIT_AWAY)
    except (DamagedBackup, RestoreRefused, SnapshotLost, WriteRefused) as error:
        return _ended(f"not {what}: {file}: {error}", EXIT_REFUSED)
    except OSError as error:
        return _ended(f"not {what}: {file}: {error.strerror or error}", EXIT_REFUSED)
    finally:
        database.close()
    for name, count in counts.items():
        sys.stdout.write(f"{name}: {count}\n")
    sys.stdout.write(f"{what}: {sum(counts.values())} documents, {file}\n")
    return EXIT_DONE


def _ended(line: str, code: int) -> int:
    sys.stderr.write(f"heliograph: {line}\n")
    return code
