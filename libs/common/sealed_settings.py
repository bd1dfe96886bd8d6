"""Settings of the services that open sealed credentials and decide what is sent."""

from __future__ import annotations

from pydantic import Field, SecretStr, field_validator

from common.longtext import LIMIT
from common.providers.acs_versions import DEFAULT_VERSION, ApiVersion
from common.secrets import MasterKeys
from common.settings import ServiceSettings


class SealedSettings(ServiceSettings):
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

    @field_validator("master_key")
    @classmethod
    def _usable(cls, value: SecretStr) -> SecretStr:
        MasterKeys.parse(value.get_secret_value())
        return value

    @property
    def master_keys(self) -> MasterKeys:
        """The keys, read."""
        return MasterKeys.parse(self.master_key.get_secret_value())
