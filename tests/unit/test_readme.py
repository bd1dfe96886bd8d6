"""What the README shows is true: its example, its commands, its links, its test command."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_example_is_the_one_that_the_agents_page_shows_and_its_test_runs() -> None:
    (example,) = blocks(README, "python")
    assert example in blocks((ROOT / "docs/agents.md").read_text(encoding="utf-8"), "python")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_habit_that_is_named_is_in_the_makefile(page: Path) -> None:
    habits = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"`make ([a-z0-9-]+)", page.read_text(encoding="utf-8"))
    named += re.findall(r"^make ([a-z0-9-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= habits


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_it_shows_exactly_the_pictures_that_make_screenshots_takes() -> None:
    shown = set(re.findall(r"\]\((docs/images/[^)]+)\)", README))
    program = (ROOT / "local/screenshots.py").read_text(encoding="utf-8")
    taken = {f"docs/images/{name}" for name in re.findall(r'path=IMAGES / "([^"]+)"', program)}
    assert shown == taken == {str(p.relative_to(ROOT)) for p in (ROOT / "docs/images").iterdir()}
    assert len(shown) == 2


def test_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    section = README.split("## Test\n")[1]
    assert blocks(section, "sh")[0] == "make test\n"
    assert 'test "$command" = "make test"' in (ROOT / ".ci/run").read_text()


def test_help_lists_every_habit() -> None:
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for habit in ("run", "demo", "test", "check", "bench", "lock"):
        assert re.search(rf"^{habit} ", listed, re.MULTILINE), habit


@pytest.mark.parametrize(
    "named",
    sorted(
        set(
            re.findall(
                r"`((?:unit|integration|e2e)/[^`]+\.py(?:::\w+)*)`",
                (ROOT / "docs/testing.md").read_text(encoding="utf-8"),
            )
        )
    ),
)
def test_every_test_that_stands_for_a_promise_exists(named: str) -> None:
    file, *names = named.split("::")
    source = (ROOT / "tests" / file).read_text(encoding="utf-8")
    inherited = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests/conformance").glob("*.py")
    )
    for name in names:
        assert re.search(rf"(def|class) {name}\b", source + inherited), name
