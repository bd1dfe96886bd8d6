"""The webhook's settings: a mistake that would open the door, or shut it for good, stops the
process at start."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.settings import UnusableSetting, load
from webhook.entra import EVENT_GRID_APP
from webhook.settings import WebhookSettings

TENANT = "AAAAAAAA-2222-3333-4444-555555555555"


def with_environment(monkeypatch: pytest.MonkeyPatch, **values: str) -> WebhookSettings:
    for name, value in values.items():
        monkeypatch.setenv(f"HELIOGRAPH_WEBHOOK_{name.upper()}", value)
    return load(WebhookSettings)


def test_without_any_setting_it_is_open_and_answers_within_two_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = with_environment(monkeypatch)
    assert settings.secrets == ()
    assert settings.webhook_deadline < 2
    assert settings.webhook_entra_tenant_id == ""


def test_several_secrets_are_a_comma_separated_list(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_environment(monkeypatch, secrets="old, new")
    assert settings.secrets == ("old", "new")
    assert "old" not in repr(settings)


def test_secrets_come_from_a_file_that_can_be_read_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secrets"
    file.write_text("secret\n")
    settings = with_environment(monkeypatch, secrets_file=str(file))
    assert settings.secrets == ("secret",)
    assert settings.webhook_secrets_file == file


def test_entra_is_asked_for_with_a_tenant_and_an_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = with_environment(monkeypatch, entra_tenant_id=TENANT, entra_audience="api://x")
    assert settings.webhook_entra_tenant_id == TENANT.lower()
    assert settings.webhook_entra_app_ids == (EVENT_GRID_APP,)


@pytest.mark.parametrize(
    "values",
    [
        {"secrets": ""},
        {"secrets": " , "},
        {"secrets_file": "/nowhere/at/all"},
        {"entra_tenant_id": TENANT},
        {"entra_audience": "api://x"},
        {"entra_tenant_id": "contoso", "entra_audience": "api://x"},
        {"entra_tenant_id": TENANT, "entra_audience": "api://x", "entra_app_ids": ""},
        {"entra_jwks_url": "http://elsewhere.example/keys"},
        {"entra_jwks_url": "file:///etc/passwd"},
        {"deadline": "0"},
        {"body_limit": "1"},
        {"concurrency": "0"},
        {"port": "x"},
    ],
)
def test_a_setting_that_cannot_be_meant_is_named(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    with pytest.raises(UnusableSetting, match="HELIOGRAPH_WEBHOOK_"):
        with_environment(monkeypatch, **values)
