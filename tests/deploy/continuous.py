"""Whether this is continuous integration: there, what judges has to be had, and nothing that can be
had is left out."""

from __future__ import annotations

import os
from typing import Final

CONTINUOUS: Final = bool(os.environ.get("HELIOGRAPH_CI"))
"""Set by .ci/run. Not the usual CI, which makes Hypothesis try the same examples every time."""
