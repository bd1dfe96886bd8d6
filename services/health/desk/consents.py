"""What people can do with the opt-out ledger: look at it, review what is in doubt, enter a word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from common.addresses import AddressKind, kind_of, normalise_address
from common.phone import InvalidRecipient, normalise_recipient
from common.store.clock import utc_now
from common.store.consent_ports import ConsentLedger, Consents
from common.store.consents import ConsentSource, LedgerEntry, NewConsent
from common.store.control import NumberRecord, Page
from common.store.control_ports import NotFound, Numbers
from common.store.records import Consent
from health.access.roles import Principal
from health.desk.nudging import Nudger
from health.desk.opt_out_lists import CannotAsk, OptOutLists
from health.desk.wording import require_plain
from health.web.problems import Problem, ProblemCode

LONGEST_NOTE: Final = 500

_TICK: Final = timedelta(milliseconds=1)
"""The finest that the store keeps."""

_RECENT: Final = 200
_EVER: Final = datetime.min.replace(tzinfo=UTC)

_BY_HAND: Final = frozenset({AddressKind.E164, AddressKind.SHORT_CODE})
"""What a person can enter a word of; no other address can be texted."""


class Entry(StrEnum):
    """What a person can enter: the `rule` of their entry."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    CONFIRM = "confirm"
    UNDO = "undo"


