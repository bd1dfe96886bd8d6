"""The page on traces names every span, every attribute and both settings, as the code has them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from common.settings import ServiceSettings
from common.spans import ALL, MEANINGS, SpanType

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations/traces.md").read_text(encoding="utf-8")
SPANS = "| span | kind | service | what it is |"
ATTRIBUTES = "| attribute | value |"


def rows(page: str, head: str) -> list[tuple[str, ...]]:
    table = page.split(head)[1].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in table]


def row_of(kind: SpanType) -> tuple[str, ...]:
    name = f"{kind.name} ‹{kind.of}›" if kind.of else kind.name
    return f"`{name}`", kind.kind.value, kind.service, kind.says


def spans_are_right(page: str) -> bool:
    return rows(page, SPANS) == [row_of(kind) for kind in ALL]


def attributes_are_right(page: str) -> bool:
    return rows(page, ATTRIBUTES) == [(f"`{name.value}`", said) for name, said in MEANINGS.items()]


def test_every_span_and_every_attribute_is_there_and_no_other() -> None:
    assert spans_are_right(PAGE)
    assert attributes_are_right(PAGE)


@pytest.mark.parametrize("gone", ["| `decide` ", "| `call ‹provider›` ", "| `error.type` "])
def test_a_page_without_one_of_them_is_found_wanting(gone: str) -> None:
    broken = "\n".join(line for line in PAGE.splitlines() if not line.startswith(gone))
    assert broken != PAGE.rstrip("\n")
    assert not (spans_are_right(broken) and attributes_are_right(broken))


def test_the_settings_are_there() -> None:
    named = set(re.findall(r"^\| `HELIOGRAPH_(\w+)` \|", PAGE, re.MULTILINE))
    assert named == {"OTLP_ENDPOINT", "TRACE_RATIO"}
    assert {name.lower() for name in named} <= set(ServiceSettings.model_fields)


def test_the_log_lines_that_it_names_are_logged() -> None:
    told = PAGE.split("that it passes: ")[1].split("\n\n")[0]
    sources = "".join(path.read_text() for path in (ROOT / "services").rglob("*.py"))
    events = re.findall(r"`([a-z]+\.[a-z_]+)`", told)
    assert len(events) == 5
    for event in (*events,):
        assert f'"{event}"' in sources, event
