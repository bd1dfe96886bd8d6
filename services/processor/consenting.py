"""The opt-outs and opt-ins of a part of a batch: note, cancel, answer.

Each step can be done again, and is, when a crash brings the text back: an entry is noted once, a
text cancelled once, an answer put once, and a nudge carries nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from common import tracing
from common.bus.agents import AgentBus
from common.bus.messages import BusUnavailable, Outgoing
from common.bus.nudges import nudge
from common.failpoints import Failpoint, Failpoints
from common.metrics import Children, Metrics
from common.providers.specs import SPECS
from common.sending_rules import OptOutScope
from common.store.consent_ports import ConsentLedger
from common.store.consents import ConsentSource, NewConsent, standing
from common.store.control import SYSTEM
from common.store.records import AppliedReport, Consent, Inbound, Route
from heliograph import wire
from heliograph.models import Keyword
from processor.answering import answer_to, counts_with, is_due, may_be_helped
from processor.hearing import Heard, heard_in, opt_in_of_the_opted_out
from processor.wording import Wording

log = structlog.get_logger(__name__)


class Routes(Protocol):
    """What is known of a number; `common.store.mongo_outbound.MongoOutbound` answers."""

    async def route(self, tenant_id: str, number: str) -> Route | None:
        """The number as it is now."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """A text that says something about texts from us."""

    inbound: Inbound
    heard: Heard

    @property
    def entry(self) -> NewConsent | None:
        return self.heard.entry(self.inbound.text)


@dataclass(frozen=True, slots=True)
class Remotes:
    """What stands for some remotes, over all of their tenants' numbers."""

    consents: Mapping[tuple[str, str], Sequence[Consent]]
    """By tenant and remote."""
    scopes: Mapping[str, OptOutScope]

    def of(self, inbound: Inbound) -> tuple[Sequence[Consent], OptOutScope]:
        """The consents of a text's remote with the tenant, and the tenant's scope."""
        tenant_id = inbound.text.tenant_id
        theirs = self.consents.get((tenant_id, inbound.text.remote), ())
        return theirs, self.scopes.get(tenant_id, OptOutScope.NUMBER)

    def opted_out(self, inbound: Inbound) -> bool:
        """Whether the remote of a text has opted out of texts from its number."""
        consents, scope = self.of(inbound)
        return standing(consents, inbound.text.number, scope).opted_out


async def read_remotes(ledger: ConsentLedger, texts: Sequence[Inbound]) -> Remotes:
    """What stands for the remotes of some texts: one query, and one more where anything stands."""
    pairs = {(it.text.tenant_id, it.text.remote) for it in texts}
    by_remote: dict[tuple[str, str], list[Consent]] = {}
    for consent in await ledger.of_remotes(list(pairs)):
        by_remote.setdefault((consent.tenant_id, consent.remote), []).append(consent)
    tenants = frozenset(tenant_id for tenant_id, _ in by_remote)
    return Remotes(by_remote, await ledger.scopes(tenants) if tenants else {})


