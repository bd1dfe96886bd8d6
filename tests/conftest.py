"""Markers by folder, and the real servers that integration and e2e tests share.

The servers are started once per session, when the first test asks for one; each test gets a virtual
host and a database of its own (17 ms and nothing, measured), because the services use fixed names.
Tests that stop, kill or freeze a server take `own_rabbit` or `own_mongo`. The random seed is set
and printed by pytest-randomly; names are made by `secrets`, since a seed would repeat them.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn, cast

import hypothesis
import pymongo
import pytest

from local.nodes import MongoMissing, MongoNode, RabbitMQMissing, RabbitNode

RABBITMQ_URL = "HELIOGRAPH_RABBITMQ_URL"
MONGODB_URI = "HELIOGRAPH_MONGODB_URI"
HERE = Path(__file__).parent
FOLDERS = ("unit", "integration", "e2e", "deploy")
SERVER_FIXTURES = {"rabbit", "mongo", "own_rabbit", "own_mongo"}


hypothesis.settings.register_profile("heliograph", deadline=None)
hypothesis.settings.load_profile("heliograph")
"""How long an example takes says how busy the machine is: speed is measured by the benchmarks."""


def pytest_configure() -> None:
    """A shell that starts the tests in the background has them ignore Ctrl-C, and with them every
    process that they start; some of these are ended that way."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # Before pytest selects by marker (-m).
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its folder, and keep servers out of the unit tests."""
    for item in items:
        folder = item.path.relative_to(HERE).parts[0] if item.path.is_relative_to(HERE) else ""
        if folder in FOLDERS:
            item.add_marker(folder)
        servers = SERVER_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if folder == "unit" and servers:
            message = f"{item.nodeid} is a unit test, but asks for {', '.join(sorted(servers))}."
            raise pytest.UsageError(message)


class External:
    """A server from the environment: it has an address, and nobody may administer it."""

    def __init__(self, setting: str) -> None:
        self.url = self.uri = os.environ[setting]
        self._setting = setting

    def __getattr__(self, name: str) -> NoReturn:
        pytest.skip(f"{name}() needs a private server, and {self._setting} names another one")


@pytest.fixture(scope="session")
def rabbit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    """The broker of the session. Never stop or freeze it: `own_rabbit` is for that."""
    if os.environ.get(RABBITMQ_URL):
        yield cast("RabbitNode", External(RABBITMQ_URL))
        return
    base_dir = tmp_path_factory.mktemp("rabbitmq")
    with RabbitNode(base_dir) as node:
        yield node
    shutil.rmtree(base_dir)


@pytest.fixture(scope="session")
def mongo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoNode]:
    """The database server of the session. Never stop or freeze it: `own_mongo` is for that."""
    if os.environ.get(MONGODB_URI):
        yield cast("MongoNode", External(MONGODB_URI))
        return
    base_dir = tmp_path_factory.mktemp("mongodb")
    with MongoNode(base_dir) as node:
        yield node
    shutil.rmtree(base_dir)  # 100 MB of journal, which pytest would keep for three sessions.


@pytest.fixture(scope="session")
def rabbit_url(rabbit: RabbitNode) -> str:
    """AMQP URL of the session's default virtual host, which all tests share."""
    return rabbit.url


@pytest.fixture(scope="session")
def mongo_uri(mongo: MongoNode) -> str:
    """Connection string of the session's replica set."""
    return mongo.uri


@pytest.fixture(scope="session")
def mongo_client(mongo_uri: str) -> Iterator[pymongo.MongoClient[dict[str, Any]]]:
    """A synchronous client, to look into the database behind the code under test."""
    with pymongo.MongoClient[dict[str, Any]](mongo_uri, tz_aware=True) as client:
        yield client


@pytest.fixture
def mongo_database(mongo_client: pymongo.MongoClient[dict[str, Any]]) -> Iterator[str]:
    """Name of a database that belongs to this test; dropped afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    mongo_client.drop_database(name)


@pytest.fixture
def vhost(rabbit: RabbitNode) -> Iterator[str]:
    """Name of a virtual host that belongs to this test; for `rabbit.ctl("-p", vhost, …)`."""
    name = f"test_{secrets.token_hex(6)}"
    rabbit.add_vhost(name)
    yield name
    rabbit.delete_vhost(name)


@pytest.fixture
def vhost_url(rabbit: RabbitNode, vhost: str) -> str:
    """AMQP URL of a virtual host that belongs to this test: empty, and deleted afterwards."""
    return f"{rabbit.url}{vhost}"


@pytest.fixture
def own_rabbit(tmp_path: Path) -> Iterator[RabbitNode]:
    """A broker to stop, kill, freeze and restart (3 seconds)."""
    node = RabbitNode(tmp_path / "rabbitmq")
    try:
        node.start()
    except RabbitMQMissing as error:
        skip_or_fail(RABBITMQ_URL, error)
    yield node
    node.kill()
    shutil.rmtree(node.base_dir)


@pytest.fixture
def own_mongo(tmp_path: Path) -> Iterator[MongoNode]:
    """A database server to stop, kill, freeze and restart (half a second)."""
    node = MongoNode(tmp_path / "mongodb")
    try:
        node.start()
    except MongoMissing as error:
        skip_or_fail(MONGODB_URI, error)
    yield node
    node.kill()
    shutil.rmtree(node.base_dir)


def skip_or_fail(setting: str, error: Exception) -> NoReturn:
    """Without programs on this machine, only a session on external servers may skip."""
    if os.environ.get(setting):
        pytest.skip(str(error))
    raise error
