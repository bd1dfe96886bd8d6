"""Settings of the services that open sealed credentials and decide what is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from pydantic import Field, SecretStr, field_validator

from common.longtext import LIMIT
from common.providers.acs_versions import DEFAULT_VERSION, ApiVersion
from common.providers.port import Provider
from common.providers.registry import PROVIDERS, has_fixed_address, providers
from common.secrets import MasterKeys
from common.settings import PublicSettings, Words, split_words

_SIMULATOR: Final = re.compile(r"[a-z]+=http://(localhost|127\.0\.0\.1|\[::1\]):\d+")


class SealedSettings(PublicSettings):
    """The shared settings and the master keys."""

    master_key: SecretStr = Field(
        description="Master keys that wrap the tenants' data keys, as `id:key,id:key`, each key 32 "
        "bytes in base64, the current one first.",
    )

    long_text_limit: int = Field(
        default=LIMIT,
        ge=3,
        le=2000,
        description="Characters of a text that are sent; a longer one is cut and ends in `...`.",
    )

    acs_api_version: ApiVersion = Field(
        default=DEFAULT_VERSION,
        description="Version of the Azure Communication Services SMS API. From 2024-12-10-preview "
        "on there is an opt-out list to keep in step with, from 2025-08-01-preview on delivery "
        "reports can be asked for. Texts from a Messaging Connect partner's numbers use "
        "2025-05-29-preview where this version has no Messaging Connect.",
    )

    provider_addresses: Words = Field(
        default=(),
        description="For simulators: comma-separated `provider=http://127.0.0.1:port`, in place of "
        "the address of a provider that has one for all, such as Twilio. Loopback addresses only.",
    )

    @field_validator("provider_addresses", mode="before")
    @classmethod
    def _words(cls, value: object) -> object:
        return split_words(value)

    @field_validator("provider_addresses")
    @classmethod
    def _simulators(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_SIMULATOR.fullmatch(word) for word in value):
            raise ValueError("must be provider=http://127.0.0.1:port, separated by commas")
        names = [word.partition("=")[0] for word in value]
        if any(name not in PROVIDERS or not has_fixed_address(name) for name in names):
            raise ValueError("names a provider that has no fixed address")
        return value

    @field_validator("master_key")
    @classmethod
    def _usable(cls, value: SecretStr) -> SecretStr:
        MasterKeys.parse(value.get_secret_value())
        return value

    @property
    def providers(self) -> Mapping[str, Provider]:
        """Every provider, as these settings want them."""
        addresses = dict(word.split("=", 1) for word in self.provider_addresses)
        return providers(acs_api_version=self.acs_api_version, addresses=addresses)

    @property
    def master_keys(self) -> MasterKeys:
        """The keys, read."""
        return MasterKeys.parse(self.master_key.get_secret_value())
