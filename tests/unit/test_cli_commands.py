"""What each command asks of the API, and what it shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli_stand_in import NUMBER, REMOTE, Refusal
from tests.unit.cli_world import Cli

PREFIX = "/api/v1/tenants/acme"
AT_NUMBER = f"{PREFIX}/numbers/%2B18005550100"
CONNECTION_STRING = "endpoint=https://acme.communication.azure.com/;accesskey=bWFkZS11cA=="


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.mark.parametrize(
    ("command", "shows"),
    [
        ("whoami", "Ada"),
        ("providers", "Azure Communication Services"),
        ("providers acs", "secondary_connection_string"),
        ("overview", "Main line"),
        ("connections list", "Main line"),
        ("connections show c1", "secondary_connection_string"),
        ("connections check c1", "active"),
        ("check c1", "active"),
        ("numbers list", NUMBER),
        (f"numbers show {NUMBER}", "toll_free"),
        (f"gate show {NUMBER}", "off"),
        ("approvals list", "We open at 8:30."),
        ("approvals show m2", "We open at 8:30."),
        ("conversations list", "What time do you open"),
        ("conversations show conv-1", "What time do you open"),
        ("messages search", "What time do you open"),
        ("messages show m1", "What time do you open"),
        ("execution m1", "12:00:00.250Z"),
        ("agents list", "Front desk"),
        ("agents show front-desk", "acme.front-desk"),
        ("tenants list", "custom.acs_sms"),
        ("tenants show acme", "custom.acs_sms"),
    ],
)
def test_a_command_shows_people_what_there_is_and_programs_the_answer(
    cli: Cli, command: str, shows: str
) -> None:
    shown, told = cli(*command.split()), cli(*command.split(), "--json")
    assert shown.code == told.code == 0, shown.err
    assert shows in shown.out
    assert isinstance(told.json, dict)
    assert not told.err


@pytest.mark.parametrize(
    ("command", "empty"),
    [
        ("keys list", "No key."),
        ("audit list", "Nothing happened."),
        ("audit list --all-tenants", "Nothing happened."),
        ("dead-letters list", "Nothing is parked."),
        ("dead-letters show dead.sender.commands", "Nothing is parked."),
        ("messages search --status failed", "No such text."),
    ],
)
def test_an_empty_list_says_so_beside_the_result(cli: Cli, command: str, empty: str) -> None:
    ran = cli(*command.split())
    assert (ran.code, ran.out) == (0, "")
    assert empty in ran.err


@pytest.mark.parametrize(
    ("command", "method", "path", "body"),
    [
        (
            f"numbers edit {NUMBER} --name Main",
            "PATCH",
            AT_NUMBER,
            {"name": "Main"},
        ),
        (f"numbers move {NUMBER} c1", "POST", f"{AT_NUMBER}/move", {"connection_id": "c1"}),
        (f"numbers assign {NUMBER} sales", "PUT", f"{AT_NUMBER}/agent", {"agent_id": "sales"}),
        (f"numbers remove {NUMBER} --yes", "DELETE", AT_NUMBER, {}),
        ("connections update c1 --name B", "PATCH", f"{PREFIX}/connections/c1", {"name": "B"}),
        (
            "connections disconnect c1 --yes",
            "POST",
            f"{PREFIX}/connections/c1/disconnect",
            {"confirm": True},
        ),
        (
            "connections reconnect c1 --set connection_string=new",
            "POST",
            f"{PREFIX}/connections/c1/reconnect",
            {"parameters": {"connection_string": "new"}},
        ),
        (
            "connections update c1 --set connection_string=new",
            "PUT",
            f"{PREFIX}/connections/c1/credentials",
            {"parameters": {"connection_string": "new"}},
        ),
        (
            "connections rotate c1 --set secondary_connection_string=new",
            "POST",
            f"{PREFIX}/connections/c1/rotate",
            {"parameter": "secondary_connection_string", "value": "new"},
        ),
        (
            "agents update front-desk --name B",
            "PATCH",
            f"{PREFIX}/agents/front-desk",
            {"name": "B"},
        ),
        ("agents deactivate front-desk", "PATCH", f"{PREFIX}/agents/front-desk", {"active": False}),
        ("agents activate front-desk", "PATCH", f"{PREFIX}/agents/front-desk", {"active": True}),
        ("tenants update acme --feature a --feature b", "PATCH", PREFIX, {"features": ["a", "b"]}),
    ],
)
def test_an_update_changes_the_version_that_was_read_just_before(
    cli: Cli, command: str, method: str, path: str, body: dict[str, object]
) -> None:
    ran = cli(*command.split(), "--json")
    assert ran.code == 0, ran.err
    asked = cli.api.asked[-1]
    assert (asked.method, asked.path, asked.body) == (method, path, body)
    version = ran.json["version"]
    assert asked.headers["if-match"] == f'"{version - 1}"'


@pytest.mark.parametrize(
    ("command", "path", "body"),
    [
        (
            "agents create sales --name Sales --kind personal_assistant --employee Jane",
            f"{PREFIX}/agents",
            {"id": "sales", "name": "Sales", "kind": "personal_assistant", "employee": "Jane"},
        ),
        ("agents password front-desk", f"{PREFIX}/agents/front-desk/bus-user", {}),
        ("keys make CI --role approver", f"{PREFIX}/keys", {"name": "CI", "role": "approver"}),
        ("keys make Ops --operators", "/api/v1/keys", {"name": "Ops"}),
        (
            "tenants create globex --name Globex --feature custom.acs_sms",
            "/api/v1/tenants",
            {"id": "globex", "name": "Globex", "features": ["custom.acs_sms"]},
        ),
        (
            "tenants accept-opt-out --yes",
            f"{PREFIX}/opt-out-acceptance",
            {"accepted": True},
        ),
        (
            "numbers add c1 86753 --type short_code --agent front-desk --owner a --owner b",
            f"{PREFIX}/connections/c1/numbers",
            {
                "address": "86753",
                "type": "short_code",
                "agent_id": "front-desk",
                "owners": ["a", "b"],
            },
        ),
        ("approvals approve m2", f"{PREFIX}/approvals/m2/approve", {}),
        (
            "approvals approve m2 --text Later!",
            f"{PREFIX}/approvals/m2/approve",
            {"body": "Later!"},
        ),
        ("approvals reject m2 --reason No", f"{PREFIX}/approvals/m2/reject", {"reason": "No"}),
    ],
)
def test_a_command_sends_what_the_api_describes(
    cli: Cli, command: str, path: str, body: dict[str, object]
) -> None:
    ran = cli(*command.split())
    assert ran.code == 0, ran.err
    asked = cli.api.asked[-1]
    assert (asked.method, asked.path, asked.body) == ("POST", path, body)


def test_what_is_shown_once_is_shown(cli: Cli) -> None:
    assert "hg_new_made-up" in cli("keys", "make", "CI").out
    assert "bus-made-up" in cli("agents", "create", "sales", "--name", "Sales").out
    assert cli("agents", "password", "front-desk", "--json").json["bus_password"] == "new"


def test_a_key_can_end_at_an_instant(cli: Cli) -> None:
    assert cli("keys", "make", "CI", "--expires", "2026-06-01").code == 0
    assert cli.api.asked[-1].body == {
        "name": "CI",
        "role": "viewer",
        "expires_at": "2026-06-01T00:00:00Z",
    }


def test_a_revoked_key_is_told(cli: Cli) -> None:
    ran = cli("keys", "revoke", "k9")
    assert ran.code == 0
    assert "k9 is good no longer" in ran.err
    assert cli.api.asked[-1].path == f"{PREFIX}/keys/k9"


def test_new_words_can_come_from_stdin(cli: Cli) -> None:
    assert cli("approvals", "approve", "m2", "--text", "-", piped="At nine.\n").code == 0
    assert cli.api.asked[-1].body == {"body": "At nine."}


def test_an_approval_with_no_words_at_all_is_not_sent(cli: Cli) -> None:
    assert cli("approvals", "approve", "m2", "--text", " ").code == 2
    assert not cli.api.asked


class TestGate:
    def test_it_opens_only_after_a_yes_to_what_it_costs(self, cli: Cli) -> None:
        ran = cli("gate", "on", NUMBER, typed="y\n")
        assert ran.code == 0
        for word in ("front-desk", NUMBER, "no person reads them first", "costs money"):
            assert word in ran.err
        assert cli.api.asked[-1].body == {"on": True, "confirm": True}
        assert "if-match" not in cli.api.asked[-1].headers

    @pytest.mark.parametrize("answer", ["n\n", "\n", "yeah\n"])
    def test_it_stays_shut_after_any_other_word(self, cli: Cli, answer: str) -> None:
        ran = cli("gate", "on", NUMBER, typed=answer)
        assert (ran.code, ran.out) == (1, "")
        assert cli.api.kept["numbers", NUMBER]["gate_on"] is False
        assert {asked.method for asked in cli.api.asked} == {"GET"}

    def test_it_stays_shut_where_nobody_can_be_asked(self, cli: Cli) -> None:
        ran = cli("gate", "on", NUMBER, piped="y\n")
        assert ran.code == 2
        assert "--yes" in ran.err
        assert {asked.method for asked in cli.api.asked} == {"GET"}

    def test_it_shuts_without_a_question(self, cli: Cli) -> None:
        cli.api.keep("numbers", NUMBER, gate_on=True)
        assert cli("gate", "off", NUMBER, "--json").json["gate_on"] is False


class TestConnect:
    def test_everything_can_be_said_by_options(self, cli: Cli, tmp_path: Path) -> None:
        secret = tmp_path / "connection-string"
        secret.write_text(CONNECTION_STRING + "\n")
        options = f"--provider acs --name Main --set-file connection_string={secret}".split()
        number = f"--number {NUMBER} --type toll_free --agent front-desk".split()
        ran = cli("connect", *options, *number, "--accept-opt-out", "--json")
        assert ran.code == 0, ran.err
        assert cli.api.asked[-1].body == {
            "provider": "acs",
            "name": "Main",
            "parameters": {"connection_string": CONNECTION_STRING},
            "numbers": [{"address": NUMBER, "type": "toll_free", "agent_id": "front-desk"}],
            "accept_opt_out": True,
        }

    def test_everything_can_be_asked_and_no_secret_is_shown(self, cli: Cli) -> None:
        cli.secrets = [CONNECTION_STRING, ""]
        typed = f"1\nMain\n{NUMBER}\ntoll_free\n1\ny\n"
        ran = cli("connect", typed=typed)
        assert ran.code == 0, ran.err
        assert cli.api.asked[-1].body == {
            "provider": "acs",
            "name": "Main",
            "parameters": {"connection_string": CONNECTION_STRING},
            "numbers": [{"address": NUMBER, "type": "toll_free", "agent_id": "front-desk"}],
            "accept_opt_out": True,
        }
        assert len(cli.prompts) == 2
        assert "accesskey" not in ran.out + ran.err
        assert "/api/webhooks/acs/sms" in ran.out
        assert "vibes" not in ran.err  # This release cannot speak to it.

    def test_the_rules_on_opt_outs_are_accepted_once(self, cli: Cli) -> None:
        cli.api.keep("tenants", "acme", opt_out_accepted_at="2026-03-01T12:00:00Z")
        ran = cli("connect", "--provider", "acs", "--set", "connection_string=x", typed="Main\n\n")
        assert ran.code == 0, ran.err
        assert "STOP" not in ran.err
        assert "accept_opt_out" not in (cli.api.asked[-1].body or {})

    def test_a_secret_on_the_command_line_is_warned_of_and_not_repeated(self, cli: Cli) -> None:
        options = ["--provider", "acs", "--name", "Main", "--set"]
        ran = cli("connect", *options, f"connection_string={CONNECTION_STRING}")
        assert ran.code == 0
        assert "--set-file connection_string=-" in ran.err
        assert "accesskey" not in ran.err + ran.out

    def test_what_is_missing_is_named_by_its_option(self, cli: Cli) -> None:
        ran = cli("connect", "--provider", "acs", "--name", "Main")
        assert ran.code == 2
        assert "--set-file connection_string=PATH" in ran.err

    def test_an_unknown_provider_is_told_the_known_ones(self, cli: Cli) -> None:
        ran = cli("connect", "--provider", "pigeon")
        assert ran.code == 2
        assert "There are acs, vibes." in ran.err

    def test_a_secret_can_come_from_stdin(self, cli: Cli) -> None:
        options = ["--provider", "acs", "--name", "Main", "--set-file", "connection_string=-"]
        assert cli("connect", *options, piped=f"{CONNECTION_STRING}\n").code == 0
        parameters = (cli.api.asked[-1].body or {})["parameters"]
        assert parameters == {"connection_string": CONNECTION_STRING}


def test_one_of_a_pair_of_secrets_is_rotated_without_being_shown(cli: Cli) -> None:
    cli.secrets = [CONNECTION_STRING]
    ran = cli("connections", "rotate", "c1", typed="2\n")
    assert ran.code == 0, ran.err
    assert cli.api.asked[-1].body == {
        "parameter": "secondary_connection_string",
        "value": CONNECTION_STRING,
    }
    assert "accesskey" not in ran.out + ran.err


def test_a_check_that_fails_ends_with_1(cli: Cli) -> None:
    cli.api.keep("connections", "c1", status="error", error="The key was refused.")
    ran = cli("check", "c1")
    assert ran.code == 1
    assert "The key was refused." in ran.out


def test_a_search_sends_its_filters(cli: Cli) -> None:
    filters = f"--number {NUMBER} --remote {REMOTE} --direction inbound --since 2026-03-01"
    assert cli("messages", "search", *filters.split()).code == 0
    assert dict(cli.api.asked[-1].query) == {
        "limit": "50",
        "number": NUMBER,
        "remote": REMOTE,
        "direction": "INBOUND",
        "since": "2026-03-01T00:00:00Z",
    }


def test_a_disconnect_is_of_the_version_that_the_question_was_about(cli: Cli) -> None:
    before = cli.api.kept["connections", "c1"]["version"]
    ran = cli("connections", "disconnect", "c1", typed="y\n")
    assert ran.code == 0
    assert "Main line" in ran.err
    assert cli.api.asked[-1].headers["if-match"] == f'"{before}"'


def test_a_refusal_of_a_change_is_told_with_its_remedy(cli: Cli) -> None:
    cli.api.refusals.append(Refusal(409, "number_taken", "The number is connected.", "Move it."))
    ran = cli("numbers", "add", "c1", NUMBER, "--type", "local", "--agent", "front-desk")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "heliograph: The number is connected.\nMove it.\n"
