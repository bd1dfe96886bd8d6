"""Which standings their providers have still to be told of, in MongoDB."""

from __future__ import annotations

from pymongo import ASCENDING, ReturnDocument

from common.store.client import Database, Document, guarded
from common.store.clock import Clock, after, milliseconds, utc_now
from common.store.consent_documents import read_consent
from common.store.consent_sync import Untold, pause_after
from common.store.consents import ConsentSource
from common.store.records import conversation_id
from common.store.schema import CONSENT_LEDGER, CONSENTS


class MongoConsentSync:
    """The state of the synchronisation, which is a part of each standing: `sync.next_at` while
    something is left to do, `sync.done_at` and `sync.told` after it."""

    def __init__(self, database: Database, *, clock: Clock = utc_now):
        self._consents = database.collection(CONSENTS)
        self._ledger = database.majority(CONSENT_LEDGER)
        self._clock = clock

    @guarded
    async def take(self, *, lease: float) -> Untold | None:
        """The standing that is due longest, for this replica alone.

        Args:
            lease: seconds after which another replica takes what was neither settled nor put off.
        """
        now = milliseconds(self._clock())
        found: Document | None = await self._consents.find_one_and_update(
            # `$exists` as well, or the partial index is not used.
            {"sync.next_at": {"$exists": True, "$lte": now}},
            {"$set": {"sync.next_at": after(now, lease)}, "$inc": {"sync.tries": 1}},
            sort=[("sync.next_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        if found is None:
            return None
        entry = await self._ledger.find_one({"_id": found.get("cause")}) or {}
        return Untold(
            consent=read_consent(found),
            source=ConsentSource(entry.get("source", ConsentSource.PERSON)),
            rule=entry.get("rule", ""),
            tries=found["sync"]["tries"],
            again=found["sync"].get("again", False),
            until=found["sync"]["next_at"],
        )

    @guarded
    async def settle(self, untold: Untold, *, told: bool) -> bool:
        """Nothing is left to do: it was told, or there is nobody to tell. False where a newer word
        stands meanwhile, which is due then: this one may have reached the provider after it."""
        state = {"done_at": milliseconds(self._clock()), "told": told, "tries": untold.tries}
        return await self._replace(untold, state)

    @guarded
    async def put_off(self, untold: Untold) -> bool:
        """The provider could not be told; later, with growing pauses. False as above."""
        later = milliseconds(self._clock()) + pause_after(untold.tries)
        return await self._replace(untold, {"next_at": later, "tries": untold.tries})

    async def _replace(self, untold: Untold, state: Document) -> bool:
        about, cause = untold.consent, untold.consent.cause
        which: Document = {
            "_id": conversation_id(about.tenant_id, about.number, about.remote),
            "tenant_id": about.tenant_id,
        }
        mine = {"cause": cause, "sync.next_at": untold.until}
        done = await self._consents.update_one(which | mine, {"$set": {"sync": state}})
        if done.matched_count == 1:
            return True
        now = milliseconds(self._clock())
        await self._consents.update_one(
            which | {"cause": {"$ne": cause}},
            {"$set": {"sync": {"next_at": now, "tries": 0, "again": True}}},
        )
        return False
