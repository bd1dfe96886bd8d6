"""What can be done with texts that the gate has held."""

from __future__ import annotations

from typing import Final

from common.longtext import LIMIT, fit
from common.segments import measure
from common.store.control import Approval, NewBody, Page
from common.store.control_ports import AlreadyDecided, Approvals, NotFound
from common.store.records import ApprovalDecision
from health.access.roles import Principal
from health.desk.nudging import Nudger
from health.desk.wording import require_plain
from health.web.problems import Problem, ProblemCode

LONGEST_REASON: Final = 500


class ApprovalDesk:
    """Held texts, as API and console handle them.

    What is decided here, the sender carries out by the same policy as any other text. So an
    approved text may still be blocked: its recipient may have opted out meanwhile.

    Args:
        limit: characters of a text that are sent; other words must fit.
    """

    def __init__(self, approvals: Approvals, nudger: Nudger, *, limit: int = LIMIT):
        self._approvals = approvals
        self._nudger = nudger
        self._limit = limit

    @property
    def limit(self) -> int:
        """Characters of a text that are sent."""
        return self._limit

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
            other = other_words(body, held, self._limit)
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


def other_words(body: str, held: Approval, limit: int) -> NewBody | None:
    """Other words for a held text, measured; None where they are the words it has.

    A form sends line breaks as CR LF (WHATWG HTML, "Constructing the entry list"), which are LF
    here.

    Raises:
        Problem: nothing is left, or they would be cut, which whoever wrote them has to see.
    """
    words = _as_typed(body)
    if not words:
        raise _invalid("body", "The text is empty.")
    if words == _as_typed(held.body):
        return None
    require_plain(words, "body")
    fitted = fit(words, limit)
    if fitted.truncated:
        raise _invalid(
            "body", f"The text has {len(words)} characters; at most {limit} can be sent."
        )
    measured = measure(fitted.body)
    return NewBody(
        body=fitted.body,
        whole=fitted.original,
        truncated=False,
        encoding=measured.encoding,
        segments=measured.segments,
    )


def _as_typed(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _invalid(field: str, what: str) -> Problem:
    return Problem(ProblemCode.INVALID, what, fields={field: what})


def _decided_before(approval: Approval) -> Problem:
    if approval.decision is ApprovalDecision.EXPIRED:
        what = "Nobody decided on the text in time; it was not sent."
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
