"""A child of the nursery lives as `python -m` does: environment, log, exit code, signals, end."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local.nodes.nursery import Nursery
from local.nodes.process import KeptProcess, wait_until

SERVER = ("http.server", "0", "--bind", "127.0.0.1")


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery("json.tool", "common.trace")
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def end_of(process: KeptProcess) -> int | None:
    assert wait_until(lambda: not process.alive, timeout=20)
    return process.exit_code


def serving(nursery: Nursery, log: Path) -> KeptProcess:
    process = KeptProcess.born(nursery, SERVER, log=log, env={"PYTHONUNBUFFERED": "1"})
    assert wait_until(lambda: psutil.Process(process.pid).net_connections() != [], timeout=20)
    return process


def test_it_has_the_environment_that_it_was_given_and_writes_to_its_log(
    nursery: Nursery, log: Path
) -> None:
    source = "print(__import__('os').environ)"
    process = KeptProcess.born(
        nursery, ["timeit", "-n1", "-r1", source], log=log, env={"PLACE": "somewhere"}
    )
    assert end_of(process) == 0
    assert "environ({'PLACE': 'somewhere'})" in log.read_text()


def test_its_exit_code_is_told(nursery: Nursery, log: Path) -> None:
    process = KeptProcess.born(nursery, ["json.tool", "no such file"], log=log, env={})
    assert end_of(process) == 2
    assert "no such file" in log.read_text()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGKILL, 137)])
def test_signals_reach_it(nursery: Nursery, log: Path, number: signal.Signals, code: int) -> None:
    process = serving(nursery, log)
    process.signal(number)
    assert end_of(process) == code


def test_killing_it_leaves_nothing(nursery: Nursery, log: Path) -> None:
    process = serving(nursery, log)
    process.kill()
    assert not process.alive
    assert not psutil.pid_exists(process.pid)


def test_it_ends_with_its_keeper(nursery: Nursery, log: Path) -> None:
    process = serving(nursery, log)
    keeper = psutil.Process(process.pid).parent()
    assert keeper is not None
    keeper.kill()
    assert end_of(process) == 137
    assert wait_until(lambda: not psutil.pid_exists(process.pid), timeout=20)


def test_it_outlives_the_nursery_but_not_its_asker(log: Path) -> None:
    short = Nursery()
    process = serving(short, log)
    short.close()
    assert process.alive
    process.kill()
    assert not psutil.pid_exists(process.pid)


def test_two_children_make_different_traces(nursery: Nursery, tmp_path: Path) -> None:
    source = "print(__import__('common.trace').trace.fresh())"
    logs = [tmp_path / name for name in ("one", "two")]
    for path in logs:
        process = KeptProcess.born(nursery, ["timeit", "-n1", "-r1", source], log=path, env={})
        assert end_of(process) == 0
    one, two = (path.read_text().splitlines()[0] for path in logs)
    assert one.startswith("00-")
    assert one != two
