"""What the health service counts from time to time in the store and at the broker: how much of
something there is, whoever made it. Every replica exports the same, so rules take the maximum."""

from __future__ import annotations

from common.metrics import labels
from common.metrics.declaring import HEALTH, Maker
from common.metrics.labels import one_of


class CensusMetrics:
    """Gauges that are NaN while what they count cannot be asked."""

    def __init__(self, new: Maker):
        on = (HEALTH,)
        self.dead_letters = new.gauge(
            "heliograph_dead_letter_messages",
            "Messages parked from a queue, or from those of all agents together.",
            labels.DEAD_QUEUE,
            on=on,
        )
        self.held_texts = new.gauge(
            "heliograph_held_texts",
            "Texts that wait for a person's approval.",
            on=on,
        )
        self.uncertain_texts = new.gauge(
            "heliograph_uncertain_texts",
            "Texts of which nobody knows whether they went out.",
            on=on,
        )
        self.missing_reports = new.gauge(
            "heliograph_missing_reports",
            "Texts whose final delivery report never came.",
            on=on,
        )
        self.connections = new.gauge(
            "heliograph_connections",
            "Connections by provider and status.",
            labels.PROVIDER,
            labels.CONNECTION,
            on=on,
        )
        self.census_age = new.gauge(
            "heliograph_census_age_seconds",
            "Time since MongoDB or RabbitMQ last answered what these gauges show.",
            one_of("source", "mongodb", "rabbitmq"),
            on=on,
        )
