"""Rounds: each side in turn, and who begins changes, so that neither has the warmer machine."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from bench.servers import Scene
from local.house import Service

Side = Literal["ours", "rival"]


@dataclass(frozen=True, slots=True)
class Work:
    """What one side did in one round: wall-clock seconds, its processor time, its result."""

    seconds: float
    cpu: float
    result: Any = None


async def alternate(
    rounds: int, measure: Callable[[Side], Awaitable[Work]]
) -> tuple[list[Work], list[Work]]:
    """Measure both sides `rounds` times; returns ours and the rival's."""
    done: dict[Side, list[Work]] = {"ours": [], "rival": []}
    for number in range(rounds):
        order: tuple[Side, Side] = ("ours", "rival") if number % 2 == 0 else ("rival", "ours")
        for side in order:
            done[side].append(await measure(side))
    return done["ours"], done["rival"]


def rival(module: str, scene: Scene, **settings: str) -> Service:
    """A rival as a process on the scene, with settings named as those of our services."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment |= {
        f"HELIOGRAPH_{name.upper()}": value for name, value in (settings | scene.servers()).items()
    }
    log = scene.folder / f"{module}.log"
    return Service(module, environment=environment, port=0, log=log)
