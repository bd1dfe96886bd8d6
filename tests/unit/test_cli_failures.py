"""How commands fail: the exit code, and what happened and what to do in two lines on stderr."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from heliograph.cli.app import run
from heliograph.cli.world import World
from tests.unit.cli_stand_in import NUMBER, Refusal
from tests.unit.cli_world import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path)


@pytest.mark.parametrize(
    ("status", "code", "ends_with"),
    [
        (400, "bad_request", 1),
        (401, "unauthenticated", 3),
        (403, "forbidden", 1),
        (404, "not_found", 1),
        (409, "number_taken", 1),
        (412, "stale", 5),
        (422, "invalid", 1),
        (428, "version_required", 1),
        (429, "throttled", 1),
        (500, "internal", 1),
        (503, "unavailable", 4),
    ],
)
def test_a_refusal_ends_with_its_code_and_two_lines(
    cli: Cli, status: int, code: str, ends_with: int
) -> None:
    cli.api.refusals.append(Refusal(status, code, "It cannot be.", "Do something else."))
    ran = cli("gate", "off", NUMBER)
    assert (ran.code, ran.out) == (ends_with, "")
    assert ran.err.startswith("heliograph: It cannot be.\n")
    assert len(ran.err.splitlines()) == 2


def test_somebody_who_was_faster_is_told_as_stale(cli: Cli) -> None:
    cli.api.refusals.append(Refusal(412, "stale", "It was changed in the meantime."))
    assert cli("numbers", "edit", NUMBER, "--name", "Main").code == 5


def test_a_throttled_request_says_when_to_try_again(cli: Cli) -> None:
    cli.api.refusals.append(
        Refusal(429, "throttled", "Too many tries.", "Wait.", {"Retry-After": "12"})
    )
    assert "Wait. (Retry after 12 s.)" in cli("gate", "off", NUMBER).err


def answered_with(response: httpx.Response) -> tuple[int, str]:
    err = io.StringIO()
    world = World(
        environment={"HELIOGRAPH_URL": "http://api.test", "HELIOGRAPH_API_KEY": "hg_x"},
        stdin=io.StringIO(),
        stdout=io.StringIO(),
        stderr=err,
        transport=httpx.MockTransport(lambda _: response),
    )
    return run(["whoami"], world), err.getvalue()


@pytest.mark.parametrize(
    ("response", "ends_with", "says"),
    [
        (httpx.Response(200, text="<html>Welcome!</html>"), 1, "not answer as Heliograph"),
        (httpx.Response(200, json=["no", "object"]), 1, "not answer as Heliograph"),
        (httpx.Response(404, text="no such page"), 1, "not as Heliograph"),
        (httpx.Response(502, text="bad gateway"), 4, "502"),
        (httpx.Response(302, headers={"Location": "http://evil.test"}), 1, "http://evil.test"),
        (httpx.Response(401, text="who are you?"), 3, "401"),
    ],
)
def test_another_server_than_ours_is_recognised(
    response: httpx.Response, ends_with: int, says: str
) -> None:
    code, err = answered_with(response)
    assert (code, len(err.splitlines()) <= 2) == (ends_with, True)
    assert says in err


def test_nobody_at_the_address_ends_with_4() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        message = "connection refused"
        raise httpx.ConnectError(message)

    err = io.StringIO()
    world = World(
        environment={"HELIOGRAPH_URL": "http://api.test", "HELIOGRAPH_API_KEY": "hg_x"},
        stdin=io.StringIO(),
        stdout=io.StringIO(),
        stderr=err,
        transport=httpx.MockTransport(refuse),
    )
    assert run(["whoami"], world) == 4
    assert "http://api.test cannot be reached: connection refused." in err.getvalue()


@pytest.mark.parametrize(
    "arguments",
    [
        ["gate", "onn", NUMBER],
        ["gate", "on"],
        ["approvals", "reject", "m2"],
        ["connections", "list", "--limit", "0"],
        ["connections", "show", ".."],
        ["connections", "show", ""],
        ["connections", "update", "c1"],
        ["numbers", "edit", NUMBER],
        ["agents", "update", "front-desk"],
        ["tenants", "update", "acme"],
        ["messages", "search", "--since", "yesterday"],
        ["connect", "--provider", "acs", "--name", "x", "--set", "no-value"],
        ["connect", "--provider", "acs", "--name", "x", "--set-file", "connection_string=/none"],
    ],
)
def test_a_wrong_command_line_ends_with_2_and_changes_nothing(
    cli: Cli, arguments: list[str]
) -> None:
    ran = cli(*arguments)
    assert ran.code == 2
    assert all(asked.method == "GET" for asked in cli.api.asked)


def test_an_id_is_one_step_of_a_path_whatever_is_in_it(cli: Cli) -> None:
    cli("connections", "show", "a/../../b?c#d")
    assert cli.api.asked[-1].path == "/api/v1/tenants/acme/connections/a%2F..%2F..%2Fb%3Fc%23d"


def test_the_library_does_not_need_what_the_command_line_needs() -> None:
    code = "import sys, heliograph; sys.exit(bool({'typer', 'rich', 'httpx'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("missing", ["typer", "rich", "httpx"])
def test_a_missing_extra_is_told_in_one_line(missing: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from heliograph.cli import main; "
        "sys.argv = ['heliograph', 'whoami']; main()"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert ran.returncode == 1
    assert ran.stderr == (
        "The command line is an extra of its own: pip install 'heliograph[cli]'\n"
    )
