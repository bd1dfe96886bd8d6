"""Settings of the health service."""

from __future__ import annotations

from datetime import time
from typing import Final

from pydantic import Field

from common.sealed_settings import SealedSettings

_TIME_OF_DAY: Final = r"^([01]\d|2[0-3]):[0-5]\d$"


class HealthSettings(SealedSettings):
    """What the health service needs to know beside the shared settings."""

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

    @property
    def validation_time(self) -> time:
        """`health_validation_time` as a time of day."""
        return time.fromisoformat(self.health_validation_time)
