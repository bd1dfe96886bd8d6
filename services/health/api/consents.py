"""The opt-out ledger: what each remote has said to each number, and a person's word on it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Self

from pydantic import Field

from common.store.consents import ConsentSource, LedgerEntry
from common.store.records import Consent, conversation_id
from health.access.roles import Role
from health.api.paths import TENANT, ListQuery
from health.desk.consents import LONGEST_NOTE
from health.web.problems import ProblemCode
from health.web.routes import Answer, Body, Call, ListView, Route, View

CONSENTS: Final = f"{TENANT}/consents"
CONSENT: Final = f"{CONSENTS}/{{address}}/{{remote}}"

Note = Annotated[str, Field(max_length=LONGEST_NOTE)]


class ConsentsQuery(ListQuery):
    """Which standings are wanted."""

    opted_out: bool | None = Field(None, description="Only opt-outs, or only opt-ins.")
    in_doubt: bool | None = Field(None, description="Only those that a person should review.")
    number: str | None = Field(None, max_length=64, description="Only with this number.")
    remote: str | None = Field(None, max_length=64, description="Only of this remote.")


class Word(Body):
    """A person's word."""

    note: Note | None = Field(None, description="Kept in the ledger with it.")


class Agreement(Body):
    """A person's word that a remote wants texts."""

    note: Note = Field(description="How and when the remote agreed: it is the evidence.")


class ConsentView(View):
    """What a remote has said to a number, as it stands."""

    number: str
    remote: str
    conversation_id: str
    opted_out: bool
    in_doubt: bool = Field(description="Free wording was taken for an opt-out; review it.")
    at: datetime = Field(description="When the newest word was said.")
    opted_out_at: datetime | None = Field(description="When the latest opt-out was noted.")

    @classmethod
    def of(cls, consent: Consent) -> Self:
        """As the API shows it."""
        return cls(
            number=consent.number,
            remote=consent.remote,
            conversation_id=conversation_id(consent.tenant_id, consent.number, consent.remote),
            opted_out=consent.opted_out,
            in_doubt=consent.in_doubt,
            at=consent.at,
            opted_out_at=consent.opted_out_at,
        )


class ConsentEntryView(View):
    """One entry of the ledger: never changed, only superseded."""

    opted_out: bool
    in_doubt: bool
    at: datetime = Field(description="When it was said.")
    recorded_at: datetime
    source: ConsentSource
    rule: str = Field(description="The keyword, what matched, a provider's code, a person's act.")
    who: str
    message_id: str | None
    note: str | None

    @classmethod
    def of(cls, item: LedgerEntry) -> Self:
        """As the API shows it."""
        entry = item.entry
        return cls(
            opted_out=entry.opted_out,
            in_doubt=entry.in_doubt,
            at=entry.at,
            recorded_at=item.recorded_at,
            source=entry.source,
            rule=entry.rule,
            who=entry.who,
            message_id=entry.message_id,
            note=entry.note,
        )


class ConsentHistoryView(ConsentView):
    """What stands, with every entry about it, newest first."""

    history: tuple[ConsentEntryView, ...] = ()
    next: str | None = Field(None, description="Cursor of older entries; null at the end.")


class ProvidersListView(View):
    """What the provider's own list says."""

    opted_out: bool | None = Field(description="null where the provider does not tell.")


async def list_consents(call: Call) -> Answer:
    """What stands, newest word first."""
    wanted: ConsentsQuery = call.query
    page = await call.desks.consents.list(
        call.tenant_id,
        opted_out=wanted.opted_out,
        in_doubt=wanted.in_doubt,
        number=wanted.number,
        remote=wanted.remote,
        limit=wanted.limit,
        cursor=wanted.cursor,
    )
    items = tuple(map(ConsentView.of, page.items))
    return Answer(body=ListView[ConsentView](items=items, next=page.next))