_ACTIONS: Final = {
    Entry.OPT_OUT: "consent.opted_out",
    Entry.OPT_IN: "consent.opted_in",
    Entry.CONFIRM: "consent.confirmed",
    Entry.UNDO: "consent.undone",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What stands for a remote, and some of what was said, newest first."""

    consent: Consent
    history: Page[LedgerEntry]


class ConsentDesk:
    """The opt-out ledger, as API and console handle it. Nothing in it is ever changed or deleted: a
    person's word is one more entry.

    A number may be written in any form that `normalise_address` reads, a remote also in the
    national form of the number's region.
    """

    def __init__(
        self,
        *,
        consents: Consents,
        ledger: ConsentLedger,
        numbers: Numbers,
        lists: OptOutLists,
        nudger: Nudger,
        clock: Callable[[], datetime] = utc_now,
    ):
        self._consents = consents
        self._ledger = ledger
        self._numbers = numbers
        self._lists = lists
        self._nudger = nudger
        self._clock = clock

    async def list(
        self,
        tenant_id: str,
        *,
        opted_out: bool | None = None,
        in_doubt: bool | None = None,
        number: str | None = None,
        remote: str | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Consent]:
        """What stands, newest word first. Raises BadCursor."""
        return await self._consents.list(
            tenant_id,
            opted_out=opted_out,
            in_doubt=in_doubt,
            number=normalise_address(number) if number else None,
            remote=normalise_address(remote) if remote else None,
            limit=limit,
            cursor=cursor,
        )

    async def get(
        self, tenant_id: str, number: str, remote: str, *, limit: int, cursor: str | None = None
    ) -> Told:
        """What stands, with its history. Raises NotFound, BadCursor."""
        consent = await self._standing(tenant_id, number, remote)
        history = await self._consents.history(
            tenant_id, consent.number, consent.remote, limit=limit, cursor=cursor
        )
        return Told(consent, history)

    async def opt_out(
        self, tenant_id: str, number: str, remote: str, *, note: str | None, by: Principal
    ) -> Consent:
        """A person's word that nothing may be sent to a remote, who may never have written.

        Raises:
            NotFound: the tenant has no such number.
            Problem: the remote is no phone number; the note is too long.
        """
        return await self._say(tenant_id, number, remote, Entry.OPT_OUT, note=note, by=by)

    async def opt_in(
        self, tenant_id: str, number: str, remote: str, *, note: str, by: Principal
    ) -> Consent:
        """A person's word that the remote has agreed to texts. The note says how: it is the
        evidence.

        Raises:
            NotFound: the tenant has no such number.
            Problem: the remote is no phone number; the note is missing or too long.
        """
        if not note.strip():
            raise _invalid("note", "Say how and when the person agreed: it is the evidence.")
        return await self._say(tenant_id, number, remote, Entry.OPT_IN, note=note, by=by)

    async def confirm(
        self, tenant_id: str, number: str, remote: str, *, note: str | None, by: Principal
    ) -> Consent:
        """Free wording was rightly taken for an opt-out.

        Raises:
            NotFound.
            Problem: it is not in doubt; the note is too long.
        """
        consent = await self._doubtful(tenant_id, number, remote)
        entry = self._entry(consent, Entry.CONFIRM, at=self._later_than(consent), note=note, by=by)
        return await self._enter(entry, Entry.CONFIRM, by)

    async def undo(
        self, tenant_id: str, number: str, remote: str, *, note: str | None, by: Principal
    ) -> Consent:
        """Free wording was wrongly taken for an opt-out; texts may be sent again.

        The entry supersedes the doubtful word and nothing after it: a STOP that arrived since then,
        or is on its way, counts.

        Raises:
            NotFound.
            Problem: it is not in doubt, or another word came meanwhile; the note is too long.
        """
        doubted = await self._doubtful(tenant_id, number, remote)
        await self._require_no_other_word(doubted)
        entry = self._entry(doubted, Entry.UNDO, at=doubted.at + _TICK, note=note, by=by)
        consent = await self._enter(entry, Entry.UNDO, by)
        if consent.opted_out:
            raise Problem(ProblemCode.NOT_IN_DOUBT, "Another opt-out came meanwhile; it counts.")
        return consent

    async def on_providers_list(self, tenant_id: str, number: str, remote: str) -> bool | None:
        """What the provider's own list says of a remote; None where it does not tell.

        Raises:
            NotFound: the tenant has no such number.
            Problem: the remote is no phone number; the number has no live connection; the provider
                cannot be asked.
        """
        owned = await self._number(tenant_id, number)
        to = _by_hand(remote, owned.region)
        record = await self._lists.connection_of(owned)
        if record is None:
            raise Problem(ProblemCode.DISCONNECTED, "The number has no live connection.")
        try:
            return await self._lists.has(record, owned.address, to)
        except CannotAsk as error:
            raise Problem(ProblemCode.UNAVAILABLE, str(error)) from None

    async def _say(
        self,
        tenant_id: str,
        number: str,
        remote: str,
        what: Entry,
        *,
        note: str | None,
        by: Principal,
    ) -> Consent:
        owned = await self._number(tenant_id, number)
        about = Consent(
            tenant_id=tenant_id,
            number=owned.address,
            remote=_by_hand(remote, owned.region),
            opted_out=False,
            at=self._clock(),
        )
        standing = await self._consents.get(tenant_id, about.number, about.remote)
        at = self._later_than(standing) if standing is not None else about.at
        return await self._enter(self._entry(about, what, at=at, note=note, by=by), what, by)

    def _entry(
        self, about: Consent, what: Entry, *, at: datetime, note: str | None, by: Principal
    ) -> NewConsent:
        return NewConsent(
            tenant_id=about.tenant_id,
            number=about.number,
            remote=about.remote,
            opted_out=what in {Entry.OPT_OUT, Entry.CONFIRM},
            at=at,
            source=ConsentSource.PERSON,
            rule=what.value,
            who=by.name,
            note=_note(note),
        )

    async def _enter(self, entry: NewConsent, what: Entry, by: Principal) -> Consent:
        consent = await self._consents.enter(entry, action=_ACTIONS[what], by=by.actor)
        if entry.opted_out:
            # What is not cancelled because we stop here, the policy blocks at its moment.
            for text in await self._ledger.cancel([entry]):
                own = text.text
                await self._nudger.tell(own.tenant_id, text.id, traceparent=own.traceparent)
        return consent

    def _later_than(self, standing: Consent) -> datetime:
        """Now, or where the clock of a provider is ahead of ours, just after the word that stands:
        of two words the newer counts."""
        return max(self._clock(), standing.at + _TICK)

    async def _doubtful(self, tenant_id: str, number: str, remote: str) -> Consent:
        consent = await self._standing(tenant_id, number, remote)
        if not (consent.opted_out and consent.in_doubt):
            raise Problem(ProblemCode.NOT_IN_DOUBT)
        return consent

    async def _require_no_other_word(self, doubted: Consent) -> None:
        """A plain opt-out that was said before the doubtful word, and arrived after it, has changed
        nothing about what stands; undoing must not undo it."""
        history = await self._consents.history(
            doubted.tenant_id, doubted.number, doubted.remote, limit=_RECENT
        )
        said = [item.entry for item in history.items]
        since = max((it.at for it in said if not it.opted_out), default=_EVER)
        if any(it.opted_out and not it.in_doubt and it.at > since for it in said):
            raise Problem(ProblemCode.NOT_IN_DOUBT, "There is another opt-out, without doubt.")

    async def _standing(self, tenant_id: str, number: str, remote: str) -> Consent:
        owned = await self._number(tenant_id, number)
        consent = await self._consents.get(
            tenant_id, owned.address, remote_of(remote, owned.region)
        )
        if consent is None:
            raise NotFound("Nothing is known about this remote.")
        return consent

    async def _number(self, tenant_id: str, number: str) -> NumberRecord:
        owned = await self._numbers.get(tenant_id, normalise_address(number))
        if owned is None:
            raise NotFound("The tenant has no such number.")
        return owned


def remote_of(raw: str, region: str) -> str:
    """A remote in normal form; national forms are read in `region`. Total: whether the result is
    an address at all, `kind_of` says. Pure."""
    normal = normalise_address(raw)
    if raw.strip().startswith("+") or kind_of(normal) is AddressKind.SHORT_CODE:
        return normal
    try:
        return normalise_recipient(raw, region).e164
    except InvalidRecipient:
        return normal


def _by_hand(raw: str, region: str) -> str:
    remote = remote_of(raw, region)
    if kind_of(remote) not in _BY_HAND:
        raise _invalid("remote", "Not a phone number; write it as +15551230142.")
    return remote


def _note(note: str | None) -> str | None:
    text = (note or "").replace("\r\n", "\n").strip()
    if len(text) > LONGEST_NOTE:
        raise _invalid("note", f"Longer than {LONGEST_NOTE} characters.")
    require_plain(text, "note")
    return text or None


def _invalid(field: str, what: str) -> Problem:
    return Problem(ProblemCode.INVALID, what, fields={field: what})
