"""Creating the environment: what is skipped, what is said. Nothing is installed here."""

from __future__ import annotations

import ast
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from local import bootstrap

Answer = tuple[int, str]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of three files, and a machine where RabbitMQ is installed."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "local.txt").write_text("a==1\n")
    (tmp_path / "requirements" / "dev.txt").write_text("a==1\nb==2\n")
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "LOG", tmp_path / ".local" / "bootstrap.log")
    monkeypatch.setattr(bootstrap, "POLICY", tmp_path / "policy-rc.d")
    monkeypatch.setattr(bootstrap, "rabbitmq_is_missing", lambda _: False)
    monkeypatch.setattr(bootstrap, "chromium_is_missing", lambda _: False)
    monkeypatch.setattr(bootstrap, "IMAGE_TOOLS", {})
    bootstrap.package_lists.cache_clear()
    scripts = tmp_path / "console"
    (scripts / "vendor").mkdir(parents=True)
    (scripts / "vendor" / "package-lock.json").write_text("{}")
    (scripts / "static" / "vendor").mkdir(parents=True)
    (scripts / "static" / "vendor" / "stamp").write_text(hashlib.sha256(b"{}").hexdigest())
    monkeypatch.setattr(bootstrap, "SCRIPTS", scripts)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return tmp_path


class Machine:
    """Stands in for `subprocess.run`: notes each command, and answers by the words in it."""

    def __init__(self) -> None:
        self.commands: list[str] = []
        self.answers: dict[str, Answer] = {}

    def __call__(self, command: Sequence[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        line = " ".join(command)
        self.commands.append(line)
        if "-m venv" in line:
            (Path(command[-1]) / "bin").mkdir(parents=True, exist_ok=True)
            (Path(command[-1]) / "bin" / "python").touch()
        if "import sys, pip" in line and not Path(command[0]).exists():
            raise FileNotFoundError(command[0])
        if "import sys, pip" in line:
            version = "{} {}".format(*sys.version_info[:2])
            return subprocess.CompletedProcess(command, 0, version.encode())
        code, output = next((a for words, a in self.answers.items() if words in line), (0, ""))
        return subprocess.CompletedProcess(command, code, output.encode())


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    fake = Machine()
    monkeypatch.setattr("subprocess.run", fake)
    return fake


@pytest.fixture
def start(root: Path, machine: Machine) -> Callable[..., int]:
    def run(purpose: str = "local", *flags: str) -> int:
        machine.commands.clear()
        return bootstrap.main([purpose, "--venv", str(root / "venv"), *flags])

    return run


def test_the_first_start_installs_and_the_second_runs_no_command(
    start: Callable[..., int], machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start() == 0
    assert [("-m venv" in c, "--require-hashes --no-deps -r" in c) for c in machine.commands] == [
        (False, False),
        (True, False),
        (False, True),
        (False, False),
    ]
    assert "--no-deps --no-build-isolation -e" in machine.commands[-1]
    assert capsys.readouterr().out.startswith("Creating the environment … done (0 s)\n")
    assert start() == 0
    assert machine.commands == []
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("changed", ["requirements/local.txt", "pyproject.toml"])
def test_a_changed_file_installs_again_in_the_same_environment(
    start: Callable[..., int], machine: Machine, root: Path, changed: str
) -> None:
    start()
    (root / changed).write_text("changed\n")
    start()
    assert any("pip install" in command for command in machine.commands)
    assert not any("-m venv" in command for command in machine.commands)


def test_dev_serves_as_local_but_local_does_not_serve_as_dev(
    start: Callable[..., int], machine: Machine
) -> None:
    start("local")
    start("dev")
    assert any("requirements/dev.txt" in command for command in machine.commands)
    start("local")
    assert machine.commands == []


def test_a_failed_installation_leaves_no_stamp(
    start: Callable[..., int], machine: Machine, root: Path
) -> None:
    start()
    (root / "pyproject.toml").write_text("changed\n")
    machine.answers["-e"] = (1, "")
    assert start() == 1
    assert not (root / "venv" / bootstrap.STAMP).exists()
    machine.answers.clear()
    assert start() == 0
    assert "local" in json.loads((root / "venv" / bootstrap.STAMP).read_text())


def test_a_stamp_without_its_python_or_with_rubbish_counts_for_nothing(
    start: Callable[..., int], root: Path
) -> None:
    start()
    assert bootstrap.is_current(root / "venv", "local")
    (root / "venv" / bootstrap.STAMP).write_text("{")
    assert not bootstrap.is_current(root / "venv", "local")
    start()
    (root / "venv" / "bin" / "python").unlink()
    assert not bootstrap.is_current(root / "venv", "local")


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            "WARNING: Retrying after connection broken by '[Errno -3] Temporary failure in name'",
            "Cannot reach the Python package index; check the network or the proxy settings",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "A downloaded package does not have the hash in the lock file, so nothing",
        ),
        (
            "Collecting a\nERROR: No matching distribution found for a==1.",
            "failed with exit code 1: ERROR: No matching distribution found for a==1; see",
        ),
    ],
)
def test_a_failing_pip_becomes_one_sentence_with_the_log(
    start: Callable[..., int],
    machine: Machine,
    capsys: pytest.CaptureFixture[str],
    output: str,
    sentence: str,
) -> None:
    machine.answers["-r"] = (1, output)
    assert start() == 1
    printed = capsys.readouterr()
    assert sentence in printed.err
    assert f"see {bootstrap.LOG}." in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out.endswith("failed\n")
    assert output in bootstrap.LOG.read_text()


