"""The private nodes keep their promises: they start, they keep data, and they leave nothing."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aio_pika
import aiohttp
import psutil
import pymongo
import pytest
import yarl
from pymongo.errors import PyMongoError

from local.nodes import (
    MongoMissing,
    MongoNode,
    NodeCommandFailed,
    NodeDidNotStart,
    NodeDirectoryInUse,
    PortInUse,
    RabbitMQMissing,
    RabbitNode,
)
from local.nodes.rabbitmq_setup import find_installation

REPOSITORY = Path(__file__).parents[2]
SITE_PACKAGES = sysconfig.get_path("purelib")
KINDS = [RabbitNode, MongoNode]
Node = RabbitNode | MongoNode

CHILD = """
import sys, threading, time
from pathlib import Path
from local.nodes import MongoNode, RabbitNode
nodes = [RabbitNode(Path(sys.argv[1]) / "r"), MongoNode(Path(sys.argv[1]) / "m")]
threads = [threading.Thread(target=node.start) for node in nodes]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("started", flush=True)
time.sleep(600)
"""


def processes_of(base_dir: Path) -> list[str]:
    """Every process that names the directory in its arguments, works in it, or is named by it."""
    found = []
    for process in psutil.process_iter():
        try:
            traces = [*process.cmdline(), process.cwd(), process.environ().get("HOME", "")]
            status = process.status()
        except psutil.Error:
            continue
        ours = any(str(base_dir) in trace for trace in traces)
        if ours and status != psutil.STATUS_ZOMBIE and process.pid != os.getpid():
            found.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
    return found


def eventually(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(autouse=True)
def no_data_left(tmp_path: Path) -> Iterator[None]:
    """A mongod writes 300 MB of journal, and pytest keeps the folders of three sessions."""
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)


@pytest.fixture(params=KINDS)
def node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Node]:
    made: Node = request.param(tmp_path / "node")
    yield made
    made.kill()


def test_a_stop_leaves_no_process_behind(node: Node) -> None:
    node.start()
    assert processes_of(node.base_dir)
    node.stop()
    assert processes_of(node.base_dir) == []
    node.stop()


def test_a_kill_leaves_no_process_behind_even_when_frozen(node: Node) -> None:
    node.start()
    node.freeze()
    node.kill()
    assert processes_of(node.base_dir) == []


def test_nothing_listens_beyond_the_loopback_interface(node: Node) -> None:
    node.start()
    family = [psutil.Process(node.pid)]
    if isinstance(node, RabbitNode) and node._epmd:
        family.append(psutil.Process(node._epmd.pid))
    addresses = {
        connection.laddr.ip
        for process in family
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses <= {"127.0.0.1", "::1"}
    assert "127.0.0.1" in addresses


async def test_the_management_api_is_there_where_it_is_asked_for(tmp_path: Path) -> None:
    """And nowhere else: on the loopback interface, at the address that the node names."""
    with RabbitNode(tmp_path / "node", management=True) as node:
        broker = psutil.Process(node.pid)
        listening = [c.laddr for c in broker.net_connections() if c.status == psutil.CONN_LISTEN]
        assert {address.ip for address in listening} == {"127.0.0.1"}
        assert node.management_port in {address.port for address in listening}
        address = yarl.URL(node.management_url) / "api/overview"
        async with aiohttp.ClientSession() as session:
            assert (await session.get(address.with_user(None))).status == 401
            async with session.get(address) as answer:
                assert (await answer.json())["node"] == node.name
        port = node.management_port
        node.restart()
        assert node.management_port == port


def test_without_being_asked_a_node_starts_no_plugin(rabbit: RabbitNode) -> None:
    assert rabbit.management_url == ""
    assert rabbit.evaluate("rabbit_plugins:active()") == "[]"


def test_a_taken_port_is_named_with_the_setting_that_changes_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse) as rabbit:
            RabbitNode(tmp_path / "r", port, port_setting="--rabbitmq-port").start()
        with pytest.raises(PortInUse) as mongo:
            MongoNode(tmp_path / "m", port, port_setting="--mongodb-port").start()
    assert str(rabbit.value) == (
        f"RabbitMQ cannot start because port {port} is already in use: stop the program that holds "
        "it, or choose another port with --rabbitmq-port."
    )
    assert f"MongoDB cannot start because port {port}" in str(mongo.value)
    assert "--mongodb-port" in str(mongo.value)


def test_one_directory_has_one_running_server(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    node.start()
    monkeypatch.setattr("local.nodes.process.LOCK_WAIT", 0.2)
    with pytest.raises(NodeDirectoryInUse, match=r"still running: stop that one first"):
        type(node)(node.base_dir).start()
    assert psutil.pid_exists(node.pid)


def test_a_directory_left_by_a_killed_run_starts_again_on_another_port(node: Node) -> None:
    node.start()
    old = node.port
    node.kill()
    with type(node)(node.base_dir) as again:
        assert again.port != old
        if isinstance(again, MongoNode):
            assert insert_one(again.uri)


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_nodes_end_with_the_python_that_started_them(tmp_path: Path, end: signal.Signals) -> None:
    """Started from threads that have ended, which PR_SET_PDEATHSIG alone would not survive."""
    parent = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], cwd=REPOSITORY, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    with parent, parent.stdout as output:
        assert output.readline() == b"started\n"
        time.sleep(0.2)
        names = " ".join(processes_of(tmp_path))
        assert "beam.smp" in names
        assert "mongod" in names
        assert "epmd" in names
        parent.send_signal(end)
    assert eventually(lambda: not processes_of(tmp_path)), processes_of(tmp_path)


def test_a_server_ends_with_its_keeper(own_mongo: MongoNode) -> None:
    server = psutil.Process(own_mongo.pid)
    keeper = server.parent()
    assert keeper is not None
    keeper.kill()
    assert eventually(lambda: not processes_of(own_mongo.base_dir))


async def test_a_quorum_queue_keeps_its_message_over_restart_and_kill(
    own_rabbit: RabbitNode,
) -> None:
    async with await aio_pika.connect(own_rabbit.url) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(
            "kept", durable=True, arguments={"x-queue-type": "quorum"}
        )
        message = aio_pika.Message(b"still here", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, queue.name)
    port = own_rabbit.port
    own_rabbit.restart()
    own_rabbit.kill()
    own_rabbit.start()
    assert own_rabbit.port == port
    async with await aio_pika.connect(own_rabbit.url) as connection:
        queue = await (await connection.channel()).get_queue("kept")
        received = await queue.get(no_ack=True, timeout=10)
        assert received is not None
        assert received.body == b"still here"


def test_mongodb_keeps_an_acknowledged_write_over_restart_and_kill(own_mongo: MongoNode) -> None:
    assert insert_one(own_mongo.uri)
    own_mongo.restart()
    own_mongo.kill()
    own_mongo.start()
    with pymongo.MongoClient[dict[str, int]](own_mongo.uri) as client:
        assert client["kept"]["kept"].count_documents({}) == 1


def test_a_frozen_broker_answers_nothing_until_it_is_thawed(own_rabbit: RabbitNode) -> None:
    own_rabbit.freeze()
    with socket.create_connection(("127.0.0.1", own_rabbit.port or 0), timeout=5) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        own_rabbit.thaw()
        connection.settimeout(10)
        assert connection.recv(1)


def test_a_frozen_mongod_answers_nothing_until_it_is_thawed(own_mongo: MongoNode) -> None:
    own_mongo.freeze()
    with pytest.raises(PyMongoError):
        insert_one(own_mongo.uri, patience=0.3)
    own_mongo.thaw()
    assert insert_one(own_mongo.uri)


def test_administration_works_by_rabbitmqctl_and_by_erl_call(rabbit: RabbitNode) -> None:
    assert rabbit.evaluate("node()") == f"'{rabbit.name}'"
    name = 'tenant "é"\\1'
    rabbit.add_user(name, "password")
    rabbit.set_permissions(name, configure="^$", write="^heliograph", read=".*")
    assert f"{name}\t[]" in rabbit.ctl("list_users")
    assert f"{name}\t^$\t^heliograph\t.*" in rabbit.ctl("list_permissions")
    assert rabbit.evaluate("{1, [a, b]}") == "{1, [a, b]}"
    with pytest.raises(NodeCommandFailed, match=r"^`rabbitmqctl nonsense` failed: Command 'nons"):
        rabbit.ctl("nonsense")
    with pytest.raises(NodeCommandFailed, match="badmatch"):
        rabbit.evaluate("ok = error")


async def test_virtual_hosts_are_apart(rabbit: RabbitNode, vhost_url: str) -> None:
    async with await aio_pika.connect(vhost_url) as connection:
        await (await connection.channel()).declare_queue("here", durable=True)
    async with await aio_pika.connect(rabbit.url) as connection:
        with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
            await (await connection.channel()).get_queue("here")


def test_a_database_name_is_usable(mongo_uri: str, mongo_database: str) -> None:
    assert insert_one(mongo_uri, mongo_database)


def test_missing_programs_are_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NodeCommandFailed, match="call start"):
        RabbitNode(tmp_path).ctl("status")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RabbitMQMissing, match="apt-get install rabbitmq-server"):
        find_installation()  # There are scripts, and no Erlang.
    with pytest.raises(RabbitMQMissing, match="HELIOGRAPH_RABBITMQ_URL"):
        find_installation(library=tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MongoMissing, match="HELIOGRAPH_MONGODB_URI"):
        MongoNode(tmp_path).start()


def test_a_server_that_cannot_start_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "storage.bson").write_text("rubbish")
    node = MongoNode(tmp_path)
    with pytest.raises(
        NodeDidNotStart, match=r"MongoDB ended while it started \(last log line: .+"
    ):
        node.start()
    assert processes_of(tmp_path) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_nodes_start_and_stop_for_a_user_without_rights() -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    python = python_for(nobody)
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, nobody, nobody)
        code = CHILD.replace("time.sleep(600)", "[node.stop() for node in nodes]")
        done = subprocess.run(
            [python, "-c", code, folder],
            cwd=REPOSITORY,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": SITE_PACKAGES},
            user=nobody,
            group=nobody,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout == "started\n", done.stderr
        assert processes_of(Path(folder)) == []


def python_for(user: int) -> str:
    """An interpreter that the user may run (this one may live in root's home), else skip."""
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        try:
            subprocess.run([python, "-c", ""], user=user, check=True, env={})
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("no Python of this version is open to the user nobody")


def insert_one(uri: str, database: str = "kept", *, patience: float = 10) -> bool:
    milliseconds = int(patience * 1000)
    with pymongo.MongoClient[dict[str, int]](
        uri, serverSelectionTimeoutMS=milliseconds, socketTimeoutMS=milliseconds
    ) as client:
        return client[database]["kept"].insert_one({"a": 1}).acknowledged
