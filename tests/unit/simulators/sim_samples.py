"""The published samples of requests and callbacks, where they are at hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest


def sample(provider: str, name: str) -> bytes:
    """A file of the folder that `HELIOGRAPH_REFERENCE` names; skips the test without one."""
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE is not set")
    return (Path(folder) / "callbacks" / provider / name).read_bytes()


def shape(value: Any) -> Any:
    """Reduce a value to its keys and types."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__
