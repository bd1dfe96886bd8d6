"""The rising number that orders texts."""

from __future__ import annotations

from pymongo import ReturnDocument

from common.store.client import Collection
from common.store.schema import SEQ


async def reserve(counters: Collection, count: int) -> int:
    """Reserve `count` values in one write; returns the first. What is not used leaves a gap.

    One counter for all, because a replica that kept a block of values for later would number a
    text below one that another replica recorded before it.
    """
    document = await counters.find_one_and_update(
        {"_id": SEQ},
        {"$inc": {"value": count}},
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return int(document["value"]) - count + 1
