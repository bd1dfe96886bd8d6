"""How the provider's published payloads read, where the folder with them is there."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from conformance.provider_world import FORM, Told

from common.providers.callbacks import DeliveryReport, ReceivedText
from common.providers.link_codes import RESULTS
from heliograph.models import ReportStatus

SENT, DELIVERED, DECLINED = ReportStatus.SENT, ReportStatus.DELIVERED, ReportStatus.REJECTED
UNDELIVERABLE, EXPIRED = ReportStatus.UNDELIVERABLE, ReportStatus.EXPIRED


def reference_text(ending: str, body: str, number: str = "NO-2333") -> ReceivedText:
    """An inbound text of the reference."""
    return ReceivedText(
        message_id=f"Dcshuhod0PMAAAFQ+/PbnR{ending}",
        number=number,
        remote="+4799999999",
        body=body,
        segments=None,
        at=datetime(2025, 3, 4, 9, 14, 58, tzinfo=UTC),
    )


def reference_report(
    ending: str,
    code: str,
    status: ReportStatus = DELIVERED,
    *,
    whose: str = "no.telenor, code 2",
    **parts: Any,
) -> DeliveryReport:
    """A report of the reference, which carries a reference of somebody else's form."""
    words = RESULTS[code].words
    return DeliveryReport(
        message_id=f"Dcshuhod0PMAAAFQ+/PbnR{ending}",
        number="",
        remote="",
        status=status,
        code=code,
        details=f"{words} ({whose})" if whose else words,
        reference=None,
        at=datetime(2025, 3, 4, 9, 15, 3, tzinfo=UTC),
        **parts,
    )


REFERENCE_FILES = {
    "inbound_keyword.json": Told(readings=[reference_text("3x", "Hello, is my order ready?")]),
    "inbound_stop.json": Told(readings=[reference_text("3z", "STOP")]),
    "inbound_subnumber.json": Told(
        readings=[reference_text("3y", "Hello, Dolly!", "NO-24149999999989")]
    ),
    "delivery_report.form": Told(headers=FORM, readings=[reference_report("4a", "1001")]),
    "delivery_report_delivered.json": Told(readings=[reference_report("4a", "1001")]),
    "delivery_report_blocked.json": Told(
        readings=[reference_report("4c", "2105", DECLINED, whose="no.telenor, code 17")]
    ),
    "delivery_report_number_error.json": Told(
        readings=[reference_report("4b", "2106", UNDELIVERABLE, whose="")]
    ),
    "delivery_report_sent.json": Told(
        readings=[reference_report("4a", "1000", SENT, whose="no.telenor")]
    ),
    "delivery_report_part_0.json": Told(
        readings=[reference_report("4d", "1001", part="0", parts=2)]
    ),
    "delivery_report_part_1_expired.json": Told(
        readings=[reference_report("4d", "1002", EXPIRED, part="1", parts=2)]
    ),
}
