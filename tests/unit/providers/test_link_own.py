"""What LINK alone has: parts that nobody knows how many there are, and users who may not look."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
from conformance.provider_world import INSTANT, Said, keys, serving
from link_payloads import MESSAGE_ID, PARTNER, error, report, told

from common.providers.callbacks import Ignored, Known
from common.providers.link import Link
from common.providers.link_callbacks import CALLBACKS
from common.providers.port import Unknown
from common.store.records import NewReport
from common.store.report_effects import apply_report

GIVEN = {
    "platform_id": "COMMON_API",
    "platform_partner_id": PARTNER,
    "gate_id": "Zk3pQ8wT",
    "username": "lampeverk",
    "password": "glass-og-veke-5k2m",
}


def after(*reports: dict[str, Any]) -> str:
    """The state of a text after these reports."""
    document: dict[str, Any] = {"provider_message_id": MESSAGE_ID, "rank": 0, "status": "accepted"}
    for item in reports:
        body = orjson.dumps(item)
        [reading] = CALLBACKS.read(told(body, Ignored).request, keys(GIVEN))
        assert isinstance(reading, Known)
        said = reading.content
        names = ("status", "code", "details", "part", "parts", "reference")
        apply_report(
            document,
            NewReport(
                tenant_id="acme",
                provider="link",
                provider_message_id=said.message_id,
                at=INSTANT,
                accepted_at=INSTANT,
                **{name: getattr(said, name) for name in names},
            ),
        )
    return str(document["status"])


def part(number: int, code: int = 1001, segments: Any = None) -> dict[str, Any]:
    return report(code, id=f"{MESSAGE_ID}${number}", segments=segments)


@pytest.mark.parametrize("segments", [None, 0, "", "many", 255, 10**9])
def test_parts_of_nobody_knows_how_many_never_make_a_text_delivered(segments: Any) -> None:
    """The part that is missing may be the one that fails."""
    parts = [part(number, segments=segments) for number in range(4)]
    for order in itertools.permutations(parts):
        for count in range(1, len(order) + 1):
            assert after(*order[:count]) == "sent"


def test_a_failure_of_such_a_part_is_the_texts_and_a_count_that_comes_later_counts() -> None:
    assert after(part(0), part(1, 1006)) == "undeliverable"
    assert after(part(1, 1006), part(0)) == "undeliverable"
    assert after(part(0), part(1, segments=2)) == "delivered"
    assert after(part(0, segments=2), part(1, segments=2)) == "delivered"
    assert after(part(0, segments=1)) == "delivered"


@pytest.mark.parametrize("said", [Said(403), Said(403, error(103101)), Said(403, "<html/>")])
async def test_a_user_who_may_not_read_gates_is_let_in_and_nothing_is_claimed(said: Said) -> None:
    async with serving(said) as fake:
        client = Link().connect(GIVEN | {"base_url": fake.url}, timeout=5.0)
        health = await client.check([])
        await client.close()
    assert isinstance(health, Unknown)
    assert health.let_in
    assert "may not read gates" in health.reason
