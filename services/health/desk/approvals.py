"""What can be done with texts that the gate has held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from common.addresses import normalise_address, usual_type
from common.longtext import LIMIT
from common.reach import region_of
from common.sending_rules import DEFAULT, LongText
from common.shaping import Shaped, shape
from common.store.control import Approval, NewBody, NumberRecord, Page
from common.store.control_ports import AlreadyDecided, Approvals, NotFound
from common.store.records import ApprovalDecision
from health.access.roles import Principal
from health.desk.nudging import Nudger
from health.desk.wording import require_plain
from health.web.problems import Problem, ProblemCode
from heliograph.codes import TEXTS

LONGEST_REASON: Final = 500
_US: Final = "US"


class OneNumber(Protocol):
    """The part of `Numbers` that this needs."""

    async def get(self, tenant_id: str, address: str) -> NumberRecord | None: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """Words that somebody writes, as they would go out."""

    words: str
    shaped: Shaped
    limit: int | None
    """Characters that fit, where longer texts of the number are cut."""


class ApprovalDesk:
    """Held texts, as API and console handle them.

    What is decided here, the sender carries out by the same policy as any other text. So an
    approved text may still be blocked: its recipient may have opted out meanwhile.

    Args:
        limit: characters of a text that are sent; other words must fit.
    """

    def __init__(
        self, approvals: Approvals, nudger: Nudger, numbers: OneNumber, *, limit: int = LIMIT
    ):
        self._approvals = approvals
        self._numbers = numbers
        self._nudger = nudger
        self._limit = limit

    async def measure(self, tenant_id: str, *, number: str, remote: str, body: str) -> Draft:
        """Words as they would go out from a number to a remote."""
        record = await self._numbers.get(tenant_id, normalise_address(number)) if number else None
        cut = record is None or record.rules.long_text is LongText.TRUNCATE
        words = _as_typed(body)
        shaped = shaped_words(words, number, remote, record, self._limit)
        return Draft(words, shaped, self._limit if cut else None)

    async def list(
        self, tenant_id: str, *, number: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[Approval]:
        """Those that wait, oldest first. Raises BadCursor."""
        return await self._approvals.list(tenant_id, number=number, limit=limit, cursor=cursor)

    async def get(self, tenant_id: str, message_id: str) -> Approval:
        """One that waits or was decided. Raises NotFound."""
        approval = await self._approvals.get(tenant_id, message_id)
        if approval is None:
            raise NotFound("The tenant has no held text with this ID.")
        return approval

    async def approve(
        self, tenant_id: str, message_id: str, *, body: str | None, by: Principal
    ) -> Approval:
        """Let the text go, with the agent's words or, where `body` differs from them, with these.

        Raises:
            NotFound.
            Problem: it was decided before, or its time is over; the words cannot be sent.
        """
        other = None
        if body is not None:
            held = await self.get(tenant_id, message_id)
            number = await self._numbers.get(tenant_id, held.number)
            other = other_words(body, held, number, self._limit)
        return await self._decide(
            tenant_id, message_id, ApprovalDecision.APPROVED, body=other, by=by
        )

    async def reject(
        self, tenant_id: str, message_id: str, *, reason: str, by: Principal
    ) -> Approval:
        """Never let it go; the agent is told the reason.

        Raises:
            NotFound.
            Problem: it was decided before, or its time is over; the reason is missing or too long.
        """
        reason = _as_typed(reason)
        if not 1 <= len(reason) <= LONGEST_REASON:
            raise _invalid("reason", f"Give a reason of at most {LONGEST_REASON} characters.")
        require_plain(reason, "reason")
        return await self._decide(
            tenant_id, message_id, ApprovalDecision.REJECTED, reason=reason, by=by
        )

    async def _decide(
        self,
        tenant_id: str,
        message_id: str,
        decision: ApprovalDecision,
        *,
        body: NewBody | None = None,
        reason: str | None = None,
        by: Principal,
    ) -> Approval:
        try:
            approval = await self._approvals.decide(
                tenant_id, message_id, decision, body=body, reason=reason, by=by.actor
            )
        except AlreadyDecided as error:
            if error.approval.decision is ApprovalDecision.EXPIRED:
                await self._nudger.nudge(error.approval)  # Perhaps it was recorded only now.
            raise _decided_before(error.approval) from None
        await self._nudger.nudge(approval)
        return approval


def other_words(
    body: str, held: Approval, number: NumberRecord | None, limit: int
) -> NewBody | None:
    """Other words for a held text, by its number's rules; None where they are the words it has.

    A form sends line breaks as CR LF (WHATWG HTML, "Constructing the entry list"), which are LF
    here.

    Raises:
        Problem: nothing is left; they would be cut, which whoever wrote them has to see; the
            number's rules do not let them out.
    """
    words = _as_typed(body)
    if not words:
        raise _invalid("body", "The text is empty.")
    if words == _as_typed(held.body):
        return None
    require_plain(words, "body")
    shaped = shaped_words(words, held.number, held.remote, number, limit)
    if shaped.truncated:
        raise _invalid(
            "body",
            f"The text has {len(words)} characters and would be cut; at most {limit} plain "
            "characters can be sent, and fewer with others among them.",
        )
    if shaped.problem is not None:
        raise _invalid("body", TEXTS[shaped.problem].person)
    return NewBody(
        body=shaped.body,
        whole=words,
        truncated=False,
        encoding=shaped.encoding,
        segments=shaped.segments,
        parts=shaped.parts if len(shaped.parts) > 1 else (),
        warnings=shaped.warnings,
    )


def shaped_words(
    words: str, address: str, remote: str, number: NumberRecord | None, limit: int
) -> Shaped:
    """Words by the rules of their number, by the usual ones where it is gone."""
    return shape(
        words,
        number.rules if number else DEFAULT,
        number.type if number else usual_type(address),
        limit=limit,
        to_us=region_of(remote) == _US,
        from_us=number is None or number.region == _US,
    )


def _as_typed(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _invalid(field: str, what: str) -> Problem:
    return Problem(ProblemCode.INVALID, what, fields={field: what})


def _decided_before(approval: Approval) -> Problem:
    if approval.decision is ApprovalDecision.EXPIRED:
        what = "Nobody decided on the text in time; it was not sent."
    elif approval.decision is ApprovalDecision.CANCELLED:
        what = "The other person opted out meanwhile; the text was cancelled."
    else:
        what = f"{approval.decided_by} has {approval.decision} the text before."
    at = approval.decided_at.isoformat() if approval.decided_at else None
    return Problem(
        ProblemCode.ALREADY_DECIDED,
        what,
        extra={
            "decision": approval.decision,
            "decided_by": approval.decided_by,
            "decided_at": at,
        },
    )
