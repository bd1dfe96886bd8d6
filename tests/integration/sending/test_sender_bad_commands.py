"""Promise: one bad command stops nothing, and says what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sender_world import World, command

from common.bus.topology import HEADER_REASON
from heliograph.codes import OutcomeCode
from heliograph.models import OutcomeStatus

GOOD: dict[str, Any] = orjson.loads(command("bad").encode())
PAST = (datetime.now(UTC) - timedelta(hours=1)).isoformat()


def changed(**fields: Any) -> bytes:
    return orjson.dumps(GOOD | fields)


@pytest.mark.parametrize(
    ("body", "reason", "code"),
    [
        (b"\xff not json", "not_json", None),
        (b"[]", "wrong_shape", None),
        (changed(v=2), "unknown_version", OutcomeCode.MALFORMED_COMMAND),
        (changed(body=None), "wrong_shape", OutcomeCode.MALFORMED_COMMAND),
        (changed(to=[]), "wrong_shape", OutcomeCode.MALFORMED_COMMAND),
        (changed(to=["+15551230001"] * 101), "wrong_shape", OutcomeCode.MALFORMED_COMMAND),
        (changed(command_id=7), "wrong_shape", None),
        (changed(tenant_id="other"), "not_authorised", OutcomeCode.NOT_AUTHORISED),
        (changed(agent_id="other"), "not_authorised", OutcomeCode.NOT_AUTHORISED),
        (changed(tenant_id="#"), "wrong_shape", OutcomeCode.MALFORMED_COMMAND),
        (changed(number="+18005550177"), None, OutcomeCode.UNKNOWN_NUMBER),
        (changed(number="\x00 $ne"), None, OutcomeCode.UNKNOWN_NUMBER),
        (changed(body=""), None, OutcomeCode.EMPTY_BODY),
        (changed(body=" \n"), None, OutcomeCode.EMPTY_BODY),
        (changed(body="x" * 20_001), None, OutcomeCode.BODY_TOO_LONG),
        (changed(body="x" * 3_000), None, OutcomeCode.SENT),
        (changed(to="12"), None, OutcomeCode.INVALID_RECIPIENT),
        (changed(to="+999999"), None, OutcomeCode.INVALID_RECIPIENT),
        (changed(to="Heliograph"), None, OutcomeCode.INVALID_RECIPIENT),
        (changed(to="12345"), None, OutcomeCode.INVALID_RECIPIENT),
        (changed(expires_at=PAST), None, OutcomeCode.COMMAND_EXPIRED),
        (changed(command_id="used"), None, OutcomeCode.COMMAND_ID_REUSED),
    ],
)
async def test_each_bad_command_has_its_end_and_the_next_good_one_is_served(
    world: World, body: bytes, reason: str | None, code: OutcomeCode | None
) -> None:
    async with world.sender():
        await world.send(command("used", body="an earlier one"))
        await world.publish(body)
        if code is not None:
            outcome = await world.outcome()
            assert outcome.code is code
            assert outcome.command_id in {"bad", "used"}
        if reason is not None:
            parked = await world.parked()
            assert parked.headers[HEADER_REASON] == reason
            assert parked.body == body
        good = await world.send(command("good"))
        assert (good.command_id, good.status) == ("good", OutcomeStatus.SENT)
    assert world.untold()
    assert len(world.sim.sends) == (3 if code is OutcomeCode.SENT else 2)
