"""The images: the Dockerfile's rules with a broken copy for each, and the four themselves."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from image_cases import BROKEN

from deploy.checks.images import __main__ as check
from deploy.checks.images import building, contents, linting, rules, stand_in, trying, wheels
from deploy.checks.images.dockerfile import NotADockerfile, parse
from deploy.checks.images.living import Container, DidNotLive
from local.configuration import SERVICES
from local.nodes import MongoNode, RabbitNode
from tests.deploy.continuous import give_up

TEXT = rules.DOCKERFILE.read_text(encoding="utf-8")
DEAF = {"Entrypoint": ["sh", "-c", "trap '' TERM; while :; do :; done"]}
IGNORED = rules.IGNORE.read_text(encoding="utf-8")


def broken(name: str) -> str:
    old, new, _ = BROKEN[name]
    assert old in TEXT, "the broken copy would be a whole one"
    return TEXT.replace(old, new)


def test_hadolint_and_our_rules_find_nothing() -> None:
    assert check.text_findings() == []


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_copy_fails_with_its_finding(name: str) -> None:
    found = rules.findings(broken(name))
    assert any(BROKEN[name][2] in line for line in found), found


def test_every_rule_has_a_copy_that_breaks_it() -> None:
    whole = [parse(broken(name)) for name in BROKEN if name != "a missing target"]
    silent = {rule.__name__ for rule in rules.RULES if not any([*rule(each)] for each in whole)}
    assert not silent


def test_hadolint_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("FROM python:latest\nRUN cd /tmp\n", encoding="utf-8")
    assert any("DL3007" in line for line in linting.findings(file))


@pytest.mark.parametrize("text", ["", "USER 1\n", "FROM a AS\n", "FROM a AS b\nRUN x \\\n"])
def test_what_is_no_dockerfile_is_a_finding(text: str) -> None:
    with pytest.raises(NotADockerfile):
        parse(text)
    (finding,) = rules.findings(text)
    assert finding.startswith("Dockerfile: ")


@pytest.mark.parametrize(
    "text", ["", "!services\n", IGNORED + "!tests\n", IGNORED + "!.\n", IGNORED + "!.git\n"]
)
def test_a_context_that_lets_more_in_is_a_finding(text: str) -> None:
    assert rules.ignore_findings(text)


def test_where_images_cannot_be_built_the_reason_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "need root" in (building.obstacle() or "") or "is missing" in (building.obstacle() or "")
    monkeypatch.setattr(building, "TOOLS", ("no-such-builder",))
    assert "no-such-builder is missing" in (building.obstacle() or "")
    assert check.main([]) == 0
    assert capsys.readouterr().out.startswith("SKIPPED: no images are built here: no-such-builder")


def test_the_stand_in_comes_from_where_this_machine_has_its_packages() -> None:
    known = """\
