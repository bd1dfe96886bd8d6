"""The children of a metric, each looked up in it once."""

from __future__ import annotations

from typing import Generic, TypeVar

from prometheus_client import Counter, Gauge, Histogram

Kind = TypeVar("Kind", Counter, Gauge, Histogram)


class Children(dict[tuple[str, ...], Kind], Generic[Kind]):
    """A metric's children by label values. `labels()` builds a key and takes a lock at each call,
    which costs a microsecond; labels are bounded, so that keeping the children is bounded too."""

    def __init__(self, metric: Kind):
        super().__init__()
        self._metric: Kind = metric

    def __missing__(self, values: tuple[str, ...]) -> Kind:
        child: Kind = self._metric.labels(*values)
        self[values] = child
        return child
