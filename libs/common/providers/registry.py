"""Every provider, by the name that connections are stored with. A new provider is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from common.providers.acs import Acs
from common.providers.acs_versions import DEFAULT_VERSION, ApiVersion
from common.providers.infobip import Infobip
from common.providers.link import Link
from common.providers.port import Provider
from common.providers.telesign import Telesign
from common.providers.twilio import Twilio
from common.providers.vibes import Vibes

PROVIDERS: Final[Mapping[str, Provider]] = {
    provider.name: provider
    for provider in (
        Acs(),
        Infobip(),
        Link(),
        Telesign(),
        Twilio(),
        Vibes(),
    )
}


def has_fixed_address(name: str) -> bool:
    """Whether a provider has one address for all its customers."""
    return hasattr(PROVIDERS.get(name), "base_url")


def providers(
    *, acs_api_version: str = DEFAULT_VERSION, addresses: Mapping[str, str] | None = None
) -> Mapping[str, Provider]:
    """Every provider, as the settings want them. `addresses` are those of simulators, by provider,
    in place of an address that is fixed.

    Raises:
        ValueError: ACS has no such version, or a provider's address is not fixed.
    """
    known: dict[str, Any] = {**PROVIDERS, "acs": Acs(api_version=ApiVersion(acs_api_version))}
    for name, address in (addresses or {}).items():
        if not has_fixed_address(name):
            raise ValueError(f"{name} has no fixed address to be replaced")
        known[name] = replace(known[name], base_url=address)
    return known
