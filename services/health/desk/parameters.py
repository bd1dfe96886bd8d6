"""What an administrator entered as a connection's parameters, judged by the provider's table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from common.providers.port import UnusableCredentials
from common.providers.spec import PARTNER_KEY, PARTNER_PARAMETER, Parameter, ProviderSpec
from health.web.problems import Problem, ProblemCode

PARTNER: Final = "partner"
"""Under which the partner's name stands beside the parameters."""

_PARTNER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Parameters that have the right form. `shown` is what people may see of them, `secrets` names
    the others."""

    values: Mapping[str, str] = field(repr=False)
    """What a client is built from, and what is sealed: all of them, with the partner's name."""
    shown: Mapping[str, str]
    secrets: tuple[str, ...]
    partner: str | None


def read_parameters(
    spec: ProviderSpec, given: Mapping[str, str], partner: str | None, *, loopback: bool
) -> Credentials:
    """Judge parameters: exactly the provider's, each of its form.

    Args:
        given: blanks around a value do not count; an empty value counts as none.
        partner: the Messaging Connect partner, if any; its key is a parameter then.
        loopback: whether this machine may be named as the provider's address.

    Raises:
        Problem: INVALID or INVALID_CREDENTIALS, naming the fields and never a value.
    """
    wanted = {item.name: item for item in spec.parameters}
    if partner is not None:
        _check_partner(spec, partner)
        wanted[PARTNER_KEY] = PARTNER_PARAMETER
    values = {name: value.strip() for name, value in given.items()}
    faults = dict(_faults(wanted, values))
    if faults:
        listed = "; ".join(f"{name}: {what}" for name, what in faults.items())
        raise Problem(ProblemCode.INVALID, f"Not usable: {listed}.", fields=faults)
    values = {name: value for name, value in values.items() if value}
    try:
        form = spec.read(spec, values, loopback)
    except UnusableCredentials as error:
        raise unusable(error) from None
    values = form.values
    secrets = (spec.secrets | {PARTNER_KEY}) & values.keys()
    public = {name: value for name, value in values.items() if name not in secrets}
    return Credentials(
        values=values | ({PARTNER: partner} if partner is not None else {}),
        shown=public | dict(form.shown),
        secrets=tuple(name for name in wanted if name in secrets),
        partner=partner,
    )


def unusable(error: UnusableCredentials) -> Problem:
    """The problem of credentials that no client can be built from."""
    fields = {field_of(error.field): str(error)} if error.field else {}
    return Problem(ProblemCode.INVALID_CREDENTIALS, str(error), fields=fields)


def field_of(parameter: str) -> str:
    """A parameter as problems name it."""
    return f"parameters.{parameter}"


def _check_partner(spec: ProviderSpec, partner: str) -> None:
    if not spec.partners:
        what = f"{spec.title} has no partners."
        raise Problem(ProblemCode.INVALID, what, fields={"partner": "not for this provider"})
    if not _PARTNER.fullmatch(partner):
        what = "The partner's name is not usable."
        said = "lower-case letters, digits and hyphens, at most 64"
        raise Problem(ProblemCode.INVALID, what, fields={"partner": said})


def _faults(wanted: Mapping[str, Parameter], values: Mapping[str, str]) -> list[tuple[str, str]]:
    faults = [(field_of(name), "missing") for name in wanted if _lacks(wanted[name], values)]
    # An unknown name is the sender's own words and may be a secret in the wrong place.
    if not values.keys() <= wanted.keys():
        faults.append(("parameters", f"there are only {', '.join(wanted)}"))
    for name in wanted.keys() & values.keys():
        if len(values[name]) > wanted[name].max_length:
            limit = wanted[name].max_length
            faults.append((field_of(name), f"longer than {limit} characters"))
    return faults


def _lacks(parameter: Parameter, values: Mapping[str, str]) -> bool:
    return parameter.required and not values.get(parameter.name)
