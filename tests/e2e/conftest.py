"""A world for many tests on the shared servers, and one on servers that may be harmed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
from ground import Ground
from scene import World

from local.nodes import MongoNode, RabbitNode

_FIRST = (
    {"test_server_faults.py"},
    {"e2e", "test_bench_smoke.py", "test_sender_limits.py"},
    {"test_images.py"},
)
"""Folders and files whose tests take long, each by itself. Those that wait for servers to recover
come first, and what builds images after them, since it takes a core for minutes."""


@pytest.hookimpl(trylast=True)  # After the order was made random.
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long tests first, so that several workers end at about the same time."""
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    ranks = (rank for rank, names in enumerate(_FIRST) if not names.isdisjoint(item.path.parts))
    return next(ranks, len(_FIRST))


@pytest.fixture(scope="session")
async def ground(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Ground]:
    ground = Ground(rabbit, mongo, tmp_path_factory.mktemp("house"))
    yield ground
    await ground.close()


@pytest.fixture
async def world(ground: Ground) -> World:
    """A world on the session's servers, which no test may harm, with everything in order."""
    return await ground.world()


@pytest.fixture(scope="session")
async def ground_at_risk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """A ground with servers of its own, to stop, kill and freeze."""
    base_dir = tmp_path_factory.mktemp("at_risk")
    rabbit, mongo = RabbitNode(base_dir / "rabbitmq"), MongoNode(base_dir / "mongodb")
    try:
        await asyncio.gather(asyncio.to_thread(rabbit.start), asyncio.to_thread(mongo.start))
        ground = Ground(rabbit, mongo, base_dir / "house")
        yield ground
        await ground.close()
    finally:
        rabbit.kill()
        mongo.kill()
        shutil.rmtree(base_dir / "rabbitmq", ignore_errors=True)
        shutil.rmtree(base_dir / "mongodb", ignore_errors=True)
