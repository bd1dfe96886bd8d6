"""What `python -m health --once` prints and how it exits."""

import pytest

from common.providers.port import Health, Healthy, Unhealthy, Unknown
from common.store.records import ConnectionRecord, ConnectionStatus
from health.once import exit_code, table
from health.validation import Checked, NotRecorded, Superseded


def checked(connection_id: str, result: Health | Superseded | NotRecorded) -> Checked:
    record = ConnectionRecord(
        id=connection_id,
        tenant_id="acme",
        name="",
        provider="fake",
        status=ConnectionStatus.ACTIVE,
        error=None,
        sealed=None,
        wrapped_key=None,
    )
    return Checked(record, result)


HEALTHY = checked("a", Healthy())
DENIED = checked("bb", Unhealthy("The key of +15551230142 was refused."))
AWAY = checked("ccc", Unknown("No answer within 10 seconds."))
SILENT = checked("cccc", Unknown("It never tells.", let_in=True))
LOST = checked("d", NotRecorded())
GONE = checked("e", Superseded())


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([], 0),
        ([HEALTHY], 0),
        ([HEALTHY, GONE], 0),
        ([HEALTHY, DENIED], 1),
        ([HEALTHY, AWAY], 2),
        ([HEALTHY, SILENT], 0),
        ([SILENT, AWAY], 2),
        ([HEALTHY, LOST], 2),
        ([AWAY, DENIED, LOST], 1),
    ],
)
def test_the_exit_code_tells_the_worst_that_is_known(results: list[Checked], code: int) -> None:
    assert exit_code(results) == code


def test_the_table_has_one_line_a_connection_in_order_and_masks_numbers() -> None:
    assert table([GONE, LOST, AWAY, DENIED, HEALTHY]) == (
        "CONNECTION  PROVIDER  RESULT\n"
        "acme/a      fake      healthy\n"
        "acme/bb     fake      error: The key of •••••42 was refused.\n"
        "acme/ccc    fake      not checked: No answer within 10 seconds.\n"
        "acme/d      fake      not checked: The result could not be recorded; is MongoDB away?\n"
        "acme/e      fake      skipped: It was changed or disconnected during the check.\n"
    )


def test_without_connections_the_table_says_so() -> None:
    assert table([]) == "There is no connection to validate.\n"
