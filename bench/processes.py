"""What a running process has used, as the kernel counts it."""

from __future__ import annotations

import psutil


def cpu_seconds(pid: int) -> float:
    """Processor time, in user and system mode together."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def resident_bytes(pid: int) -> int:
    """Memory that is in RAM, shared libraries included."""
    return int(psutil.Process(pid).memory_info().rss)
