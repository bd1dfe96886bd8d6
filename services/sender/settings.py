"""Settings of the sender."""

from __future__ import annotations

from typing import Final, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from common.sealed_settings import SealedSettings

_CLOSING: Final = 2.0
"""Seconds for the last acks, and for closing bus, store and provider clients."""


class SenderSettings(SealedSettings):
    """What the sender needs to know beside the shared settings."""

    trust_command_identity: bool = Field(
        default=False,
        description="For local use: believe the tenant and the agent that a command names, without "
        "proof by its broker user.",
    )
    sender_prefetch: int = Field(
        default=64,
        ge=1,
        le=10_000,
        description="Unacknowledged commands that the broker lets one sender hold.",
    )
    sender_lanes: int = Field(
        default=32,
        ge=1,
        le=1000,
        description="Commands of different conversations that one sender works on at once.",
    )
    sender_provider_timeout: float = Field(
        default=6.0, gt=0, le=60, description="Seconds that one provider call may take."
    )
    sender_lease: float = Field(
        default=9.0,
        gt=0,
        le=300,
        validate_default=True,
        description="Seconds after which another replica may continue with a text; longer than a "
        "provider call may take.",
    )
    sender_attempts: int = Field(
        default=8,
        ge=1,
        le=50,
        description="Attempts at one text, over all passes; one attempt calls each of its number's "
        "connections at most once.",
    )
    sender_retry_in_place_max: float = Field(
        default=2.0,
        ge=0,
        le=30,
        description="Seconds within which a provider call is repeated at once; longer pauses are "
        "spent in a wait queue.",
    )
    sender_retry_after_cap: float = Field(
        default=600.0,
        gt=0,
        le=600,
        description="Most seconds that a command waits before its next try, whatever the provider "
        "asks for.",
    )
    sender_clients: int = Field(
        default=256, ge=1, le=10_000, description="Connections whose provider clients stay open."
    )

    @field_validator("sender_lease")
    @classmethod
    def _outlasts_a_call(cls, value: float, info: ValidationInfo) -> float:
        if value <= info.data.get("sender_provider_timeout", 0.0):
            raise ValueError("must be longer than HELIOGRAPH_SENDER_PROVIDER_TIMEOUT")
        return value

    @property
    def longest_drain(self) -> float:
        """Most seconds from the signal to stop until the process has ended.

        No provider call begins after the signal, so whatever is in hand comes to a pause before a
        repetition, one call, two operations of a store that does not answer (the first one is only
        noted, the second gives up), and one publish.
        """
        return (
            self.sender_retry_in_place_max
            + self.sender_provider_timeout
            + 2 * self.mongodb_timeout
            + self.publish_deadline
            + _CLOSING
        )

    @model_validator(mode="after")
    def _drains_in_time(self) -> Self:
        if self.longest_drain > self.grace_period:
            raise ValueError(
                f"HELIOGRAPH_GRACE_PERIOD: must be at least {self.longest_drain:g} seconds, for a "
                "provider call, the pause before it and what follows it"
            )
        return self
