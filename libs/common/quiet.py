"""Quiet hours, in the zone of who would be woken. Pure.

The zones of a number are those of the numbering plan (library `phonenumbers`, from
libphonenumber's "timezones" data), their rules those of the system's zone database. A mobile number
tells where it was given out, not where its owner sleeps; nothing that is known tells that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import phonenumbers
from phonenumbers import NumberParseException, timezone

from common.sending_rules import SendingRules

CONVERSATION: Final = timedelta(minutes=60)
"""For so long after a text of theirs somebody is awake and gets answers."""

_DAY: Final = timedelta(days=1)
_MOST_STEPS: Final = 64
"""An instant at which no zone is quiet is found in a few steps, or there is none."""


def quiet_until(
    remote: str, rules: SendingRules, *, now: datetime, last_inbound_at: datetime | None
) -> datetime | None:
    """The earliest instant at which it is quiet hours in no zone of the remote's number; None where
    that is now, no hours are set, or the remote wrote within the last hour.

    A number that may be in several zones is quiet when one of them is. One whose zone nothing tells
    is taken to be in any zone of its country, and without a country, in UTC. Where the zones leave
    no common waking hour, the end of the quiet hours that are over last counts.
    """
    if rules.quiet_from is None or rules.quiet_until is None:
        return None
    if last_inbound_at is not None and now - last_inbound_at <= CONVERSATION:
        return None
    begin, end = time.fromisoformat(rules.quiet_from), time.fromisoformat(rules.quiet_until)
    instant = now
    for _ in range(_MOST_STEPS):
        ends = [_end(instant, zone, begin, end) for zone in zones_of(remote)]
        latest = max((it for it in ends if it is not None), default=None)
        if latest is None or latest - now >= _DAY:
            break
        instant = latest
    return instant if instant > now else None


@lru_cache(maxsize=4_096)
def zones_of(remote: str) -> Sequence[tzinfo]:
    """The zones in which a number (E.164) may be."""
    try:
        parsed = phonenumbers.parse(remote)
    except NumberParseException:
        return (UTC,)
    exact = _zones(timezone.time_zones_for_number(parsed))
    return exact or _zones(timezone.time_zones_for_geographical_number(parsed)) or (UTC,)


def _zones(names: Sequence[str]) -> tuple[tzinfo, ...]:
    return tuple(zone for name in names if (zone := _zone(name)) is not None)


def _zone(name: str) -> tzinfo | None:
    """A zone by its name; None for `Etc/Unknown`, which is no zone, and for one that this system
    does not have."""
    if name == timezone.UNKNOWN_TIMEZONE:
        return None
    try:
        return ZoneInfo(name)
    except ZoneInfoNotFoundError:
        return None


def _end(instant: datetime, zone: tzinfo, begin: time, end: time) -> datetime | None:
    """When the quiet hours end in which the instant is, else None.

    The hours are half-open, by the wall clock; hours that end before they begin go over midnight.
    An end that the clock skips when summer time begins comes as much later as the clock jumps.
    """
    local = instant.astimezone(zone)
    clock = local.time()
    over_midnight = end < begin
    within = (clock >= begin or clock < end) if over_midnight else begin <= clock < end
    if not within:
        return None
    day = local.date() + _DAY if over_midnight and clock >= begin else local.date()
    over = datetime.combine(day, end, zone).astimezone(UTC)
    if over <= instant:  # Summer time ends: the clock shows the end once more.
        over = datetime.combine(day, end.replace(fold=1), zone).astimezone(UTC)
    return over
