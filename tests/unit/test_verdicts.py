"""A verdict's consequence, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from common.bus import topology
from common.bus.messages import (
    BusError,
    BusUnavailable,
    Outgoing,
    proven_user,
    published_key,
    told_of,
)
from common.bus.topology import DEFER_DELAYS, defer_step, wait_queue
from common.bus.verdicts import Defer, Done, Park, Retry, Verdict, consequence, settle
from heliograph import wire

DELAYS = (1.0, 5.0, 30.0)


class Held:
    """A delivery from nowhere."""

    body = b"body"
    type = "test"
    message_id = "m"
    queue = "q"
    routing_key = "k"
    correlation_id = None
    reply_to = None
    redelivered = False
    published_at = None
    stale = False

    def __init__(self, user_id: str | None = "house", **headers: Any):
        self.user_id = user_id
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def ack(self, *, multiple: bool = False) -> None: ...
    async def requeue(self) -> None: ...


def destination(held: Held, verdict: Verdict) -> tuple[str, str] | None:
    moved = consequence(held, verdict, own_user="house", retry_delays=DELAYS)
    return None if moved is None else (moved.exchange, moved.key)


@pytest.mark.parametrize(
    ("attempts", "expected"),
    [
        (0, ("", wait_queue("q", 1))),
        (1, ("", wait_queue("q", 5))),
        (2, ("", wait_queue("q", 30))),
        (3, (wire.DEAD_EXCHANGE, "q")),
        (99, (wire.DEAD_EXCHANGE, "q")),
        ("forged", ("", wait_queue("q", 1))),
        (-5, ("", wait_queue("q", 1))),
    ],
)
def test_retries_wait_longer_each_time_and_are_parked_when_used_up(
    attempts: object, expected: tuple[str, str]
) -> None:
    held = Held(**{topology.HEADER_ATTEMPTS: attempts})
    assert destination(held, Retry("x")) == expected


def test_done_moves_nothing_and_park_moves_at_once() -> None:
    assert destination(Held(), Done()) is None
    assert destination(Held(), Park("bad")) == (wire.DEAD_EXCHANGE, "q")


@pytest.mark.parametrize(
    ("seconds", "step"), [(0, 0.5), (1, 1), (1.1, 5), (31, 120), (600, 600), (86400, 600)]
)
def test_a_deferral_is_rounded_up_to_a_wait_queue(seconds: float, step: float) -> None:
    assert defer_step(seconds) == step
    assert step in DEFER_DELAYS
    assert destination(Held(), Defer(seconds)) == ("", wait_queue("q", step))


def test_a_long_detail_is_cut_and_its_numbers_are_masked() -> None:
    moved = consequence(
        Held(), Park("bad", "+12025550123 " * 100), own_user="house", retry_delays=DELAYS
    )
    assert moved is not None
    detail = moved.headers[topology.HEADER_DETAIL]
    assert len(detail) <= 300
    assert "12025550123" not in detail


@pytest.mark.parametrize(
    ("user_id", "noted", "proven"),
    [
        ("agent", None, "agent"),
        ("agent", "forged", "agent"),
        (None, None, None),
        (None, "forged", None),
        ("house", None, "house"),
        ("house", "agent", "agent"),
        ("house", "", None),
    ],
)
def test_who_published_is_proven_by_the_broker_and_survives_waiting(
    user_id: str | None, noted: str | None, proven: str | None
) -> None:
    held = Held(user_id) if noted is None else Held(user_id, **{topology.HEADER_USER: noted})
    assert proven_user(held, "house") == proven
    for verdict in (Retry("x"), Defer(1), Park("x")):
        moved = consequence(held, verdict, own_user="house", retry_delays=DELAYS)
        assert moved is not None
        back = Held("house", **dict(moved.headers))
        assert proven_user(back, "house") == proven


def moved_headers(held: Held, verdict: Verdict) -> dict[str, Any]:
    moved = consequence(held, verdict, own_user="house", retry_delays=DELAYS)
    assert moved is not None
    return dict(moved.headers)


def test_what_the_broker_noted_on_the_way_is_not_said_again_as_our_own_word() -> None:
    noted = {"x-death": [], "x-delivery-count": 3, "x-first-death-reason": "expired"}
    for verdict in (Retry("x"), Defer(1), Park("x")):
        headers = moved_headers(Held(traceparent="00-1", **noted), verdict)
        assert headers["traceparent"] == "00-1"
        assert not [name for name in headers if "death" in name or "delivery" in name]


def test_the_routing_key_survives_waiting_and_cannot_be_forged() -> None:
    forged = Held("agent", **{topology.HEADER_KEY: "another"})
    assert published_key(forged, "house") == "k"
    back = Held("house", **moved_headers(forged, Defer(1)))
    back.routing_key = "q"
    assert published_key(back, "house") == "k"
    assert published_key(Held("house", **moved_headers(back, Retry("x"))), "house") == "k"


def test_only_a_deferral_says_what_was_told_and_what_was_said_stays() -> None:
    forged = Held("agent", **{topology.HEADER_TOLD: "forged"})
    assert told_of(forged, "house") == frozenset()
    assert topology.HEADER_TOLD not in moved_headers(forged, Retry("x"))
    once = Held("house", **moved_headers(forged, Defer(1, frozenset({"a", "b"}))))
    retried = Held("house", **moved_headers(once, Retry("x")))
    twice = Held("house", **moved_headers(retried, Defer(1, frozenset({"c"}))))
    assert told_of(retried, "house") == {"a", "b"}
    assert told_of(twice, "house") == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("verdict", "error", "expected"),
    [
        (Done(), None, ["ack"]),
        (Park("x"), None, ["published", "moved", "ack"]),
        (Defer(1), None, ["published", "moved", "ack"]),
        (Park("x"), BusUnavailable("away"), ["published", "requeue"]),
    ],
)
async def test_a_fail_point_stands_between_moving_a_message_and_its_ack(
    verdict: Verdict, error: BusError | None, expected: list[str]
) -> None:
    seen: list[str] = []

    class Noting(Held):
        async def ack(self, *, multiple: bool = False) -> None:
            seen.append("ack")

        async def requeue(self) -> None:
            seen.append("requeue")

    class House:
        user = "house"

        async def publish_all(self, messages: Sequence[Outgoing]) -> list[BusError | None]:
            seen.append("published")
            return [error for _ in messages]

    await settle(
        House(),
        [Noting()],
        [verdict],
        retry_delays=DELAYS,
        in_order=False,
        moved=lambda: seen.append("moved"),
    )
    assert seen == expected
