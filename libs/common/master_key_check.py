"""Whether the master keys open what is stored: asked at the start, so that a wrong one stops the
service instead of breaking every connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from common.secrets import MasterKeys, SecretUnreadable, WrappedKey

_SAMPLES: Final = 3
"""Data keys that are tried of each master key: one that was damaged tells nothing of the others."""


class TenantKeys(Protocol):
    """The part of the store that this needs."""

    async def samples(self, *, each: int) -> Sequence[tuple[str, Mapping[str, Any]]]: ...


async def master_key_problem(tenants: TenantKeys, keys: MasterKeys) -> str | None:
    """One sentence on what is wrong with the master keys; None where each that wraps something
    opens it, or nothing is wrapped yet.

    Raises:
        StoreUnavailable: it is not known.
    """
    good: set[str] = set()
    bad: dict[str, str] = {}
    for tenant_id, document in await tenants.samples(each=_SAMPLES):
        key_id = str(document.get("master_key_id"))
        try:
            keys.unwrap(tenant_id, WrappedKey.from_document(document))
        except SecretUnreadable as error:
            bad.setdefault(key_id, error.remedy)
        else:
            good.add(key_id)
    for key_id in sorted(bad.keys() - good):
        return (
            f"HELIOGRAPH_MASTER_KEY does not open the credentials that are stored under the key "
            f"'{key_id}': {bad[key_id]}"
        )
    return None
