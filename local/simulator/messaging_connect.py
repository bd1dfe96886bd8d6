"""Messaging Connect: which sends must name a partner, and how a wrong one is refused.

Sources: Microsoft docs, "Messaging Connect", the table of validation outcomes; Azure REST API
specs, Communication SMS, `MessagingConnectOptions` of 2025-05-29-preview and of 2026-01-23. In
which of the two error shapes the last two refusals come is not published.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError
from pydantic.alias_generators import to_camel

from local.simulator.answers import Answer, error, problem, problems_of
from local.simulator.versions import Shape

NOT_PROVIDED = error(400, "BadRequest", "MessagingConnect option isn't provided.")
NOT_MATCHING = error(
    400, "BadRequest", "MessagingConnect option isn't matching with the number information."
)

_Filled = Annotated[StrictStr, Field(min_length=1)]


class _WithKey(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    api_key: _Filled
    partner: _Filled


class _WithParams(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)

    partner: _Filled
    partner_params: Annotated[dict[str, Any], Field(min_length=1)]


_MODELS: Mapping[Shape, type[_WithKey] | type[_WithParams]] = {
    "api_key": _WithKey,
    "partner_params": _WithParams,
}
_PLACE = ("smsSendOptions", "messagingConnect")


def read(options: Any, shape: Shape | None) -> str | Answer | None:
    """Give the partner that a send names, or the 400 for an object that is not of the version's
    shape. Versions without Messaging Connect overlook it."""
    if options is None or shape is None:
        return None
    try:
        return _MODELS[shape].model_validate(options).partner
    except ValidationError as wrong:
        return problem(problems_of(wrong, within=_PLACE))


def refusal(leased_from: str | None, named: str | None) -> Answer | None:
    """Refuse a send that names another partner than the one that leases the sender, or none."""
    if named == leased_from:
        return None
    return NOT_PROVIDED if named is None else NOT_MATCHING
