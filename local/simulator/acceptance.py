"""What becomes of each recipient of an accepted send: result, text on the phone, report."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from local.simulator import events
from local.simulator.events import SmsEvent
from local.simulator.faults import BlockedInAnswer, FailedReports, FaultBook, RecipientError
from local.simulator.phones import Phones, Text
from local.simulator.report_book import ReportBook
from local.simulator.send_request import Recipient, SendRequest

MAX_KNOWN_IDS = 100_000

_INVALID_TO = "Invalid To phone number format."
_INVALID_FIRST_SENT = (
    "Request sent with Invalid DateTime value for repeatability-first-sent. "
    "Expected is DateTime ,RFC1123 pattern."
)
_BLOCKED = "Sender blocked for given recipient."
_BLOCKED_REPORT = f"4007: {_BLOCKED}"


@dataclass(frozen=True, slots=True)
class Result:
    """One item of the answer's `value`, and whether it repeats an earlier one.

    `conflict` marks a repeat that came with another recipient, sender or text than its first; how
    the service treats that is not documented, so the simulator sends nothing and tells on it.
    """

    recipient: Recipient
    status: int
    message_id: str | None = None
    error: str | None = None
    repeatability: str | None = None
    repeated: bool = False
    conflict: bool = False

    def wire(self) -> dict[str, Any]:
        """Write the item as ACS does: absent values are left out."""
        item = {
            "to": self.recipient.to,
            "messageId": self.message_id,
            "httpStatusCode": self.status,
            "repeatabilityResult": self.repeatability,
            "errorMessage": self.error,
            "successful": self.status == 202,
        }
        return {name: value for name, value in item.items() if value is not None}

    def facts(self) -> dict[str, Any]:
        """Give the item for the journal, where absent values are null."""
        return {
            "to": self.recipient.to,
            "repeatability_request_id": self.recipient.repeatability_request_id,
            "repeatability_first_sent": self.recipient.repeatability_first_sent,
            "message_id": self.message_id,
            "http_status_code": self.status,
            "error_message": self.error,
            "successful": self.status == 202,
            "repeated": self.repeated,
            "conflict": self.conflict,
        }


@dataclass(frozen=True, slots=True)
class _Known:
    message_id: str
    content: tuple[str, str, str]


class Acceptance:
    """Accepts requests that are well formed and allowed, recipient by recipient.

    An ID becomes known when its text is accepted; a refused recipient may try again with it. How
    long ACS remembers is not documented: here, the last `MAX_KNOWN_IDS`.
    """

    def __init__(self, *, phones: Phones, faults: FaultBook, book: ReportBook) -> None:
        self._book = book
        self._phones = phones
        self._faults = faults
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def accept(self, request: SendRequest) -> tuple[list[Result], list[SmsEvent]]:
        """Decide every recipient, let the texts out, and give results and reports to publish."""
        results, reports = [], []
        for recipient in request.sms_recipients:
            result = self._refusal(request, recipient) or self._repeat(request, recipient)
            if result is None:
                result = self._send(request, recipient)
                report = self._carry(request, result)
                self._book.keep(report)
                if request.wants_report:
                    reports.append(report)
            results.append(result)
        return results, reports

    def _refusal(self, request: SendRequest, recipient: Recipient) -> Result | None:
        """Refuse one recipient; as in the 2021 sample, some refusals carry a message ID."""
        if not recipient.is_phone:
            return Result(recipient, 400, error=_INVALID_TO)
        if not recipient.is_repeatable_or_plain:
            unused = events.message_id("Outgoing")
            return Result(recipient, 400, unused, _INVALID_FIRST_SENT, "rejected")
        if fault := self._faults.take(RecipientError, [recipient.to]):
            unused = events.message_id("Outgoing")
            return Result(recipient, fault.http_status_code, unused, fault.error_message)
        stopped = self._is_stopped(request, recipient.to)
        if stopped and self._faults.take(BlockedInAnswer, [recipient.to]):
            return Result(recipient, 400, error=_BLOCKED)
        return None

    def _is_stopped(self, request: SendRequest, to: str) -> bool:
        return request.from_ in self._phones[to].stopped

    def _repeat(self, request: SendRequest, recipient: Recipient) -> Result | None:
        """Give the earlier outcome of a known repeatability ID."""
        known = self._known.get(recipient.repeatability or "")
        if known is None:
            return None
        conflict = known.content != (request.from_, recipient.to, request.message)
        return Result(
            recipient, 202, known.message_id, None, "accepted", repeated=True, conflict=conflict
        )

    def _send(self, request: SendRequest, recipient: Recipient) -> Result:
        """Accept one text and remember its repeatability ID."""
        message_id = events.message_id("Outgoing")
        if recipient.repeatability is None:
            return Result(recipient, 202, message_id)
        content = (request.from_, recipient.to, request.message)
        self._known[recipient.repeatability] = _Known(message_id, content)
        if len(self._known) > MAX_KNOWN_IDS:
            self._known.popitem(last=False)
        return Result(recipient, 202, message_id, repeatability="accepted")

    def _carry(self, request: SendRequest, result: Result) -> SmsEvent:
        """Bring an accepted text to its phone, unless carrier or fault forbid; gives the report."""
        to = result.recipient.to
        text = Text(result.message_id or "", request.from_, to, request.message, tag=request.tag)
        phone = self._phones[to]
        failure: str | None = None
        if self._is_stopped(request, to):
            failure = _BLOCKED_REPORT
        elif fault := self._faults.take(FailedReports, [to]):
            failure = fault.details
        else:
            phone.receive(text)
        return events.report(text, failure)
