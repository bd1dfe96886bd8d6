"""The page on the API says of every problem what the code says."""

from __future__ import annotations

import re
from pathlib import Path

from health.web.problems import FORMS

PAGE = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")


def test_the_page_lists_every_problem_as_it_is_answered() -> None:
    table = PAGE.split("| code | status | what happened | what to do |")[1].split("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \| (\d+) \| (.*?) \| (.*?) \|$", table, re.MULTILINE)
    assert listed == [
        (code.value, str(form.status), form.title, form.remedy) for code, form in FORMS.items()
    ]
