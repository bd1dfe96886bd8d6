"""Texts that the gate has held, and what a person decides on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints

from common.addresses import normalise_address
from common.store.control import Approval
from common.store.records import ApprovalDecision
from health.access.roles import Role
from health.api.paths import TENANT, ListQuery
from health.desk.approvals import LONGEST_REASON
from health.web.problems import ProblemCode
from health.web.routes import Answer, Body, Call, ListView, Route, View
from heliograph.codes import OutcomeCode
from heliograph.models import MAX_BODY_CHARACTERS

APPROVALS: Final = f"{TENANT}/approvals"
APPROVAL: Final = f"{APPROVALS}/{{message_id}}"


class ApprovalsQuery(ListQuery):
    """Which held texts are wanted."""

    number: str | None = Field(None, max_length=64, description="Only those of this number.")


class Approve(Body):
    """An approval. It stands for what held the text, and for nothing else: a text whose connection
    the provider refuses at that moment, and that has no other way, is refused."""

    body: str | None = Field(
        None,
        max_length=MAX_BODY_CHARACTERS,
        description="Other words to send instead; the agent learns of them.",
    )


class Reject(Body):
    """A rejection."""

    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_REASON)
    ] = Field(description="The agent is told it as it is written here.")


class ApprovalView(View):
    """A text that waits for a person, or was decided."""

    message_id: str
    agent_id: str
    connection_id: str
    conversation_id: str
    number: str
    remote: str
    body: str = Field(description="What would be sent, or was; other words if it was edited.")
    original_body: str = Field(description="What the agent wrote.")
    truncated: bool
    encoding: str
    segments: int
    tag: str | None
    code: OutcomeCode = Field(
        description="Why it was held: `gate_off`, `first_contact_held`, `loop_suspected`, "
        "`conversation_held`."
    )
    held_at: datetime
    expires_at: datetime
    decision: ApprovalDecision | None = Field(description="null while it waits.")
    decided_at: datetime | None
    decided_by: str | None
    reason: str | None
    edited: bool

    @classmethod
    def of(cls, approval: Approval) -> Self:
        """As the API shows it."""
        return cls(**{name: getattr(approval, name) for name in cls.model_fields})


async def list_approvals(call: Call) -> Answer:
    """The texts that wait, oldest first."""
    wanted: ApprovalsQuery = call.query
    page = await call.desks.approvals.list(
        call.tenant_id,
        number=normalise_address(wanted.number) if wanted.number else None,
        limit=wanted.limit,
        cursor=wanted.cursor,
    )
    items = tuple(ApprovalView.of(approval) for approval in page.items)
    return Answer(body=ListView[ApprovalView](items=items, next=page.next))


async def get_approval(call: Call) -> Answer:
    """One text that waits or was decided."""
    approval = await call.desks.approvals.get(call.tenant_id, call.at("message_id"))
    return Answer(body=ApprovalView.of(approval))


async def approve(call: Call) -> Answer:
    """Let a text go, perhaps with other words."""
    wanted: Approve = call.body
    approval = await call.desks.approvals.approve(
        call.tenant_id, call.at("message_id"), body=wanted.body, by=call.principal
    )
    return Answer(body=ApprovalView.of(approval))


async def reject(call: Call) -> Answer:
    """Never let a text go."""
    wanted: Reject = call.body
    approval = await call.desks.approvals.reject(
        call.tenant_id, call.at("message_id"), reason=wanted.reason, by=call.principal
    )
    return Answer(body=ApprovalView.of(approval))


_TAG: Final = "Approvals"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_approvals",
        method="GET",
        path=APPROVALS,
        needs=Role.VIEWER,
        handler=list_approvals,
        summary="List the texts that wait for a person",
        query=ApprovalsQuery,
        answer=ListView[ApprovalView],
        problems=(ProblemCode.BAD_CURSOR,),
        tag=_TAG,
    ),
    Route(
        name="get_approval",
        method="GET",
        path=APPROVAL,
        needs=Role.VIEWER,
        handler=get_approval,
        summary="Read a text that waits or was decided",
        answer=ApprovalView,
        tag=_TAG,
    ),
    Route(
        name="approve",
        method="POST",
        path=f"{APPROVAL}/approve",
        needs=Role.APPROVER,
        handler=approve,
        summary="Approve a text, perhaps with other words",
        body=Approve,
        answer=ApprovalView,
        problems=(ProblemCode.ALREADY_DECIDED,),
        tag=_TAG,
    ),
    Route(
        name="reject",
        method="POST",
        path=f"{APPROVAL}/reject",
        needs=Role.APPROVER,
        handler=reject,
        summary="Reject a text",
        body=Reject,
        answer=ApprovalView,
        problems=(ProblemCode.ALREADY_DECIDED,),
        tag=_TAG,
    ),
)
