"""Settings: environment variables with the prefix `HELIOGRAPH_`, each also readable from a file.

`HELIOGRAPH_MONGODB_URI_FILE=/run/secrets/uri` stands for `HELIOGRAPH_MONGODB_URI` with the file's
content. A service adds its own fields to `ServiceSettings`. An unusable setting stops the process
at start with one clear line.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Final, Literal, NoReturn, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX: Final = "HELIOGRAPH_"
_RESEMBLANCE: Final = 0.85
"""Of two names, as difflib measures it: about one letter in seven may differ. Settings of different
services differ by more; a test compares them all."""

_PUBLIC_ORIGIN: Final = re.compile(
    r"(https://[^\s/?#@]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[^\s?#]*)?"
)

_COLLECTOR: Final = re.compile(r"https?://[^\s/?#@]+(/[^\s?#]*)?")
"""Without a user: what a collector wants to know stands in headers."""

Words = Annotated[tuple[str, ...], NoDecode]
"""A setting that is a comma-separated list."""


def split_words(value: object) -> object:
    """`"a, b"` as `("a", "b")`; anything but a text as it is."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


class UnusableSetting(Exception):
    """A setting that a process cannot start with; its text is one line for the operator."""


class ServiceSettings(BaseSettings):
    """What every service needs to know."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="ignore", frozen=True, hide_input_in_errors=True
    )

    rabbitmq_url: SecretStr = Field(
        default=SecretStr("amqp://guest:guest@127.0.0.1:5672/"),
        description="URL of RabbitMQ, `amqp://` or `amqps://`, with user, password and vhost.",
    )
    rabbitmq_heartbeat: int = Field(
        default=5, ge=2, le=600, description="AMQP heartbeat in seconds."
    )
    publish_deadline: float = Field(
        default=1.5,
        gt=0,
        le=30,
        description="Seconds after which an unconfirmed publish counts as failed. The webhook "
        "answers 503 within 2 seconds, so it stays below that.",
    )
    mongodb_uri: SecretStr = Field(
        default=SecretStr("mongodb://127.0.0.1:27017/"),
        description="URI of the MongoDB replica set.",
    )
    mongodb_database: str = Field(
        default="heliograph", min_length=1, max_length=63, description="Name of the database."
    )
    mongodb_timeout: float = Field(
        default=5.0, gt=0, le=60, description="Seconds after which a database operation fails."
    )
    schema_at_start: bool = Field(
        default=True,
        description="Whether processor, sender and health make missing indexes when they start, "
        "and health migrates data. Off where `python -m health --prepare` does it before: they "
        "then wait, not ready, until it has been run. Off is right for large collections.",
    )
    management_host: str = Field(
        default="0.0.0.0",  # noqa: S104 - probes and scrapes come from outside the pod
        description="Address of the management endpoints (`/livez`, `/readyz`, `/metrics`).",
    )
    management_port: int = Field(
        default=9090, ge=0, le=65535, description="Port of the management endpoints."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe level that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        default="json", description="`json` for collectors, `console` for a person."
    )
    revision: str = Field(
        default="unknown",
        pattern=r"^([0-9a-f]{7,64}|unknown)$",
        description="Revision of the source that this build is of, in hex digits; images set it, "
        "and `heliograph_build_info` tells it.",
    )
    otlp_endpoint: str = Field(
        default="",
        description="Address of an OpenTelemetry collector that takes OTLP over HTTP, such as "
        "`http://collector:4318`; spans go to `/v1/traces` below it. Empty: none are recorded. "
        "Headers and certificates are taken from the SDK's own `OTEL_EXPORTER_OTLP_…` variables.",
    )
    trace_ratio: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="Share of traces that are exported, by trace ID; those that somebody before us "
        "has recorded always are. Give all services the same.",
    )
    failpoint: str | None = Field(
        default=None,
        description="For tests: the fail point at which the process kills itself.",
    )
    grace_period: float = Field(
        default=25.0,
        gt=0,
        le=600,
        description="Seconds that a stopping service has to finish what is in hand. Keep it below "
        "the pod's terminationGracePeriodSeconds.",
    )

    @field_validator("rabbitmq_url")
    @classmethod
    def _amqp(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("amqp://", "amqps://")):
            raise ValueError("must begin with amqp:// or amqps://")
        return value

    @field_validator("otlp_endpoint")
    @classmethod
    def _http(cls, value: str) -> str:
        if value and not _COLLECTOR.fullmatch(value):
            raise ValueError("must begin with http:// or https://, and name a host")
        return value

    @field_validator("mongodb_uri")
    @classmethod
    def _mongodb(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("must begin with mongodb:// or mongodb+srv://")
        return value


class PublicSettings(ServiceSettings):
    """The shared setting of the services that know where providers reach the webhook."""

    public_webhook_url: str = Field(
        default="",
        description="Address at which providers reach the webhook from the internet, such as "
        "`https://texts.example.com`. Callbacks of providers other than ACS need it: some sign the "
        "address that they call, some are told it with each text, and the console shows it. Must "
        "be https, but for a loopback address.",
    )

    @field_validator("public_webhook_url")
    @classmethod
    def _an_origin(cls, value: str) -> str:
        origin = value.strip().rstrip("/")
        if origin and not _PUBLIC_ORIGIN.fullmatch(origin):
            raise ValueError("must be https:// with a host, perhaps with a port and a path")
        return origin


class NumbersSettings(ServiceSettings):
    """The shared settings of the services that keep the connected numbers in memory."""

    numbers_refresh: float = Field(
        default=30.0,
        ge=0.2,
        le=3600,
        description="Seconds after which the connected numbers are loaded again, in case that a "
        "change was missed on the bus.",
    )


Settings = TypeVar("Settings", bound=ServiceSettings)


def read_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The values that `HELIOGRAPH_…_FILE` variables point to, by the name of the setting.

    Raises:
        UnusableSetting: a file cannot be read, or the variable is given in both forms.
    """
    values: dict[str, str] = {}
    for variable, path in environment.items():
        if not (variable.startswith(PREFIX) and variable.endswith("_FILE")):
            continue
        plain = variable.removesuffix("_FILE")
        if plain in environment:
            raise UnusableSetting(f"{plain} and {variable} are both set: keep one of them.")
        try:
            values[plain] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise UnusableSetting(f"{variable}: cannot read {path} ({error}).") from None
    return values


