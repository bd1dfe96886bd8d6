"""Every provider, by the name that connections are stored with. A new provider is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.providers.acs import Acs
from common.providers.acs_versions import DEFAULT_VERSION, ApiVersion
from common.providers.port import Provider


def providers(*, acs_api_version: str = DEFAULT_VERSION) -> Mapping[str, Provider]:
    """Every provider, as the settings want them.

    Raises:
        ValueError: ACS has no such version.
    """
    known: tuple[Provider, ...] = (Acs(api_version=ApiVersion(acs_api_version)),)
    return {provider.name: provider for provider in known}


PROVIDERS: Final[Mapping[str, Provider]] = providers()
