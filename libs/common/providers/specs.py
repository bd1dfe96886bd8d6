"""Every provider's description, as the adapters hold it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from common.providers.registry import PROVIDERS
from common.providers.spec import ProviderSpec

SPECS: Final[Mapping[str, ProviderSpec]] = {
    name: provider.spec for name, provider in PROVIDERS.items()
}
