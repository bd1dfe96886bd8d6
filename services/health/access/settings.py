"""The settings that decide who gets in."""

from __future__ import annotations

from pydantic import Field, ValidationInfo, field_validator

from common.jwks import is_trustworthy
from common.sealed_settings import SealedSettings
from common.settings import Words, split_words


class AccessSettings(SealedSettings):
    """Sessions, the throttle, and an identity provider."""

    health_session_hours: float = Field(
        default=12.0,
        gt=0,
        le=168,
        description="Hours after which a console session ends, however much it is used.",
    )
    health_secure_cookies: bool = Field(
        default=True,
        description="Whether browsers keep the session for https only. Turn it off only where the "
        "console is on this machine and without TLS.",
    )
    health_proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description="How many proxies in front add to `X-Forwarded-For`. Too low, and everybody "
        "shares the proxy's address in the throttle; too high, and clients can make theirs up.",
    )
    health_wrong_tries_per_address: int = Field(
        default=20,
        ge=1,
        le=1000,
        description="Wrong keys that may be tried from one address (of IPv6: one /64 network) "
        "within the window.",
    )
    health_wrong_tries_per_key: int = Field(
        default=10,
        ge=1,
        le=1000,
        description="Wrong secrets that may be tried with one key ID within the window, from "
        "wherever. Lower than the limit per address, so that one forgotten program with a revoked "
        "key does not lock out its neighbours.",
    )
    health_wrong_tries_window: float = Field(
        default=300.0, ge=1, le=86_400, description="The window of these limits in seconds."
    )
    health_oidc_issuer: str = Field(
        default="",
        description="Issuer whose bearer tokens the API accepts beside API keys, such as "
        "`https://login.microsoftonline.com/<tenant>/v2.0`. Empty: none.",
    )
    health_oidc_audience: Words = Field(
        default=(),
        validate_default=True,
        description="Comma-separated audiences of which a token must name one. Needed with "
        "`HELIOGRAPH_HEALTH_OIDC_ISSUER`.",
    )
    health_oidc_jwks_url: str = Field(
        default="",
        description="Where the issuer's signing keys are. Empty: where its discovery document says "
        "so. Must be https, but for a loopback address.",
    )
    health_oidc_role_claim: str = Field(
        default="roles",
        min_length=1,
        description="Claim with the role or roles: `viewer`, `approver`, `admin`, `operator`, each "
        "also as `heliograph.<role>`. The highest counts.",
    )
    health_oidc_tenant_claim: str = Field(
        default="heliograph_tenant",
        min_length=1,
        description="Claim with the ID of the tenant; not needed by operators.",
    )

    @field_validator("health_oidc_audience", mode="before")
    @classmethod
    def _several(cls, value: object) -> object:
        return split_words(value)

    @field_validator("health_oidc_audience")
    @classmethod
    def _with_issuer(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if bool(value) != bool(info.data.get("health_oidc_issuer")):
            raise ValueError("must be set together with HELIOGRAPH_HEALTH_OIDC_ISSUER")
        return value

    @field_validator("health_oidc_issuer", "health_oidc_jwks_url")
    @classmethod
    def _by_https(cls, value: str) -> str:
        if value and not is_trustworthy(value):
            raise ValueError("must begin with https://")
        return value
