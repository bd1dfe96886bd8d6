"""The nursery of this test process: what starts the services of most end-to-end tests."""

from __future__ import annotations

import atexit
import functools

from local.house import SERVICES
from local.nodes.nursery import Nursery


@functools.cache
def nursery() -> Nursery:
    """One that has imported the four services; begun when it is first wanted."""
    modules = [f"{service}.app" for service in SERVICES]
    shared = Nursery(*modules, "health.rotation", "health.access.first_key", "uvloop")
    atexit.register(shared.close)
    return shared
