"""Whether this is continuous integration: there, what could be installed has to be, and no test is
skipped for want of it."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

NAME = "HELIOGRAPH_CI"
"""Set by .ci/run. Not the usual CI, which makes Hypothesis try the same examples every time."""


def give_up(why: str, *, could_be_had: bool) -> NoReturn:
    """Skip a test, or fail it where what is missing has to be there."""
    if could_be_had and os.environ.get(NAME):
        pytest.fail(why)
    pytest.skip(why)
