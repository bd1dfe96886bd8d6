"""Every metric, named once. Names and units follow the Prometheus conventions; no label ever holds
a phone number, a text or an ID, nor a tenant, an agent or a connection.

A process builds one `Metrics` over one registry and passes it to whoever counts. Each metric says
which services export it, so that a service's `/metrics` shows its own and no others.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, disable_created_metrics

from common.metrics.census import CensusMetrics
from common.metrics.children import Children
from common.metrics.declaring import Declared, Maker
from common.metrics.every_service import EveryServiceMetrics
from common.metrics.health import HealthMetrics
from common.metrics.processor import ProcessorMetrics
from common.metrics.sender import SenderMetrics
from common.metrics.webhook import WebhookMetrics

__all__ = ["Children", "Declared", "Metrics"]


class Metrics(
    EveryServiceMetrics,
    WebhookMetrics,
    ProcessorMetrics,
    SenderMetrics,
    HealthMetrics,
    CensusMetrics,
):
    """The metrics of one process.

    Args:
        service: whose metrics are exported; without it all are. The others can be counted all the
            same, and nobody sees them.
    """

    def __init__(self, registry: CollectorRegistry | None = None, *, service: str | None = None):
        # The moment at which each counter was made would be a series beside every series.
        disable_created_metrics()  # type: ignore[no-untyped-call] # it has no annotations
        self.registry = registry or CollectorRegistry()
        new = Maker(self.registry, service)
        EveryServiceMetrics.__init__(self, new)
        WebhookMetrics.__init__(self, new)
        ProcessorMetrics.__init__(self, new)
        SenderMetrics.__init__(self, new)
        HealthMetrics.__init__(self, new)
        CensusMetrics.__init__(self, new)
        self.declared: tuple[Declared, ...] = tuple(new.declared)
        """Every metric there is, whoever exports it."""
