"""What `python -m health --once` says: a plain table and an exit code. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from common.providers.port import Healthy, Unhealthy, Unknown
from health.transition import shorten
from health.validation import Checked, NotRecorded, Superseded

EXIT_HEALTHY: Final = 0
EXIT_ERROR: Final = 1
EXIT_NOT_CHECKED: Final = 2

_HEADINGS: Final = ("CONNECTION", "PROVIDER", "RESULT")


def exit_code(checked: Sequence[Checked]) -> int:
    """0 where all are healthy, 1 where any is in error, else 2: something could not be checked."""
    results = [one.result for one in checked]
    if any(isinstance(result, Unhealthy) for result in results):
        return EXIT_ERROR
    if any(map(_failed, results)):
        return EXIT_NOT_CHECKED
    return EXIT_HEALTHY


def _failed(result: object) -> bool:
    """Whether a check is worth repeating. A provider that answers, and never tells, is not."""
    if isinstance(result, Unknown):
        return not result.let_in
    return isinstance(result, NotRecorded)


def table(checked: Sequence[Checked]) -> str:
    """One line a connection, in order of tenant and connection."""
    if not checked:
        return "There is no connection to validate.\n"
    found = sorted(checked, key=lambda one: (one.record.tenant_id, one.record.id))
    rows = [_HEADINGS, *(_row(one) for one in found)]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(
        f"{connection:<{widths[0]}}  {provider:<{widths[1]}}  {result}\n"
        for connection, provider, result in rows
    )


def _row(one: Checked) -> tuple[str, str, str]:
    record = one.record
    return f"{record.tenant_id}/{record.id}", record.provider, _told(one)


def _told(one: Checked) -> str:
    match one.result:
        case Healthy():
            return "healthy"
        case Unhealthy(reason):
            return f"error: {shorten(reason)}"
        case Unknown(reason):
            return f"not checked: {shorten(reason)}"
        case NotRecorded():
            return "not checked: The result could not be recorded; is MongoDB away?"
        case Superseded():
            return "skipped: It was changed or disconnected during the check."
