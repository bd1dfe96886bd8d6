"""The fields of a provider's parameters, in the wizard and on a connection's page. Pure."""

from __future__ import annotations

from typing import Final

from common.providers.spec import PARTNER_PARAMETER, ProviderSpec
from health.console.setup_forms import Form

PARTNER: Final = "partner"
"""The input of the partner's name."""


def read_parameters(posted: Form, spec: ProviderSpec, *, prefix: str = "") -> dict[str, str]:
    """The parameters that were given, by the names that the provider knows."""
    names = [parameter.name for parameter in spec.parameters]
    if spec.partners:
        names.append(PARTNER_PARAMETER.name)
    given = {name: posted.text(prefix + name) for name in names}
    return {name: value for name, value in given.items() if value}


def read_partner(posted: Form, spec: ProviderSpec, *, prefix: str = "") -> str | None:
    """The Messaging Connect partner, if there is one."""
    return (posted.text(prefix + PARTNER) or None) if spec.partners else None


def missing_parameters(posted: Form, spec: ProviderSpec, *, prefix: str = "") -> dict[str, str]:
    """What was not filled in, by the inputs' names."""
    missing = {
        prefix + item.name: f"Enter the {item.label}."
        for item in spec.parameters
        if item.required and not posted.text(prefix + item.name)
    }
    key = prefix + PARTNER_PARAMETER.name
    partner = read_partner(posted, spec, prefix=prefix)
    if partner and not posted.text(key):
        missing[key] = f"Enter the {PARTNER_PARAMETER.label}."
    if spec.partners and posted.text(key) and not partner:
        missing[prefix + PARTNER] = "Say whose key it is."
    return missing


def shown_again(spec: ProviderSpec, *, prefix: str = "") -> tuple[str, ...]:
    """The inputs that hold no secret."""
    plain = [prefix + item.name for item in spec.parameters if not item.secret]
    return (*plain, prefix + PARTNER)
