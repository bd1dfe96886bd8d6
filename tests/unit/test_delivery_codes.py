"""Every row of the table of delivery codes of Azure Communication Services has a state, and
docs/delivery.md says which."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from webhook_world import report_data

from common.providers.acs_events import DELIVERY_CODES, parse_report
from common.store.records import RANK_FINAL, REPORT_RANK
from heliograph.models import ReportStatus as S

PAGE = Path(__file__).parents[2] / "docs" / "delivery.md"

# Source: Microsoft docs, "Troubleshooting SMS: delivery codes".
ROWS = {
    "2000 delivered": S.DELIVERED,
    "4000 rejected, fraud detection": S.REJECTED,
    "4001 invalid source number format": S.UNDELIVERABLE,
    "4002 invalid destination number format": S.UNDELIVERABLE,
    "4003 unsupported destination": S.UNDELIVERABLE,
    "4004 destination does not exist": S.UNDELIVERABLE,
    "4005 blocked by destination carrier": S.REJECTED,
    "4006 destination not reachable": S.UNDELIVERABLE,
    "4007 destination opted out": S.REJECTED,
    "4008 over the maximum for the profile": S.FAILED,
    "4009 rejected by Microsoft entitlement system": S.REJECTED,
    "4010 toll-free number not verified": S.REJECTED,
    "4020 carrier volumetric violation": S.FAILED,
    "5000 failed, contact support": S.FAILED,
    "5001 temporary unavailability of a system": S.FAILED,
    "5002 carrier gives no delivery report": S.SENT,
    "9999 unknown failure": S.FAILED,
}


@pytest.mark.parametrize("row", ROWS)
def test_each_delivery_code_has_its_state(row: str) -> None:
    status = "Delivered" if row.startswith("2000") else "Failed"
    report = parse_report(report_data(deliveryStatus=status, deliveryStatusDetails=row))
    assert (report.status, report.code) == (ROWS[row], row[:4])


def test_the_table_has_every_row_and_no_other() -> None:
    assert {row[:4]: state for row, state in ROWS.items()} == DELIVERY_CODES


def test_only_a_carrier_that_gives_no_report_leaves_a_text_open() -> None:
    open_codes = {code for code, state in DELIVERY_CODES.items() if REPORT_RANK[state] < RANK_FINAL}
    assert open_codes == {"5002"}


def test_the_page_tells_the_state_of_every_code() -> None:
    rows = re.findall(r"^\| (\d{4}) \|[^|]+\| `(\w+)` \|$", PAGE.read_text(), re.MULTILINE)
    assert rows == [(code, state.value) for code, state in DELIVERY_CODES.items()]


def test_the_page_tells_the_rank_of_every_state() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\d) \|.*\| (yes|no) \|$", PAGE.read_text(), re.MULTILINE)
    assert {name: (int(rank), final) for name, rank, final in rows} == {
        state.value: (rank, "yes" if rank >= RANK_FINAL else "no")
        for state, rank in REPORT_RANK.items()
    }
