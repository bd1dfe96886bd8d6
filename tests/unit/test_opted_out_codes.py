"""What counts as a provider's word that somebody has opted out."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from common.providers.opted_out_codes import OPTED_OUT, says_opted_out

CODES = [(provider, code) for provider, codes in OPTED_OUT.items() for code in sorted(codes)]
LEFT_OUT = {
    *(("telesign", code) for code in ("229", "230")),
    *(("infobip", code) for code in ("10", "566", "3041")),
}
"""On lists that others than the recipient keep."""


@pytest.mark.parametrize(("provider", "code"), CODES)
def test_a_code_counts_for_its_own_provider_only(provider: str, code: str) -> None:
    assert says_opted_out(provider, code, None)
    assert not any(
        says_opted_out(other, code, None) for other in OPTED_OUT if code not in OPTED_OUT[other]
    )


@pytest.mark.parametrize(("provider", "code"), sorted(LEFT_OUT))
def test_a_list_that_somebody_else_keeps_is_not_the_recipients_word(
    provider: str, code: str
) -> None:
    assert not says_opted_out(provider, code, None)


@pytest.mark.parametrize("code", [None, "400", "Unauthorized"])
def test_acs_says_it_in_words_where_it_has_no_code(code: str | None) -> None:
    assert says_opted_out("acs", code, "Sender blocked for given recipient.")
    assert not says_opted_out("acs", code, "Sender blocked.")
    assert not says_opted_out("twilio", code, "Sender blocked for given recipient.")


@pytest.mark.parametrize("code", [None, "", "4005", "40070"])
def test_other_codes_say_nothing_of_it(code: str | None) -> None:
    assert not says_opted_out("acs", code, None)


def test_the_table_has_every_code_that_the_providers_lists_call_an_opt_out() -> None:
    reference = os.environ.get("HELIOGRAPH_REFERENCE")
    if reference is None:
        pytest.skip("the providers' lists of codes are not there")
    listed = json.loads((Path(reference) / "specs" / "provider_codes.json").read_text())
    flagged = {
        (provider, code)
        for provider, tables in listed.items()
        if not provider.startswith("_")
        for code in _flagged(tables)
    }
    assert {item for item in flagged if item[0] != "twilio"} - LEFT_OUT <= set(CODES)
    assert ("twilio", "21610") in flagged


def _flagged(tables: dict[str, Any]) -> list[str]:
    return [
        code
        for table in tables.values()
        if isinstance(table, dict)
        for code, facts in table.items()
        if isinstance(facts, dict) and facts.get("opt_out")
    ]
