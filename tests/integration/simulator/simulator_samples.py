"""The published samples of requests and answers, where they are at hand."""

import os
from pathlib import Path
from typing import Any

import orjson
import pytest


def published(name: str) -> Any:
    """A file of the folder that `HELIOGRAPH_REFERENCE` names; skips the test without one."""
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE is not set")
    return orjson.loads((Path(folder) / name).read_bytes())


def example(operation: str, version: str = "2026-01-23") -> Any:
    """The examples of an operation of Communication SMS."""
    return published(f"specs/communication-sms-examples-{version}.json")[operation]


def shape(value: Any) -> Any:
    """Reduce a value to its keys and types."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    return [shape(item) for item in value] if isinstance(value, list) else type(value).__name__
