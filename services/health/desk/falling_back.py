"""Whether the connections that a number shall fall back on can be used for it. Pure."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Final

from common.failover import MOST_ALTERNATIVES
from common.store.control import NumberRecord
from common.store.control_ports import Disconnected, NotFound
from health.web.problems import Problem, ProblemCode

_FIELD: Final = "connection_ids"


def require_list(connection_ids: Sequence[str], number: NumberRecord) -> None:
    """Raises Problem: too many, one twice, or the number's own connection among them."""
    if len(connection_ids) > MOST_ALTERNATIVES:
        what = f"A number falls back on at most {MOST_ALTERNATIVES} connections."
        raise Problem(ProblemCode.INVALID, what, fields={_FIELD: "too many"})
    seen: set[str] = set()
    for place, connection_id in enumerate(connection_ids):
        if connection_id == number.connection_id:
            what = "The number is on this connection, so it cannot fall back on it."
            raise _of(place, what, "it is the number's own")
        if connection_id in seen:
            raise _of(place, "A connection is named twice.", "twice")
        seen.add(connection_id)


@contextlib.contextmanager
def of_connection(place: int) -> Iterator[None]:
    """Names the place of the connection that something is wrong with."""
    try:
        yield
    except NotFound:
        what = "There is no such connection."
        raise _of(place, what, "there is no such connection") from None
    except Disconnected:
        what = "The connection is disconnected, so nothing can be sent through it."
        raise _of(place, what, "it is disconnected") from None
    except Problem as problem:
        said = next(iter(problem.fields.values()), problem.what)
        raise Problem(
            problem.code,
            problem.what,
            remedy=problem.remedy,
            fields={f"{_FIELD}.{place}": said},
            extra=problem.extra,
        ) from None


def _of(place: int, what: str, said: str) -> Problem:
    return Problem(ProblemCode.INVALID, what, fields={f"{_FIELD}.{place}": said})