def test_an_old_python_gets_one_sentence() -> None:
    bootstrap.check_python((3, 11, 0))
    with pytest.raises(bootstrap.OldPython) as error:
        bootstrap.check_python((3, 10, 12))
    assert str(error.value) == "Heliograph needs Python 3.11 or newer; this is 3.10.12."


def test_the_file_is_readable_for_python_3_9() -> None:
    source = Path(bootstrap.__file__).read_text()
    ast.parse(source, feature_version=(3, 9))
    modules = {
        node.module if isinstance(node, ast.ImportFrom) else name.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert {str(module).partition(".")[0] for module in modules} <= sys.stdlib_module_names


def test_rabbitmq_without_root_is_one_sentence_before_anything_is_installed(
    start: Callable[..., int],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bootstrap, "rabbitmq_is_missing", lambda _: True)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert start() == 1
    assert machine.commands == []
    assert capsys.readouterr().err == (
        "RabbitMQ is not installed: run `apt-get install rabbitmq-server` as root, "
        "or set HELIOGRAPH_RABBITMQ_URL to a running server.\n"
    )
    assert start("local", "--no-rabbitmq") == 0


@pytest.fixture
def bare_root_machine(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Root on a Debian without RabbitMQ."""
    monkeypatch.setattr(bootstrap, "rabbitmq_is_missing", lambda _: True)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/apt-get")
    return machine


@pytest.mark.parametrize("earlier", [None, "#!/bin/sh\nexit 0\n", bootstrap.POLICY_TEXT])
def test_root_installs_rabbitmq_while_no_service_may_start(
    start: Callable[..., int],
    bare_root_machine: Machine,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    earlier: str | None,
) -> None:
    policy = root / "policy-rc.d"
    if earlier is not None:
        policy.write_text(earlier)
    seen: list[str] = []

    def run(command: Sequence[str], **how: object) -> subprocess.CompletedProcess[bytes]:
        if "rabbitmq-server" in command:
            seen.append(policy.read_text())
        return bare_root_machine(command, **how)

    monkeypatch.setattr("subprocess.run", run)
    assert start() == 0
    assert seen == [bootstrap.POLICY_TEXT]
    assert bare_root_machine.commands[-2].endswith("update")
    assert bare_root_machine.commands[-1].endswith("--no-install-recommends rabbitmq-server")
    left = policy.read_text() if policy.exists() else None
    assert left == (earlier if earlier != bootstrap.POLICY_TEXT else None)


def test_an_unreachable_debian_archive_is_told_from_the_warnings_of_the_update(
    start: Callable[..., int],
    bare_root_machine: Machine,
    root: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bare_root_machine.answers = {
        "update": (0, "W: Failed to fetch http://x/ Temporary failure resolving 'x'\n"),
        "rabbitmq-server": (100, "E: Unable to locate package rabbitmq-server\n"),
    }
    assert start() == 1
    assert "Cannot reach the Debian package archive; check" in capsys.readouterr().err
    assert not (root / "policy-rc.d").exists()


def test_a_named_server_makes_the_installation_unnecessary(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(bootstrap, "RABBITMQ_LIBRARY", tmp_path)
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert bootstrap.rabbitmq_is_missing({})
    assert not bootstrap.rabbitmq_is_missing({"HELIOGRAPH_RABBITMQ_URL": "amqp://host/"})


def test_a_python_without_venv_is_told_what_to_install(
    start: Callable[..., int],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert start() == 1
    assert "run `apt-get install python3-venv` as root" in capsys.readouterr().err
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/apt-get")
    assert start() == 0
    assert any(command.endswith("python3-venv") for command in machine.commands)


def _without_scripts(monkeypatch: pytest.MonkeyPatch, npm: str | None) -> None:
    (bootstrap.SCRIPTS / "static" / "vendor" / "stamp").unlink()
    monkeypatch.setattr("shutil.which", lambda name: npm if name == "npm" else f"/usr/bin/{name}")


def _npm_installs(machine: Machine) -> None:
    for source in bootstrap.SCRIPT_FILES.values():
        path = bootstrap.SCRIPTS / "vendor" / "node_modules" / source
        path.parent.mkdir(parents=True)
        path.write_text(source)


def test_the_scripts_of_the_console_come_from_the_lock_file_once(
    start: Callable[..., int], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_scripts(monkeypatch, "/usr/bin/npm")
    _npm_installs(machine)
    assert start() == 0
    assert sum("npm ci" in command for command in machine.commands) == 1
    for name, source in bootstrap.SCRIPT_FILES.items():
        assert (bootstrap.SCRIPTS / "static" / "vendor" / name).read_text() == source
    assert start() == 0
    assert machine.commands == []


def test_without_npm_the_local_stage_starts_and_says_what_is_missing(
    start: Callable[..., int],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _without_scripts(monkeypatch, None)
    assert start() == 0
    assert "npm is not installed: the console will work" in capsys.readouterr().out


def test_without_npm_and_root_the_tests_environment_says_what_to_install(
    start: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _without_scripts(monkeypatch, None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert start("dev") == 1
    assert "apt-get install npm" in capsys.readouterr().err


def test_an_altered_script_is_not_installed(
    start: Callable[..., int],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _without_scripts(monkeypatch, "/usr/bin/npm")
    machine.answers["npm ci"] = (1, "npm error code EINTEGRITY")
    assert start() == 1
    assert "does not have the hash" in capsys.readouterr().err
    assert not (bootstrap.SCRIPTS / "static" / "vendor" / "stamp").exists()


@pytest.mark.parametrize("user", [0, 1000])
def test_only_the_tests_environment_wants_a_browser_and_only_root_installs_it(
    start: Callable[..., int],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    user: int,
) -> None:
    monkeypatch.setattr(bootstrap, "chromium_is_missing", lambda _: True)
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    assert start("local") == 0
    assert not any("chromium" in command for command in machine.commands)
    assert start("dev") == (0 if user == 0 else 1)
    assert any("install" in c and "chromium" in c for c in machine.commands) is (user == 0)
    assert ("apt-get install chromium" in capsys.readouterr().err) is (user != 0)


def test_a_named_browser_makes_the_installation_unnecessary() -> None:
    assert not bootstrap.chromium_is_missing({"HELIOGRAPH_CHROMIUM": "/opt/browser"})


@pytest.mark.parametrize("user", [0, 1000])
def test_root_gets_what_builds_images_and_others_do_without(
    start: Callable[..., int], machine: Machine, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    monkeypatch.setattr(bootstrap, "IMAGE_TOOLS", {"no-such-builder": "builder", "sh": "dash"})
    monkeypatch.setattr("os.geteuid", lambda: user)
    monkeypatch.setattr(
        "shutil.which", lambda name: None if "builder" in name else f"/usr/bin/{name}"
    )
    assert start("local") == 0
    assert not any("builder" in command for command in machine.commands)
    assert start("dev") == 0
    installs = [command for command in machine.commands if command.endswith(" builder")]
    assert len(installs) == (1 if user == 0 else 0)


def test_tools_for_images_that_cannot_be_had_stop_nothing(
    start: Callable[..., int],
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(bootstrap, "IMAGE_TOOLS", {"no-such-builder": "builder"})
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(
        "shutil.which", lambda name: None if "builder" in name else f"/usr/bin/{name}"
    )
    machine.answers["install --no-install-recommends builder"] = (100, "E: Unable to locate it")
    assert start("dev") == 0
    assert "No images can be built here: `apt-get" in capsys.readouterr().out


def test_the_scripts_alone_need_no_environment(
    start: Callable[..., int], machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_scripts(monkeypatch, "/usr/bin/npm")
    _npm_installs(machine)
    assert start("scripts") == 0
    assert [command.split()[:2] for command in machine.commands] == [["npm", "ci"]]


def test_package_lists_are_got_once_however_much_is_installed(root: Path, machine: Machine) -> None:
    bootstrap.apt_install("one")
    bootstrap.apt_install("two", "three")
    assert [command.split("=120 ")[1] for command in machine.commands] == [
        "update",
        "install --no-install-recommends one",
        "install --no-install-recommends two three",
    ]