Debian|bookworm|main|http://mirror.example.org/debian/
Debian|bookworm|contrib|http://contrib.example.org/debian/
Debian|trixie|main|http://newer.example.org/debian/
Somebody|bookworm|main|http://other.example.org/
"""
    assert stand_in.mirrors(known) == ["http://mirror.example.org/debian/"]
    assert stand_in.mirrors("") == []


def test_wheels_are_those_of_the_images_python(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[tuple[str, ...]] = []
    monkeypatch.setattr(wheels, "tell", lambda *words: told.append(words))
    wheels.provide(tmp_path)
    assert told
    for words in told:
        assert words[words.index("--python-version") + 1] == stand_in.PYTHON
        assert words[words.index("--implementation") + 1] == "cp"


def test_the_base_has_the_python_that_wheels_are_for() -> None:
    assert f"ARG PYTHON_IMAGE=python:{stand_in.PYTHON}-" in TEXT


@pytest.fixture(scope="session")
def workshop() -> Iterator[trying.Workshop]:
    obstacle = building.obstacle()
    if obstacle:
        give_up(obstacle, could_be_had=bool(building.missing_tools()))
    with contextlib.closing(trying.Workshop(check.FOLDER)) as made:
        yield made


@pytest.fixture(scope="session")
def images(workshop: trying.Workshop) -> Iterator[dict[str, trying.Image]]:
    with workshop.images() as built:
        yield built


@pytest.mark.timeout(900)  # Four builds, beside two other workers.
def test_each_image_holds_what_its_service_needs_and_no_more(
    images: dict[str, trying.Image],
) -> None:
    assert [*images] == [*SERVICES]
    assert trying.looked_into(images) == []


@pytest.mark.timeout(900)
def test_each_image_starts_confined_is_ready_and_ends_at_sigterm(
    images: dict[str, trying.Image], rabbit: RabbitNode, mongo: MongoNode
) -> None:
    assert trying.started(images, rabbit.url, mongo.uri) == []


@pytest.mark.timeout(900)
def test_two_builds_of_one_revision_give_the_same_files(
    workshop: trying.Workshop, images: dict[str, trying.Image]
) -> None:
    assert workshop.built_again(images[trying.REPEATED]) == []


@pytest.mark.timeout(900)
def test_nobody_can_install_or_write_in_an_image(images: dict[str, trying.Image]) -> None:
    image = images["webhook"]
    for program in ("import pip", "open('/app/x', 'w')", "open('/x', 'w')"):
        configuration = {**image.configuration, "Entrypoint": ["python", "-c", program]}
        with Container(image.tree, configuration, trying.own_ports("webhook")) as container:
            assert container.ended() == 1, container.last_words()
    configuration = {**image.configuration, "Entrypoint": ["python", "-c", "open('/tmp/x', 'w')"]}
    with Container(image.tree, configuration, trying.own_ports("webhook")) as container:
        assert container.ended() == 0, container.last_words()


@pytest.mark.timeout(900)
def test_an_image_that_lacks_a_setting_or_is_deaf_is_a_finding(
    images: dict[str, trying.Image],
) -> None:
    sender = images["sender"]
    with Container(sender.tree, sender.configuration, trying.own_ports("sender")) as container:
        assert container.ended() == 78
        with pytest.raises(DidNotLive, match="HELIOGRAPH_MASTER_KEY"):
            container.answers("/livez")
    deaf = {**sender.configuration, **DEAF}
    with (
        Container(sender.tree, deaf, trying.own_ports("sender")) as container,
        pytest.raises(DidNotLive, match="SIGTERM did not end it"),
    ):
        container.stop(0.5)
    assert not psutil.pid_exists(container.pid)


@pytest.mark.timeout(900)
def test_what_does_not_belong_in_an_image_is_found(
    images: dict[str, trying.Image], tmp_path: Path
) -> None:
    image, tree = images["webhook"], tmp_path / "tree"
    for folder in contents.OURS:
        shutil.copytree(image.tree / folder, tree / folder, symlinks=True)
    assert contents.findings("webhook", tree, image.configuration) == []
    (tree / "app" / "sender").mkdir()
    (tree / "app" / "webhook" / "late.py").touch()
    (tree / "app" / "webhook" / "tests").mkdir()
    (tree / "usr" / "bin").mkdir(parents=True)
    (tree / "usr" / "bin" / "gcc-12").touch()
    (packages,) = (tree / contents.ENVIRONMENT).glob("lib/python*/site-packages")
    (packages / "pip").mkdir()
    (packages / "rich-13.9.4.dist-info").mkdir()
    shutil.rmtree(next(packages.glob("motor-*.dist-info")))
    found = "\n".join(contents.findings("webhook", tree, {**image.configuration, "User": ""}))
    for words in (
        "runs as root",
        "its code is common, heliograph, sender, webhook",
        "late.py is not compiled",
        "has app/webhook/tests",
        "the program /usr/bin/gcc-12",
        "site-packages/pip",
        "rich is in no lock file of it",
        "motor is missing",
    ):
        assert words in found


def test_a_build_without_the_consoles_scripts_stops(tmp_path: Path) -> None:
    seal = (rules.ROOT / "deploy" / "image" / "seal.py").read_text(encoding="utf-8")
    console = tmp_path / "health" / "console"
    (console / "vendor").mkdir(parents=True)
    (console / "vendor" / "package-lock.json").write_text("{}", encoding="utf-8")
    program = tmp_path / "seal.py"
    program.write_text(seal.replace('Path("/app")', f'Path("{tmp_path}")'), encoding="utf-8")
    done = subprocess.run([sys.executable, program], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "run `make console-scripts`" in done.stderr


def test_what_the_local_image_runs_needs_no_more_than_it_has() -> None:
    """It stands on that of the health service, and the context leaves some of the code out."""
    absent = ("rich", "typer", "fiftyone", "local.nodes", "heliograph.cli", "common.store.memory")
    program = f"""
import sys
sys.modules.update(dict.fromkeys({absent}))
import local.demo, local.relay, local.simulator.__main__
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
