"""What `make alerts-check` says and with which code it ends, where there is no promtool."""

from __future__ import annotations

import pytest

from deploy.checks.alerts import __main__ as command
from deploy.checks.alerts.promtool import PromtoolMissing


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without promtool, on which nothing else is wrong."""

    def missing() -> None:
        raise PromtoolMissing("there is none here")

    monkeypatch.setattr(command, "find_promtool", missing)
    monkeypatch.setattr(command, "findings", lambda _: [])


def test_without_promtool_the_check_fails_and_says_how_to_go_without(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main([]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "there is none here; or leave it out, with --without-promtool.\n"


def test_who_leaves_it_out_is_told_what_was_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--without-promtool"]) == 0
    told = capsys.readouterr()
    assert told.err == "SKIPPED: what only promtool can judge.\n"
    assert "this check, without promtool: no findings" in told.out
