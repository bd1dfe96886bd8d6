"""docs/configuration.md says what the settings classes say."""

from pathlib import Path

import pytest
from pydantic import Field, SecretStr

from common.settings import PREFIX, ServiceSettings
from local import configuration


class Sample(ServiceSettings):
    key: SecretStr = Field(description="A key.")
    token: SecretStr = Field(default=SecretStr("canary"), description="A token.")
    pace: float = Field(default=2.0, gt=0, le=9, description="A pace.")
    words: tuple[str, ...] = Field(default=("a", "b"), description="Words.")
    nothing: str | None = Field(default=None, description="This | that.")
    strict: bool = Field(default=True, description="A switch.")


def test_the_page_in_the_repository_is_what_the_settings_say() -> None:
    assert configuration.main(["--check"]) == 0, "run `python -m local.configuration`"


def test_every_setting_of_every_service_has_its_line() -> None:
    page = configuration.page()
    for settings in configuration.SERVICES.values():
        for name in settings.model_fields:
            assert f"| `{PREFIX}{name.upper()}` |" in page


def test_a_shared_setting_is_told_once() -> None:
    page = configuration.page()
    for name in ServiceSettings.model_fields:
        assert page.count(f"| `{PREFIX}{name.upper()}` |") == 1


@pytest.mark.parametrize(
    ("field", "default", "meaning"),
    [
        ("key", "*required*", "A key."),
        ("token", "*not shown*", "A token."),
        ("pace", "`2`", "A pace. More than 0, at most 9."),
        ("words", "`a,b`", "Words."),
        ("nothing", "*none*", r"This \| that."),
        ("strict", "`true`", "A switch."),
        (
            "log_format",
            "`json`",
            "`json` for collectors, `console` for a person. One of `json`, `console`.",
        ),
    ],
)
def test_a_setting_is_told_with_its_default_and_its_limits(
    field: str, default: str, meaning: str
) -> None:
    info = Sample.model_fields[field]
    assert (configuration.default(info), configuration.meaning(info)) == (default, meaning)


def test_no_secret_default_is_shown() -> None:
    page = configuration.page()
    for settings in configuration.SERVICES.values():
        for info in settings.model_fields.values():
            if isinstance(info.default, SecretStr) and info.default.get_secret_value():
                assert info.default.get_secret_value() not in page


def test_a_setting_without_a_description_is_refused() -> None:
    with pytest.raises(ValueError, match="description"):
        configuration.meaning(Sample.model_fields["key"].__class__())


def test_a_stale_page_is_found_and_written_anew(tmp_path: Path) -> None:
    target = tmp_path / "configuration.md"
    assert configuration.main(["--check"], target=target) == 1
    assert configuration.main([], target=target) == 0
    assert configuration.main(["--check"], target=target) == 0
    target.write_text("old")
    assert configuration.main(["--check"], target=target) == 1
