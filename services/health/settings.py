"""Settings of the health service."""

from __future__ import annotations

import re
from datetime import time
from typing import Final

from pydantic import Field, SecretStr, field_validator

from common.store.mongo_retention import LEAST_DAYS
from health.access.settings import AccessSettings

_MANAGEMENT_URL: Final = re.compile(r"https?://[^\s/?#:@]+:[^\s/?#@]+@[^\s/?#@]+(/[^\s?#]*)?")
_TIME_OF_DAY: Final = r"^([01]\d|2[0-3]):[0-5]\d$"


class HealthSettings(AccessSettings):
    """What the health service needs to know beside the shared settings."""

    health_host: str = Field(
        default="0.0.0.0",  # noqa: S104 - a pod is reached from outside
        description="Address of console and API.",
    )
    health_port: int = Field(default=8081, ge=0, le=65535, description="Port of console and API.")
    health_validation_time: str = Field(
        default="04:00",
        pattern=_TIME_OF_DAY,
        description="Time of day, `HH:MM` in UTC, at which one replica validates every connection.",
    )
    health_validation_concurrency: int = Field(
        default=8, ge=1, le=100, description="Connections that are validated at the same time."
    )
    health_validation_timeout: float = Field(
        default=10.0,
        gt=0,
        le=120,
        description="Seconds that a provider may take to answer one validation call.",
    )
    health_validation_retry_pause: float = Field(
        default=2.0,
        ge=0,
        le=60,
        description="Seconds before a provider that could not be asked is asked a second time.",
    )
    health_validation_lease: float = Field(
        default=60.0,
        ge=1,
        le=3600,
        description="Seconds after which another replica takes over the day's validation from one "
        "that died.",
    )
    health_approval_ttl: float = Field(
        default=24.0,
        gt=0,
        le=24 * 30,
        description="Hours after which a text that nobody has decided on can no longer be "
        "approved.",
    )
    health_sweep_interval: float = Field(
        default=5.0,
        gt=0,
        le=3600,
        description="Seconds between two looks for texts whose time for approval is over, and for "
        "decisions that no sender has begun to carry out.",
    )
    health_consent_sync_interval: float = Field(
        default=30.0,
        gt=0,
        le=3600,
        description="Seconds between two looks for opt-outs and opt-ins that a provider's own list "
        "has still to be told of.",
    )
    health_report_after: float = Field(
        default=43_200.0,
        gt=0,
        le=7 * 86_400,
        description="Seconds after a text left from which on its delivery report is overdue: the "
        "provider is asked, or the text is marked. The default is the longest time-out that Azure "
        "Communication Services lets a text's report have.",
    )
    health_report_sweep_interval: float = Field(
        default=60.0,
        gt=0,
        le=3600,
        description="Seconds between two looks for texts whose delivery report is overdue.",
    )
    retention_messages_days: int = Field(
        default=0,
        ge=0,
        description="Days after which a finished text is forgotten; 0 keeps all. At least 30, "
        "because a text that is forgotten is a new one when it is delivered, or ordered, again. "
        "What is held, uncertain, unfinished or waits for its report is kept.",
    )
    retention_audit_days: int = Field(
        default=0,
        ge=0,
        description="Days after which an entry of the audit trail is forgotten; 0 keeps all. At "
        "least 30.",
    )
    retention_sweep_interval: float = Field(
        default=3600.0,
        gt=0,
        le=86_400,
        description="Seconds between two looks for what is older than that.",
    )
    health_census_interval: float = Field(
        default=15.0,
        gt=0,
        le=3600,
        description="Seconds between two counts of what is parked, held, in doubt or missing, for "
        "the metrics.",
    )
    health_allow_loopback_providers: bool = Field(
        default=False,
        description="Whether a connection may name this machine as its provider's address, over "
        "plain http and with a port: for simulators. Never in production, where a tenant could "
        "reach through it what only this service can reach.",
    )

    rabbitmq_management_url: SecretStr | None = Field(
        default=None,
        description="URL of RabbitMQ's management HTTP API with an administrator's user and "
        "password, `https://user:password@host:port/`. With it each agent gets a broker user of "
        "its own; without it those are made by hand.",
    )

    @field_validator("rabbitmq_management_url")
    @classmethod
    def _management(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _MANAGEMENT_URL.fullmatch(value.get_secret_value()):
            raise ValueError("must be https:// or http:// with user, password and host")
        return value

    @field_validator("retention_messages_days", "retention_audit_days")
    @classmethod
    def _long_enough(cls, value: int) -> int:
        if 0 < value < LEAST_DAYS:
            raise ValueError(f"must be 0, which keeps all, or at least {LEAST_DAYS}")
        return value

    @property
    def validation_time(self) -> time:
        """`health_validation_time` as a time of day."""
        return time.fromisoformat(self.health_validation_time)
