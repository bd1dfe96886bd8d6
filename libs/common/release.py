"""Which release of Heliograph this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """The release's number, or `unknown` where Heliograph runs without having been installed."""
    try:
        return version("heliograph")
    except PackageNotFoundError:
        return "unknown"
