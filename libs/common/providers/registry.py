"""Every provider, by the name that connections are stored with. A new provider is one line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.providers.acs import Acs
from common.providers.port import Provider

PROVIDERS: Final[Mapping[str, Provider]] = {provider.name: provider for provider in (Acs(),)}
