"""Instants as ACS and Event Grid write them.

Sources: Microsoft docs, "Sign an HTTP request" (RFC 1123 dates) and "Azure Communication Services -
SMS events" (the samples' ISO 8601 instants).
"""

from datetime import UTC, datetime

_RFC_1123 = "%a, %d %b %Y %H:%M:%S GMT"


def now() -> datetime:
    """Give the present instant in UTC."""
    return datetime.now(UTC)


def rfc1123(instant: datetime) -> str:
    """Write an instant as `Tue, 26 Mar 2019 16:06:51 GMT`."""
    return instant.astimezone(UTC).strftime(_RFC_1123)


def parse_rfc1123(text: str) -> datetime | None:
    """Read an RFC 1123 instant strictly, weekday included; None when it is anything else."""
    try:
        instant = datetime.strptime(text, _RFC_1123).replace(tzinfo=UTC)
    except ValueError:
        return None
    return instant if rfc1123(instant) == text else None


def ticks(instant: datetime) -> str:
    """Write an instant with the seven fraction digits of .NET, as in most published events."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def seconds(instant: datetime) -> str:
    """Write an instant to the second, as `eventTime` of the published Event Grid samples."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def compact(instant: datetime) -> str:
    """Write an instant as the fourteen digits that open an ACS message ID."""
    return instant.strftime("%Y%m%d%H%M%S")