async def get_consent(call: Call) -> Answer:
    """What one remote has said to one number, with the evidence."""
    wanted: ListQuery = call.query
    told = await call.desks.consents.get(
        call.tenant_id,
        call.at("address"),
        call.at("remote"),
        limit=wanted.limit,
        cursor=wanted.cursor,
    )
    shown = ConsentHistoryView.of(told.consent)
    entries = tuple(map(ConsentEntryView.of, told.history.items))
    return Answer(body=shown.model_copy(update={"history": entries, "next": told.history.next}))


async def opt_out(call: Call) -> Answer:
    """Opt a remote out by hand."""
    wanted: Word = call.body
    consent = await call.desks.consents.opt_out(*_about(call), note=wanted.note, by=call.principal)
    return Answer(body=ConsentView.of(consent))


async def opt_in(call: Call) -> Answer:
    """Opt a remote in by hand."""
    wanted: Agreement = call.body
    consent = await call.desks.consents.opt_in(*_about(call), note=wanted.note, by=call.principal)
    return Answer(body=ConsentView.of(consent))


async def confirm(call: Call) -> Answer:
    """The wording meant an opt-out."""
    wanted: Word = call.body
    consent = await call.desks.consents.confirm(*_about(call), note=wanted.note, by=call.principal)
    return Answer(body=ConsentView.of(consent))


async def undo(call: Call) -> Answer:
    """The wording did not mean an opt-out."""
    wanted: Word = call.body
    consent = await call.desks.consents.undo(*_about(call), note=wanted.note, by=call.principal)
    return Answer(body=ConsentView.of(consent))


async def check(call: Call) -> Answer:
    """What the provider's own list says, asked now."""
    opted_out = await call.desks.consents.on_providers_list(*_about(call))
    return Answer(body=ProvidersListView(opted_out=opted_out))


def _about(call: Call) -> tuple[str, str, str]:
    return call.tenant_id, call.at("address"), call.at("remote")


_TAG: Final = "Opt-outs"

ROUTES: Final[tuple[Route, ...]] = (
    Route(
        name="list_consents",
        method="GET",
        path=CONSENTS,
        needs=Role.VIEWER,
        handler=list_consents,
        summary="List who has opted out or in",
        query=ConsentsQuery,
        answer=ListView[ConsentView],
        tag=_TAG,
    ),
    Route(
        name="get_consent",
        method="GET",
        path=CONSENT,
        needs=Role.VIEWER,
        handler=get_consent,
        summary="Read what a remote has said to a number, with the evidence",
        query=ListQuery,
        answer=ConsentHistoryView,
        tag=_TAG,
    ),
    Route(
        name="opt_out",
        method="POST",
        path=f"{CONSENT}/opt-out",
        needs=Role.APPROVER,
        handler=opt_out,
        summary="Opt a remote out by hand; what waits to be sent to it is cancelled",
        body=Word,
        answer=ConsentView,
        tag=_TAG,
    ),
    Route(
        name="opt_in",
        method="POST",
        path=f"{CONSENT}/opt-in",
        needs=Role.ADMIN,
        handler=opt_in,
        summary="Opt a remote in by hand, with the evidence",
        body=Agreement,
        answer=ConsentView,
        tag=_TAG,
    ),
    Route(
        name="confirm_opt_out",
        method="POST",
        path=f"{CONSENT}/confirm",
        needs=Role.APPROVER,
        handler=confirm,
        summary="Confirm an opt-out that is in doubt",
        body=Word,
        answer=ConsentView,
        problems=(ProblemCode.NOT_IN_DOUBT,),
        tag=_TAG,
    ),
    Route(
        name="undo_opt_out",
        method="POST",
        path=f"{CONSENT}/undo",
        needs=Role.APPROVER,
        handler=undo,
        summary="Undo an opt-out that is in doubt",
        body=Word,
        answer=ConsentView,
        problems=(ProblemCode.NOT_IN_DOUBT,),
        tag=_TAG,
    ),
    Route(
        name="check_opt_out",
        method="POST",
        path=f"{CONSENT}/check",
        needs=Role.APPROVER,
        handler=check,
        summary="Ask the provider whether its own list has the remote as opted out",
        answer=ProvidersListView,
        problems=(ProblemCode.DISCONNECTED, ProblemCode.INVALID),
        tag=_TAG,
    ),
)