class Consenting:
    """Notes what remotes and reports say of opt-outs, and sees to what follows."""

    def __init__(
        self,
        *,
        ledger: ConsentLedger,
        routes: Routes,
        bus: AgentBus,
        metrics: Metrics,
        failpoints: Failpoints,
        wording: Wording,
    ):
        self._ledger = ledger
        self._routes = routes
        self._bus = bus
        self._consents = Children(metrics.consents)
        self._cancelled_texts = metrics.cancelled_texts
        self._notices = Children(metrics.notices)
        self._failpoints = failpoints
        self._wording = wording

    async def texts(self, mine: Sequence[Inbound]) -> list[Inbound]:
        """Note what texts say, cancel what it forbids, answer it. Returns the texts, each marked
        with the keyword that it is: what stood before makes an opt-in of some, and a carrier that
        goes on blocking makes ordinary texts of others."""
        heard = await self._hear(mine)
        said, unheard = await self._that_count(heard)
        await self._note(_entries(said))
        marked = await self._opt_ins_of_the_opted_out(mine)
        said += marked
        self._failpoints.reached(Failpoint.PROCESSOR_CONSENTED)
        await self._cancel(_entries(said))
        self._failpoints.reached(Failpoint.PROCESSOR_CANCELLED)
        await self._answer(said)
        self._failpoints.reached(Failpoint.PROCESSOR_ANSWERED)
        keywords: dict[str, Keyword | None] = {it.inbound.id: it.heard.keyword for it in marked}
        keywords |= {it.inbound.id: None for it in unheard}
        return [_with_keyword(inbound, keywords) for inbound in mine]

    async def _hear(self, mine: Sequence[Inbound]) -> list[Said]:
        """What the texts that are marked say."""
        marked = [inbound for inbound in mine if inbound.text.keyword is not None]
        if not marked:
            return []
        matches = await self._wording.read(inbound.text.body for inbound in marked)
        found = ((inbound, heard_in(inbound, matches)) for inbound in marked)
        return [Said(inbound, heard) for inbound, heard in found if heard is not None]

    async def _that_count(self, said: Sequence[Said]) -> tuple[list[Said], list[Said]]:
        """Those that say what they seem to, and those that do not: an opt-in in words that the
        number's carrier does not know changes nothing, for the carrier goes on blocking."""
        count: list[Said] = []
        unheard: list[Said] = []
        for it in said:
            text, is_opt_in = it.inbound.text, it.heard.keyword is Keyword.OPT_IN
            route = await self._routes.route(text.tenant_id, text.number) if is_opt_in else None
            (count if route is None or counts_with(text, route, it.heard) else unheard).append(it)
        return count, unheard

    async def reports(self, applied: Sequence[AppliedReport]) -> None:
        """Note the opt-outs that providers tell of, and cancel what they forbid. They are nothing
        that the remote waits for an answer to."""
        entries = [entry for item in applied if (entry := _reported(item)) is not None]
        await self._note(entries)
        await self._cancel(entries)

    async def _note(self, entries: Sequence[NewConsent]) -> None:
        if not entries:
            return
        consents = await self._ledger.note(entries)
        for entry, consent in zip(entries, consents, strict=True):
            result = "opted_out" if entry.opted_out else "opted_in"
            turned = consent.cause == entry.id
            self._consents[entry.source, result if turned else "unchanged"].inc()

    async def _opt_ins_of_the_opted_out(self, mine: Sequence[Inbound]) -> list[Said]:
        """Texts such as YES, which are opt-ins where the remote was opted out when it was said."""
        perhaps = [
            Said(inbound, heard)
            for inbound in mine
            if (heard := opt_in_of_the_opted_out(inbound)) is not None
        ]
        if not perhaps:
            return []
        remotes = await read_remotes(self._ledger, [it.inbound for it in perhaps])
        said, _ = await self._that_count([it for it in perhaps if _is_opt_in(it, remotes)])
        await self._note(_entries(said))
        return said

    async def _cancel(self, entries: Sequence[NewConsent]) -> None:
        cancelled = await self._ledger.cancel(entries) if entries else ()
        self._cancelled_texts.inc(len(cancelled))
        await self._nudge(
            [nudge(it.text.tenant_id, it.id, traceparent=it.text.traceparent) for it in cancelled]
        )

    async def _answer(self, said: Sequence[Said]) -> None:
        if not said:
            return
        remotes = await read_remotes(self._ledger, [it.inbound for it in said])
        nudges = []
        for it in said:
            if not _wants_answer(it, remotes):
                continue
            text = it.inbound.text
            route = await self._routes.route(text.tenant_id, text.number)
            answer = answer_to(it.inbound, it.heard, route) if route else None
            if answer is None:
                continue
            if await self._ledger.answer(answer, by=SYSTEM):
                self._notices[(it.heard.keyword,)].inc()
            nudges.append(nudge(text.tenant_id, answer.id, traceparent=text.traceparent))
        await self._nudge(nudges)

    async def _nudge(self, nudges: Sequence[Outgoing]) -> None:
        """One that is lost, the sweep makes good; while the bus is away, the texts come again."""
        if not nudges:
            return
        errors = await self._bus.publish_all(nudges)
        for error, nudged in zip(errors, nudges, strict=True):
            if isinstance(error, BusUnavailable):
                raise error
            if error is not None:
                trace_id = tracing.id_of(nudged.headers.get(wire.HEADER_TRACEPARENT))
                log.warning("approval.not_told_yet", why=error.code, trace_id=trace_id)


def _entries(said: Iterable[Said]) -> list[NewConsent]:
    return [entry for it in said if (entry := it.entry) is not None]


def _is_opt_in(said: Said, remotes: Remotes) -> bool:
    """Also where the word has been noted before, and stands itself."""
    consents, scope = remotes.of(said.inbound)
    text, entry = said.inbound.text, said.entry
    opted_out = standing(consents, text.number, scope).opted_out
    before = opted_out and all(it.at < text.at for it in consents if it.opted_out)
    return before or any(entry is not None and it.cause == entry.id for it in consents)


def _wants_answer(said: Said, remotes: Remotes) -> bool:
    consents, scope = remotes.of(said.inbound)
    if said.heard.keyword is Keyword.HELP:
        return may_be_helped(said.inbound, consents, scope)
    entry = said.entry
    return entry is not None and is_due(entry, consents, scope)


def _with_keyword(inbound: Inbound, keywords: Mapping[str, Keyword | None]) -> Inbound:
    if inbound.id not in keywords:
        return inbound
    return replace(inbound, text=replace(inbound.text, keyword=keywords[inbound.id]))


def _reported(item: AppliedReport) -> NewConsent | None:
    """The entry of a report on a text of ours that says that its remote has opted out."""
    report = item.report
    spec = SPECS.get(report.provider)
    if item.message_id is None or spec is None:
        return None
    if not spec.opted_out.says(report.code, report.details):
        return None
    return NewConsent(
        tenant_id=report.tenant_id,
        number=item.number,
        remote=item.remote,
        opted_out=True,
        # A report may come days later; what it tells of stood when the text was sent.
        at=item.sent_at or report.at,
        source=ConsentSource.REPORT,
        rule=report.code or "text",
        who=f"provider:{report.provider}",
        message_id=item.message_id,
    )
