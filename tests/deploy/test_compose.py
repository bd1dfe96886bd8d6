"""The Compose project passes its check, and each broken copy of it fails with its own finding."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.checks.compose import __main__ as check
from deploy.checks.compose import rendering, rules
from deploy.compose import make_secrets
from local.house import SERVICES
from tests.deploy.compose_cases import WIRING

TEXT = rendering.FILE.read_text(encoding="utf-8")

BROKEN = WIRING | {
    "no tag": ("image: mongo:7.0", "image: mongo", "mongodb: the image mongo has no tag"),
    "latest": (
        "image: rabbitmq:4.1-management",
        "image: rabbitmq:latest",
        "rabbitmq: the image rabbitmq:latest has no tag that stays.",
    ),
    "another service's image": (
        "image: heliograph/sender:",
        "image: heliograph/processor:",
        "sender: its image heliograph/processor is not built from a target of that name.",
    ),
    "a misspelt variable": (
        "HELIOGRAPH_GRACE_PERIOD:",
        "HELIOGRAPH_GRACE_PERIODS:",
        "webhook: HELIOGRAPH_GRACE_PERIODS is no setting of it.",
    ),
    "another service's setting": (
        "HELIOGRAPH_GRACE_PERIOD:",
        "HELIOGRAPH_SENDER_LANES:",
        "processor: HELIOGRAPH_SENDER_LANES is no setting of it.",
    ),
    "a required setting is missing": (
        "  HELIOGRAPH_MASTER_KEY_FILE: /run/secrets/master_key\n",
        "",
        "sender: HELIOGRAPH_MASTER_KEY is required and not set.",
    ),
    "a secret in the environment": (
        "HELIOGRAPH_MASTER_KEY_FILE: /run/secrets/master_key",
        "HELIOGRAPH_MASTER_KEY: a2V5",
        "sender: HELIOGRAPH_MASTER_KEY is a secret and no file.",
    ),
    "an unusable value": (
        'HELIOGRAPH_GRACE_PERIOD: "25"',
        'HELIOGRAPH_GRACE_PERIOD: "0"',
        "webhook: HELIOGRAPH_GRACE_PERIOD: Input should be greater than 0.",
    ),
    "a secret of another name": (
        "./secrets/master_key}",
        "./secrets/main_key}",
        "the secret file main_key is not both made and used.",
    ),
    "a secret that is not granted": (
        "secrets: [rabbitmq_url, mongodb_uri, master_key]\n",
        "secrets: [rabbitmq_url, mongodb_uri]\n",
        "sender: reads, and is not given, the secret master_key.",
    ),
    "a secret too many": (
        "secrets: [rabbitmq_url, mongodb_uri]\n",
        "secrets: [rabbitmq_url, mongodb_uri, master_key]\n",
        "processor: is given, and does not read, the secret master_key.",
    ),
    "a port where nobody listens": (
        "127.0.0.1:8081}:8081",
        "127.0.0.1:8081}:8080",
        "health: publishes 8080, where it does not listen.",
    ),
    "published to everybody": (
        "${WEBHOOK_PUBLISHED:-127.0.0.1:8080}:8080",
        "${WEBHOOK_PUBLISHED:-8080}:8080",
        "webhook: publishes 8080 to other machines by default.",
    ),
    "a root that can be written": (
        "  read_only: true\n",
        "",
        "webhook: lacks a read-only root.",
    ),
    "capabilities": ("\n  cap_drop: [ALL]\n", "\n", "webhook: lacks cap_drop ALL."),
    "new privileges": (
        '\n  security_opt: ["no-new-privileges:true"]\n',
        "\n",
        "webhook: lacks no-new-privileges.",
    ),
    "root": ('  user: "10001:10001"\n', "", "webhook: lacks the user 10001:10001."),
    "no place to write": (
        '  tmpfs: ["/tmp:size=64m,mode=1777"]\n',
        "",
        "webhook: lacks a tmpfs on /tmp.",
    ),
    "memory without a limit": (
        "    mem_limit: 384m\n\n  sender:",
        "\n  sender:",
        "processor: lacks a memory limit.",
    ),
    "a host's network": (
        'network_mode: "service:sender"',
        "network_mode: host",
        "simulator-at-sender: lacks walls.",
    ),
    "an impatient engine": (
        "stop_grace_period: 35s",
        "stop_grace_period: 20s",
        "webhook: is killed after 20 s, and drains for up to 25 s.",
    ),
    "nobody waits for the preparation": (
        "    prepare: {condition: service_completed_successfully}\n",
        "",
        "webhook: does not wait until prepare is service_completed_successfully.",
    ),
    "a server that need not be healthy": (
        "    mongodb: {condition: service_healthy}\n    prepare",
        "    mongodb: {condition: service_started}\n    prepare",
        "webhook: does not wait until mongodb is service_healthy.",
    ),
    "preparing for ever": ('    restart: "no"\n', "", "prepare: is started again when it is done."),
    "a file that is not there": (
        "./rabbitmq/enabled_plugins",
        "./rabbitmq/plugins",
        "plugins: is mounted and not there.",
    ),
    "nothing to be scraped": (
        "./observe/prometheus.yml",
        "./observe/dashboards.yaml",
        "prometheus: does not ask webhook:9090 as webhook.",
    ),
    "another number": (
        "--number=+18005550100",
        "--number=+18005550109",
        "simulator: is started without --number=+18005550100.",
    ),
    "a relay that leads elsewhere": (
        "--to=simulator:8500",
        "--to=simulator:8501",
        "sender: finds no simulator on its loopback.",
    ),
}

REFUSED = {
    "a misspelt key": ("    mem_limit: 256m", "    memory_limit: 256m"),
    "a missing service": ("rabbitmq: {condition: service_healthy}", "rabbit: {condition: x}"),
    "an unset variable": ("${TAG:-0.1.0}", "${TAG:?must be set}"),
    "a variable without a default": ("${TAG:-0.1.0}", "${TAG}"),
}


def copy(tmp_path: Path, old: str, new: str) -> Path:
    assert old in TEXT, "the broken copy would be a whole one"
    file = tmp_path / "compose.yaml"
    file.write_text(TEXT.replace(old, new), encoding="utf-8")
    return file


def test_compose_itself_and_our_rules_find_nothing() -> None:
    assert rendering.profiles(rendering.FILE) == ["demo", "observe"]
    assert check.findings(rendering.FILE) == []


@pytest.fixture(scope="session")
def broken(tmp_path_factory: pytest.TempPathFactory) -> dict[str, rendering.Project]:
    """Each broken copy, as Compose reads it."""
    return {
        name: rendering.rendered(copy(tmp_path_factory.mktemp("copy"), old, new))
        for name, (old, new, _) in BROKEN.items()
    }


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_copy_fails_with_its_finding(
    name: str, broken: dict[str, rendering.Project]
) -> None:
    finding = BROKEN[name][2]
    found = rules.findings(broken[name])
    assert any(line.startswith(finding) for line in found), found


@pytest.mark.parametrize("name", REFUSED)
def test_what_compose_refuses_is_a_finding(name: str, tmp_path: Path) -> None:
    assert check.findings(copy(tmp_path, *REFUSED[name]))


def test_every_rule_has_a_copy_that_breaks_it(broken: dict[str, rendering.Project]) -> None:
    silent = {
        rule.__name__ for rule in rules.RULES if not any([*rule(each)] for each in broken.values())
    }
    assert not silent


def test_a_missing_service_is_a_finding() -> None:
    project = dict(rendering.rendered(rendering.FILE))
    services = {name: each for name, each in project["services"].items() if name != "sender"}
    assert rules.findings({**project, "services": services}) == ["there is no service sender."]


def test_a_collector_that_env_names_is_given_to_each_service(tmp_path: Path) -> None:
    chosen = copy(tmp_path, "${OTLP_ENDPOINT:-}", "http://collector:4318")
    for name in SERVICES:
        of = {path: rendering.rendered(path)["services"][name] for path in (rendering.FILE, chosen)}
        given = [each["environment"]["HELIOGRAPH_OTLP_ENDPOINT"] for each in of.values()]
        assert given == ["", "http://collector:4318"], name


def test_the_program_says_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert check.main() == 0
    assert capsys.readouterr().out == "compose: in order\n"
    assert check.main(copy(tmp_path, "image: mongo:7.0", "image: mongo")) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "compose: 1 findings"


def test_secrets_are_made_once_in_a_closed_folder(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    command = [sys.executable, make_secrets.__file__, "--folder", str(folder)]
    subprocess.run(command, check=True, capture_output=True, umask=0o077)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o444}
    subprocess.run(command, check=True, capture_output=True)
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    (folder / "rabbitmq_url").unlink()
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "bring them back, or remove these too" in done.stderr


def test_git_ignores_the_secrets_and_the_machines_own_values() -> None:
    ignored = (rendering.ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"deploy/compose/secrets/", "deploy/compose/.env"} <= set(ignored)


def test_the_example_shows_each_variable_with_its_default() -> None:
    shown = (rendering.FOLDER / ".env.example").read_text(encoding="utf-8")
    values = [line.removeprefix("#") for line in shown.splitlines() if line[:2] != "# "]
    for line in filter(None, values):
        name, _, default = line.partition("=")
        assert f"${{{name}:-{default}}}" in TEXT, line
    used = {part.partition(":-")[0] for part in TEXT.split("${")[1:]}
    assert used == {line.partition("=")[0] for line in filter(None, values)}
