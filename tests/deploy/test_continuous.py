"""In continuous integration a tool that is missing fails a test; elsewhere it skips it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.deploy.continuous import NAME, give_up

RUN = Path(__file__).parents[2] / ".ci" / "run"


@pytest.mark.parametrize(
    ("value", "could_be_had", "outcome"),
    [
        ("1", True, pytest.fail.Exception),
        ("1", False, pytest.skip.Exception),  # The kernel forbids it: nothing can be installed.
        ("", True, pytest.skip.Exception),
    ],
)
def test_only_what_could_be_installed_fails_and_only_there(
    value: str, could_be_had: bool, outcome: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(outcome, match="no promtool"):
        give_up("no promtool", could_be_had=could_be_had)


def test_continuous_integration_says_that_it_is() -> None:
    assert f"export {NAME}=1\n" in RUN.read_text(encoding="utf-8")
