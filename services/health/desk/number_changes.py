"""Whether what somebody changes of a number is of its form. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.providers.specs import SPECS
from common.store.control import NumberRecord, NumberType
from common.store.records import ConnectionRecord, ConnectionStatus
from health.desk.numbering import require_reach, require_region, require_type, valid_owners
from health.desk.wording import MAX_NAME, require_line


def judged(
    changes: Mapping[str, Any], before: NumberRecord, places: Sequence[ConnectionRecord]
) -> dict[str, Any]:
    """The changes of a number, each of its form. `places` are its connections, those to fall back
    on too, where the type is among the changes.

    Raises:
        Problem: one is not.
    """
    judged = dict(changes)
    if "type" in changes:
        judged["type"] = NumberType(changes["type"])
        _require_everywhere(before, judged["type"], places)
    if "region" in changes:
        judged["region"] = str(changes["region"]).strip().upper()
        require_region(judged["region"])
    if changes.keys() & {"type", "region"}:
        require_reach(judged.get("type", before.type), judged.get("region", before.region))
    if "owners" in changes:
        judged["owners"] = valid_owners(tuple(changes["owners"]))
    if "name" in changes:
        judged["name"] = str(changes["name"]).strip()
        if judged["name"]:
            require_line(judged["name"], "name", limit=MAX_NAME)
    return judged


def _require_everywhere(
    number: NumberRecord, kind: NumberType, places: Sequence[ConnectionRecord]
) -> None:
    """Raises Problem: a provider that carries the number, or may have to, has no such numbers."""
    own = next((place for place in places if place.id == number.connection_id), None)
    partner = own.partner if own is not None else None
    require_type(number.address, kind, SPECS[number.provider], partner=partner)
    for place in places:
        off = place.status is ConnectionStatus.DISCONNECTED
        if place is not own and not off and place.provider in SPECS:
            require_type(number.address, kind, SPECS[place.provider], partner=place.partner)
