"""Settings of the ingress service."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, ValidationInfo, field_validator

from common.jwks import is_trustworthy
from common.secrets import MasterKeys
from common.settings import NumbersSettings, PublicSettings, Words, split_words
from webhook.entra import EVENT_GRID_APP

_TENANT: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class WebhookSettings(NumbersSettings, PublicSettings):
    """What the ingress service needs to know beside what every service does."""

    webhook_host: str = Field(
        default="0.0.0.0",  # noqa: S104 - deliveries come from outside the pod
        description="Address on which deliveries are taken.",
    )
    webhook_port: int = Field(
        default=8080, ge=0, le=65535, description="Port on which deliveries are taken."
    )
    webhook_deadline: float = Field(
        default=1.8,
        ge=0.2,
        le=25,
        description="Seconds within which a delivery is answered, its body's arrival included; "
        "what takes longer is answered with 503 (the body: 408) and comes again. A delivery of "
        "more than 250 events has as long again after each 250 that the broker confirmed, up to "
        "25 seconds in all. Event Grid waits 30.",
    )
    webhook_body_limit: int = Field(
        default=1_572_864,
        ge=65_536,
        le=67_108_864,
        description="Largest body in bytes; a larger one is refused with 413, which Event Grid "
        "does not repeat. Event Grid sends at most 1 MB in one batch, and one event of up to 1 MB.",
    )
    webhook_concurrency: int = Field(
        default=256,
        ge=1,
        le=10_000,
        description="Deliveries in hand at once; further ones are answered with 503 at once.",
    )
    webhook_secrets: SecretStr | None = Field(
        default=None,
        description="Comma-separated secrets of which a delivery must carry one, in the URL's "
        "query or in a header. Several at once allow a rotation without a lost text: add the "
        "new one, change the subscription, remove the old one. Given as a file "
        "(`HELIOGRAPH_WEBHOOK_SECRETS_FILE`), it is read again while the service runs.",
    )
    webhook_secrets_file: Path | None = Field(
        default=None,
        description="File with the secrets, instead of `HELIOGRAPH_WEBHOOK_SECRETS`. It is read "
        "again every 2 seconds; while it cannot be read, deliveries are answered with 503.",
    )
    webhook_secret_query: str = Field(
        default="code", min_length=1, description="Query parameter that carries the secret."
    )
    webhook_secret_header: str = Field(
        default="x-heliograph-secret",
        pattern=r"^[A-Za-z0-9-]+$",
        description="Header that may carry the secret instead (a static delivery property).",
    )
    webhook_subscriptions: Words = Field(
        default=(),
        description="Comma-separated names of the event subscriptions whose validation is "
        "answered, compared case-insensitively. Empty: any that proves itself.",
    )
    webhook_origins: Words = Field(
        default=(),
        description="Comma-separated origins that a CloudEvents handshake is answered for, such as "
        "`eventgrid.azure.net`. Empty: any.",
    )
    webhook_entra_tenant_id: str = Field(
        default="",
        description="Microsoft Entra tenant (a GUID) whose tokens deliveries must carry. Empty: no "
        "token is asked for.",
    )
    webhook_entra_audience: Words = Field(
        default=(),
        validate_default=True,
        description="Comma-separated audiences of which a token must name one: the application ID "
        "or ID URI given in the event subscription. Needed with "
        "`HELIOGRAPH_WEBHOOK_ENTRA_TENANT_ID`.",
    )
    webhook_entra_issuers: Words = Field(
        default=(),
        description="Comma-separated issuers that are accepted. Empty: the tenant's v1 and v2 "
        "issuers in the public cloud.",
    )
    webhook_entra_app_ids: Words = Field(
        default=(EVENT_GRID_APP,),
        description="Comma-separated application IDs, of which the token's `appid` or `azp` must "
        "be one. The default is Event Grid in the public cloud; in US Government it is "
        "54316b56-3481-47f9-8f30-0300f5542a7b. Empty: only the role is checked.",
    )
    webhook_entra_role: str = Field(
        default="",
        validate_default=True,
        description="Role that the token must hold, such as AzureEventGridSecureWebhookSubscriber. "
        "Empty: only the application ID is checked.",
    )
    webhook_entra_jwks_url: str = Field(
        default="",
        description="Where the signing keys are. Empty: the tenant's in the public cloud. Must be "
        "https, but for a loopback address.",
    )

    master_key: SecretStr | None = Field(
        default=None,
        description="Master keys, as the sender and the health service have them. Needed for "
        "callbacks of providers other than ACS, which are proven by what a connection's sealed "
        "credentials hold; without it they are answered with 503.",
    )

    @field_validator("master_key")
    @classmethod
    def _usable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            MasterKeys.parse(value.get_secret_value())
        return value

    @property
    def master_keys(self) -> MasterKeys | None:
        """The keys, read; None where there are none."""
        if self.master_key is None:
            return None
        return MasterKeys.parse(self.master_key.get_secret_value())

    @field_validator(
        "webhook_subscriptions",
        "webhook_origins",
        "webhook_entra_audience",
        "webhook_entra_issuers",
        "webhook_entra_app_ids",
        mode="before",
    )
    @classmethod
    def _words(cls, value: object) -> object:
        return split_words(value)

    @field_validator("webhook_secrets")
    @classmethod
    def _some_secret(cls, value: SecretStr | None) -> SecretStr | None:
        # An empty variable is a mistake that would open the door to everybody.
        if value is not None and not split_words(value.get_secret_value()):
            raise ValueError("is set but holds no secret")
        return value

    @field_validator("webhook_entra_tenant_id")
    @classmethod
    def _guid(cls, value: str) -> str:
        if value and not _TENANT.fullmatch(value.lower()):
            raise ValueError("must be a GUID")
        return value.lower()

    @field_validator("webhook_entra_audience")
    @classmethod
    def _audience(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if bool(value) != bool(info.data.get("webhook_entra_tenant_id")):
            raise ValueError("must be set together with HELIOGRAPH_WEBHOOK_ENTRA_TENANT_ID")
        return value

    @field_validator("webhook_entra_role")
    @classmethod
    def _some_caller(cls, value: str, info: ValidationInfo) -> str:
        if not value and not info.data.get("webhook_entra_app_ids"):
            raise ValueError("must be set where HELIOGRAPH_WEBHOOK_ENTRA_APP_IDS is empty")
        return value

    @field_validator("webhook_entra_jwks_url")
    @classmethod
    def _https(cls, value: str) -> str:
        if value and not is_trustworthy(value):
            raise ValueError("must begin with https://")
        return value

    @property
    def secrets(self) -> tuple[str, ...]:
        """The secrets; empty where none is asked for."""
        words = split_words(self.webhook_secrets.get_secret_value() if self.webhook_secrets else "")
        return words if isinstance(words, tuple) else ()
