"""What the overview of the providers compares is what their adapters say."""

from __future__ import annotations

import re
from pathlib import Path

from common.providers.registry import PROVIDERS
from common.sender_types import NumberType

OVERVIEW = Path(__file__).parents[3] / "docs/providers/README.md"


SENDERS = {
    "toll-free": NumberType.TOLL_FREE,
    "short code": NumberType.SHORT_CODE,
    "local": NumberType.LOCAL,
    "name": NumberType.ALPHANUMERIC,
    "partner's number": NumberType.PARTNER,
}


def compared(page: str) -> dict[str, list[str]]:
    """The rows of the overview's tables, by their first cell."""
    rows = (line.strip("|").split("|") for line in page.splitlines() if line.startswith("| "))
    return {name.strip(): [cell.strip() for cell in cells] for name, *cells in rows}


def test_the_overview_says_of_each_provider_what_its_adapter_says() -> None:
    page = OVERVIEW.read_text(encoding="utf-8")
    rows = compared(page.partition("## What still needs")[0])
    titled = {it.spec.title: it for it in PROVIDERS.values()} | {"ACS": PROVIDERS["acs"]}
    shown = [titled[title] for title in rows[""]]
    pages = {it.stem for it in OVERVIEW.parent.glob("*.md")} - {"README", "adding-a-provider"}
    assert {it.name for it in shown} == pages
    for column, provider in enumerate(shown):
        spec, of = provider.spec, {name: cells[column] for name, cells in rows.items()}
        assert f"]({provider.name}.md)" in page
        assert {SENDERS[word] for word in of["senders"].split(", ")} == {*spec.number_types}
        assert int(of["recipients a call"]) == provider.max_recipients
        assert of["recognises a repeated call"].startswith("yes") is provider.deduplicates
        assert ("uncertain" not in of["an answer that is lost"]) is provider.deduplicates
        assert ("Basic" in of["an inbound text is proven by"]) is spec.basic
        told = of['codes that say "opted out"']
        assert {*re.findall(r"(?:EC)?\d+", told)} == spec.opted_out.codes
        assert all(words in told for words in spec.opted_out.texts)
