"""Delivery reports that can be asked for: `GET /deliveryReports/{outgoingMessageId}`.

Source: Azure REST API specs, Communication SMS, 2026-01-23. A report is there as soon as its text
is accepted, whatever becomes of its event.
"""

from collections import OrderedDict
from typing import Any

from local.simulator.answers import NOT_FOUND, Answer, json_answer
from local.simulator.events import SmsEvent
from local.simulator.versions import Version

MAX_REPORTS = 100_000

# The published answer has another text than the published event.
_DELIVERED = "2000: No Error"


class ReportBook:
    """The reports of accepted texts, by message ID; the oldest is forgotten when full."""

    def __init__(self, limit: int = MAX_REPORTS) -> None:
        self._limit = limit
        self._reports: OrderedDict[str, SmsEvent] = OrderedDict()

    def keep(self, report: SmsEvent) -> None:
        """Keep a report to be asked for."""
        self._reports[report.id] = report
        if len(self._reports) > self._limit:
            self._reports.popitem(last=False)

    def answer(self, message_id: str, version: Version) -> Answer:
        """Give what a known caller asks for."""
        report = self._reports.get(message_id)
        if report is None or not version.delivery_reports:
            return NOT_FOUND
        return json_answer(200, _written(report))


def _written(report: SmsEvent) -> dict[str, Any]:
    """Write a report as an answer: all names in camel case, numbers in E.164."""
    data = {name[:1].lower() + name[1:]: value for name, value in report.data.items()}
    if data["deliveryStatus"] == "Delivered":
        data["deliveryStatusDetails"] = _DELIVERED
    return data
