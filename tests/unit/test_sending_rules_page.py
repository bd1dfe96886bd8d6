"""The page on sending rules names every rule with its default, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path

from common.sending_rules import DEFAULT
from health.desk.rules import plain_rules
from heliograph.codes import OutcomeCode

PAGE = (Path(__file__).parents[2] / "docs/sending-rules.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)


def test_every_rule_is_there_with_its_default_and_no_other() -> None:
    listed = {name: default for name, default, _, _ in ROWS}
    usual = {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in plain_rules(DEFAULT).items()
    }
    assert listed == usual
    assert len(ROWS) == len(usual)


def test_an_agent_is_told_what_there_is() -> None:
    codes = {code for *_, told in ROWS for code in re.findall(r"`(\w+)`", told)}
    known = {*OutcomeCode, "truncated", "transliterated", "expires_at"}
    assert codes <= known
