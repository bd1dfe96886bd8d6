"""Signing in: where the key is kept, who can read it, and where it is sent."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from heliograph.cli.credentials import DEFAULT_URL, location, travels_in_the_clear, usable_url
from heliograph.cli.errors import Misused
from tests.unit.cli_stand_in import KEY
from tests.unit.cli_world import URL, Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Nothing about the API is in the environment."""
    return Cli(tmp_path, environment={"HELIOGRAPH_URL": "", "HELIOGRAPH_API_KEY": ""})


def kept(cli: Cli) -> Path:
    return cli.home / "heliograph" / "credentials.json"


def test_a_key_is_asked_for_without_echo_and_kept_for_its_owner_alone(cli: Cli) -> None:
    cli.secrets = [KEY]
    ran = cli("sign-in", "--url", f"{URL}/", typed="")
    assert ran.code == 0, ran.err
    assert json.loads(kept(cli).read_text()) == {"url": URL, "key": KEY, "tenant": "acme"}
    assert stat.S_IMODE(kept(cli).stat().st_mode) == 0o600
    assert KEY not in ran.out + ran.err
    assert "API key" in cli.prompts[0]
    assert cli("whoami", "--json").json["name"] == "Ada"


def test_a_key_can_come_from_stdin(cli: Cli) -> None:
    ran = cli("sign-in", "--url", URL, "--key-stdin", "--json", piped=f"{KEY}\n")
    assert (ran.code, ran.json["name"]) == (0, "Ada")
    assert kept(cli).exists()


def test_the_address_is_asked_for_and_has_a_default(cli: Cli) -> None:
    cli.secrets = [KEY]
    assert cli("sign-in", typed="\n").code == 0
    assert json.loads(kept(cli).read_text())["url"] == DEFAULT_URL


@pytest.mark.parametrize("key", ["hg_wrong", "", "hg_\u2022\u2022\u2022", "hg_a b\x07"])
def test_a_key_that_is_not_accepted_is_not_kept(cli: Cli, key: str) -> None:
    ran = cli("sign-in", "--url", URL, "--key-stdin", piped=f"{key}\n")
    assert ran.code in {2, 3}
    assert not kept(cli).exists()


def test_a_file_that_others_could_read_is_replaced_by_one_that_they_cannot(cli: Cli) -> None:
    kept(cli).parent.mkdir()
    kept(cli).write_text("{}")
    kept(cli).chmod(0o644)
    assert cli("sign-in", "--url", URL, "--key-stdin", piped=KEY).code == 0
    assert stat.S_IMODE(kept(cli).stat().st_mode) == 0o600
    assert [path.name for path in kept(cli).parent.iterdir()] == ["credentials.json"]


def test_signing_out_forgets_the_key(cli: Cli) -> None:
    cli("sign-in", "--url", URL, "--key-stdin", piped=KEY)
    assert cli("sign-out").code == 0
    assert not kept(cli).exists()
    assert cli("whoami").code == 3
    assert cli("sign-out").code == 0


def test_a_file_that_cannot_be_read_is_told(cli: Cli) -> None:
    kept(cli).parent.mkdir()
    kept(cli).write_text("[]")
    ran = cli("whoami")
    assert ran.code == 3
    assert "cannot be read" in ran.err


def test_the_environment_wins_over_what_is_kept(cli: Cli) -> None:
    cli("sign-in", "--url", URL, "--key-stdin", piped=KEY)
    cli.environment |= {"HELIOGRAPH_API_KEY": "hg_other"}
    assert cli("whoami").code == 3
    assert cli.api.asked[-1].headers["authorization"] == "Bearer hg_other"


def test_a_kept_key_is_sent_to_no_other_address(cli: Cli) -> None:
    cli("sign-in", "--url", URL, "--key-stdin", piped=KEY)
    asked = len(cli.api.asked)
    cli.environment |= {"HELIOGRAPH_URL": "http://elsewhere.test"}
    ran = cli("whoami")
    assert ran.code == 3
    assert "http://elsewhere.test" in ran.err
    assert len(cli.api.asked) == asked


class TestTenant:
    def test_a_key_of_a_tenant_knows_its_own(self, cli: Cli) -> None:
        cli.environment |= {"HELIOGRAPH_URL": URL, "HELIOGRAPH_API_KEY": KEY}
        assert cli("numbers", "list").code == 0
        assert [asked.path for asked in cli.api.asked] == [
            "/api/v1/me",
            "/api/v1/tenants/acme/numbers",
        ]

    def test_a_named_one_wins_over_the_environment_and_that_over_what_is_kept(
        self, cli: Cli
    ) -> None:
        cli("sign-in", "--url", URL, "--key-stdin", "--tenant", "kept", piped=KEY)
        cli("numbers", "list")
        assert "/tenants/kept/" in cli.api.asked[-1].path
        cli.environment |= {"HELIOGRAPH_TENANT": "globex"}
        cli("numbers", "list")
        assert "/tenants/globex/" in cli.api.asked[-1].path
        cli("numbers", "list", "--tenant", "acme")
        assert "/tenants/acme/" in cli.api.asked[-1].path

    def test_an_operator_must_name_one(self, cli: Cli) -> None:
        cli.api.me["tenant_id"] = None
        cli.environment |= {"HELIOGRAPH_URL": URL, "HELIOGRAPH_API_KEY": KEY}
        ran = cli("numbers", "list")
        assert ran.code == 2
        assert "--tenant" in ran.err
        assert cli("tenants", "list").code == 0


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("https://sms.example.com", "https://sms.example.com"),
        (" https://sms.example.com/ ", "https://sms.example.com"),
        ("http://127.0.0.1:8081/api/v1/", "http://127.0.0.1:8081"),
        ("https://example.com/sms", "https://example.com/sms"),
    ],
)
def test_an_address_is_brought_to_its_form(raw: str, url: str) -> None:
    assert usable_url(raw) == url


@pytest.mark.parametrize(
    "raw", ["", "sms.example.com", "ftp://x", "https://", "https://u:p@x", "https://x/?a=1"]
)
def test_what_is_no_address_is_refused(raw: str) -> None:
    with pytest.raises(Misused):
        usable_url(raw)


@pytest.mark.parametrize(
    ("url", "clear"),
    [
        ("https://sms.example.com", False),
        ("http://127.0.0.1:8081", False),
        ("http://localhost", False),
        ("http://[::1]:8081", False),
        ("http://sms.example.com", True),
    ],
)
def test_a_key_that_travels_unencrypted_is_noticed(url: str, clear: bool) -> None:
    assert travels_in_the_clear(url) is clear


def test_a_relative_configuration_folder_is_ignored() -> None:
    """XDG Base Directory Specification: all paths must be absolute."""
    expected = Path.home() / ".config" / "heliograph" / "credentials.json"
    assert location({"XDG_CONFIG_HOME": "here"}) == location({}) == expected
