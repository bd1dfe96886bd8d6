"""What counts as a provider's word that somebody has opted out."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from common.providers.specs import SPECS

OPTED_OUT = {name: spec.opted_out for name, spec in SPECS.items()}
CODES = [(name, code) for name, told in OPTED_OUT.items() for code in sorted(told.codes)]
LEFT_OUT = {
    *(("telesign", code) for code in ("229", "230")),
    *(("infobip", code) for code in ("10", "EC566", "EC3041")),
    *(("twilio", code) for code in ("30640", "63033")),
}
"""On lists that others than the recipient keep."""


@pytest.mark.parametrize(("provider", "code"), CODES)
def test_a_code_counts_for_its_own_provider_only(provider: str, code: str) -> None:
    assert OPTED_OUT[provider].says(code)
    assert not any(told.says(code) for told in OPTED_OUT.values() if code not in told.codes)


@pytest.mark.parametrize(("provider", "code"), sorted(LEFT_OUT))
def test_a_list_that_somebody_else_keeps_is_not_the_recipients_word(
    provider: str, code: str
) -> None:
    assert not OPTED_OUT[provider].says(code)


@pytest.mark.parametrize("code", [None, "400", "Unauthorized"])
def test_acs_says_it_in_words_where_it_has_no_code(code: str | None) -> None:
    assert OPTED_OUT["acs"].says(code, "Sender blocked for given recipient.")
    assert not OPTED_OUT["acs"].says(code, "Sender blocked.")
    assert not OPTED_OUT["twilio"].says(code, "Sender blocked for given recipient.")


@pytest.mark.parametrize("code", [None, "", "4005", "40070"])
def test_other_codes_say_nothing_of_it(code: str | None) -> None:
    assert not OPTED_OUT["acs"].says(code, None)


def test_the_table_has_every_code_that_the_providers_lists_call_an_opt_out() -> None:
    reference = os.environ.get("HELIOGRAPH_REFERENCE")
    if reference is None:
        pytest.skip("the providers' lists of codes are not there")
    listed = json.loads((Path(reference) / "specs" / "provider_codes.json").read_text())
    flagged = {
        (provider, code)
        for provider, tables in listed.items()
        if not provider.startswith("_")
        for code in _flagged(provider, tables)
    }
    assert flagged - LEFT_OUT <= set(CODES)
    assert ("twilio", "21610") in flagged


def test_the_page_names_every_code_that_is_noted_and_those_that_are_not_with_a_reason() -> None:
    page = (Path(__file__).parents[2] / "docs" / "opt-outs.md").read_text(encoding="utf-8")
    table = page.split("| provider | noted | not noted | why not |\n", 1)[1].split("\n\n", 1)[0]
    titles = {spec.title: name for name, spec in SPECS.items()}
    listed: dict[str, set[str]] = {}
    left_out: set[tuple[str, str]] = set()
    for line in table.splitlines()[1:]:
        title, noted, others, why = (cell.strip() for cell in line.strip("|").split("|"))
        name = titles[title]
        listed[name] = {*re.findall(r"`([^`]+)`", noted)}
        codes = re.findall(r"`([^`]+)`", others)
        left_out |= {(name, code) for code in codes}
        assert bool(codes) is bool(why)
    assert listed == {name: {*told.codes} for name, told in OPTED_OUT.items()}
    assert left_out == LEFT_OUT


def _flagged(provider: str, tables: dict[str, Any]) -> list[str]:
    """Infobip's statuses and errors share numbers, so a code says which of the two it is."""
    return [
        f"EC{code}" if (provider, name) == ("infobip", "error") else code
        for name, table in tables.items()
        if isinstance(table, dict)
        for code, facts in table.items()
        if isinstance(facts, dict) and facts.get("opt_out")
    ]
