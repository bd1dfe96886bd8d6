"""The bounds of histograms, in seconds or in messages."""

from __future__ import annotations

from typing import Final

FAST: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""What takes milliseconds while all is well."""

WAITS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
    *(30.0, 60.0, 300.0, 900.0, 3600.0),
)
"""What takes as long as something is away: in a queue, or until a provider delivers again."""

CALLS: Final = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""A provider's answers; none is faster than the network, none slower than the time-out."""

SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Messages together."""
