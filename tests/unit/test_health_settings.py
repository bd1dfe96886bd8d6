"""The health service starts with usable settings only, and never shows its keys."""

from datetime import time

import pytest

from common.secrets import generate_master_key
from common.settings import UnusableSetting, load
from health.settings import HealthSettings


@pytest.fixture
def master_key(monkeypatch: pytest.MonkeyPatch) -> str:
    key = generate_master_key()
    monkeypatch.setenv("HELIOGRAPH_MASTER_KEY", f"k1:{key}")
    return key


@pytest.mark.usefixtures("master_key")
def test_the_validation_runs_at_four_in_the_morning_utc_by_default() -> None:
    assert load(HealthSettings).validation_time == time(4)


@pytest.mark.usefixtures("master_key")
def test_the_time_of_day_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELIOGRAPH_HEALTH_VALIDATION_TIME", "23:59")
    assert load(HealthSettings).validation_time == time(23, 59)


@pytest.mark.usefixtures("master_key")
@pytest.mark.parametrize("value", ["24:00", "4:00", "04:60", "04:00Z", "04:00:00", "noon", ""])
def test_an_unusable_time_of_day_is_named(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("HELIOGRAPH_HEALTH_VALIDATION_TIME", value)
    with pytest.raises(UnusableSetting, match="HELIOGRAPH_HEALTH_VALIDATION_TIME"):
        load(HealthSettings)


@pytest.mark.parametrize("value", [None, "", "k1:c2hvcnQtY2FuYXJ5"])
def test_without_a_usable_master_key_there_is_no_start(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("HELIOGRAPH_MASTER_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("HELIOGRAPH_MASTER_KEY", value)
    with pytest.raises(UnusableSetting, match="HELIOGRAPH_MASTER_KEY") as caught:
        load(HealthSettings)
    assert "c2hvcnQtY2FuYXJ5" not in str(caught.value)


def test_the_settings_do_not_show_the_master_key(master_key: str) -> None:
    assert master_key not in repr(load(HealthSettings))
