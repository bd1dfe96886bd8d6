"""What the answer to a send to nobody says of a connection's credentials: pure, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.providers.acs_answers import Problem, answered
from common.providers.port import (
    Ambiguous,
    Health,
    Healthy,
    NotProcessed,
    Refused,
    Unhealthy,
    Unknown,
)
from heliograph.codes import OutcomeCode

_HEALTH: Final[Mapping[int, Health]] = {
    # An empty request is invalid, and only a caller that is known is told so.
    400: Healthy(),
    403: Unhealthy("The resource forbids sending with this access key."),
    404: Unhealthy("There is no SMS service at the endpoint of the connection string."),
}


def health_of(
    said: Problem | NotProcessed | Ambiguous | Refused | None, *, owns_a_number: bool
) -> Health:
    """The health that an answer tells of; None is a 202."""
    if said is None:
        return Healthy()
    meant = answered(said) if isinstance(said, Problem) else said
    if isinstance(meant, Refused):
        if meant.code is OutcomeCode.CREDENTIALS_REJECTED:
            return Unhealthy("The service does not accept the access key.")
        if meant.code is OutcomeCode.SENDER_NOT_OWNED and owns_a_number:
            return Unhealthy("The service says that the number does not belong to this resource.")
    known = _HEALTH.get(said.status) if isinstance(said, Problem) else None
    return known or Unknown(f"The service did not give a usable answer ({said.detail}).")
