"""What the driver tells of its connections: whether it knows a primary, and how many are in use.

The driver tells it on threads of its own, so the counts are changed under a lock; they are read
when somebody asks. Whether there is a primary it tells within a second. Its connections for
watching the servers are not told of (PyMongo documentation, "monitoring").
"""

from __future__ import annotations

from threading import Lock

from pymongo import monitoring

from common.metrics import Metrics


class ConnectionsWatch(monitoring.ConnectionPoolListener, monitoring.TopologyListener):
    """Counts connections by state, and notes whether there is a primary."""

    def __init__(self, metrics: Metrics):
        self._lock = Lock()
        self._open = 0
        self._in_use = 0
        self._writable = False
        metrics.mongodb_connected.set_function(lambda: self._writable)
        metrics.mongodb_pool.labels("in_use").set_function(lambda: self._in_use)
        metrics.mongodb_pool.labels("idle").set_function(lambda: max(0, self._open - self._in_use))

    # --- Connections ------------------------------------------------------------------------------

    def connection_created(self, event: monitoring.ConnectionCreatedEvent) -> None:
        del event
        with self._lock:
            self._open += 1

    def connection_closed(self, event: monitoring.ConnectionClosedEvent) -> None:
        del event
        with self._lock:
            self._open -= 1

    def connection_checked_out(self, event: monitoring.ConnectionCheckedOutEvent) -> None:
        del event
        with self._lock:
            self._in_use += 1

    def connection_checked_in(self, event: monitoring.ConnectionCheckedInEvent) -> None:
        del event
        with self._lock:
            self._in_use -= 1

    def connection_ready(self, event: monitoring.ConnectionReadyEvent) -> None:
        """Counted when it was created."""

    def connection_check_out_started(
        self, event: monitoring.ConnectionCheckOutStartedEvent
    ) -> None:
        """What waits for a connection is not counted."""

    def connection_check_out_failed(self, event: monitoring.ConnectionCheckOutFailedEvent) -> None:
        """Nothing was checked out."""

    def pool_created(self, event: monitoring.PoolCreatedEvent) -> None:
        """A server was found; its connections are told one by one."""

    def pool_ready(self, event: monitoring.PoolReadyEvent) -> None:
        """As above."""

    def pool_cleared(self, event: monitoring.PoolClearedEvent) -> None:
        """Its connections are told of when they are closed."""

    def pool_closed(self, event: monitoring.PoolClosedEvent) -> None:
        """As above."""

    # --- The replica set --------------------------------------------------------------------------

    def opened(self, event: monitoring.TopologyOpenedEvent) -> None:
        """Nothing is known yet."""

    def description_changed(self, event: monitoring.TopologyDescriptionChangedEvent) -> None:
        self._writable = event.new_description.has_writable_server()

    def closed(self, event: monitoring.TopologyClosedEvent) -> None:
        del event
        self._writable = False
