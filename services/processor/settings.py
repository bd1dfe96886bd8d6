"""Settings of the processor."""

from __future__ import annotations

from pydantic import Field

from common.settings import NumbersSettings


class ProcessorSettings(NumbersSettings):
    """What the processor needs to know beside the shared settings."""

    processor_batch_size: int = Field(
        default=500, ge=1, le=1000, description="Most messages in one micro-batch."
    )
    processor_batch_linger: float = Field(
        default=0.002,
        ge=0,
        le=1,
        description="Seconds to wait for company when a single message is there.",
    )
    processor_prefetch: int = Field(
        default=1000,
        ge=1,
        le=10_000,
        description="Unacknowledged messages that the broker lets one processor hold: two batches, "
        "so that the next one is there when one is settled.",
    )
    processor_lease: float = Field(
        default=5.0,
        gt=0,
        le=300,
        description="Seconds after which another replica may continue the hand-over of a text "
        "that a replica has recorded but not handed over.",
    )
    history_limit: int = Field(
        default=10, ge=0, le=10, description="Texts of the conversation that a turn carries."
    )