def misspelt(environment: Iterable[str], settings: type[ServiceSettings]) -> dict[str, str]:
    """Variables that are no settings but resemble one, each with the one that was probably meant.

    Only these: the services share one environment and know nothing of each other's settings, so
    that a name is unknown is no sign of a mistake by itself.
    """
    fields = [field.upper() for field in settings.model_fields]
    known = {f"{PREFIX}{field}{form}" for field in fields for form in ("", "_FILE")}
    found: dict[str, str] = {}
    for variable in environment:
        name = variable.upper()
        if name.startswith(PREFIX) and name not in known:
            word = name.removeprefix(PREFIX).removesuffix("_FILE")
            close = difflib.get_close_matches(word, fields, n=1, cutoff=_RESEMBLANCE)
            if close:
                found[variable] = f"{PREFIX}{close[0]}"
    return found


def load(settings: type[Settings]) -> Settings:
    """Read a service's settings from the environment.

    Raises:
        UnusableSetting: naming the variable and what is wrong with it, never its value.
    """
    from_files = read_files(os.environ)
    overrides = {
        field: from_files[f"{PREFIX}{field.upper()}"]
        for field in settings.model_fields
        if f"{PREFIX}{field.upper()}" in from_files
    }
    try:
        return settings(**overrides)  # type: ignore[arg-type] # texts, as from the environment
    except ValidationError as error:
        raise UnusableSetting(_first_problem(error)) from None


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    problem = str(first["msg"]).removeprefix("Value error, ").removesuffix(".")
    # What is wrong with several together names the setting itself.
    where = f"{PREFIX}{str(first['loc'][0]).upper()}: " if first["loc"] else ""
    return f"{where}{problem}. See docs/configuration.md."


def load_or_exit(settings: type[Settings]) -> Settings:
    """As `load`, but an unusable setting ends the process with one line and exit code 78
    (`EX_CONFIG`, sysexits)."""
    try:
        return load(settings)
    except UnusableSetting as error:
        stop(str(error))


def stop(line: str) -> NoReturn:
    """End the process because it cannot start: one line on standard error, exit code 78."""
    sys.stderr.write(f"heliograph: {line}\n")
    raise SystemExit(78)
