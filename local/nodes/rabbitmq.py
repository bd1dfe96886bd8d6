"""A private RabbitMQ broker: its life, and the commands of its administrator.

A start takes 2 to 3 seconds (0.3 more with the management plugin), a stop 1. A `rabbitmqctl` costs
0.46 s for its own Erlang machine; `erl_call`, a C program of Debian's package erlang-base, costs
4 ms, hence `evaluate`. (RabbitMQ 3.10.8, Erlang 25.2.3, two cores.)
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

from local.nodes import ports
from local.nodes.errors import NodeCommandFailed, NodeDidNotStart, PortInUse
from local.nodes.process import KeptProcess, locked, wait_until
from local.nodes.rabbitmq_setup import Installation, environment, find_installation, prepare

if TYPE_CHECKING:  # The nodes run where the services' code is not installed.
    from common.bus.rights import AgentRights

SERVICE = "RabbitMQ"
START_TIMEOUT = 90.0
STOP_TIMEOUT = 30.0
COMMAND_TIMEOUT = 60.0
ATTEMPTS = 3
"""Starts with fresh ports, when somebody else took a chosen one before the server bound it."""

AMQP_GREETING = b"AMQP\x00\x00\x09\x01"
"""Protocol header of AMQP 0-9-1; a broker answers it with connection.start, but not before its
virtual hosts and users exist."""


class RabbitNode:
    """One private broker. `start` may be called again after `stop` or `kill`: the data stay.

    `port` None means a free one; `port_setting` is named in the sentence of PortInUse.
    The user is guest, the password guest. `management` starts the management plugin too, on a
    free port.
    """

    def __init__(
        self,
        base_dir: Path,
        port: int | None = None,
        *,
        port_setting: str = "--rabbitmq-port",
        management: bool = False,
    ) -> None:
        self.base_dir = base_dir.absolute()
        self.port = port
        self.management_port: int | None = None
        self.name = ""
        self._management = management
        self._port_setting = port_setting
        self._port_is_ours = port is None
        self._distribution_port = 0
        self._epmd_port = 0
        self._installation: Installation | None = None
        self._epmd: KeptProcess | None = None
        self._server: KeptProcess | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """AMQP URL of the default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/"

    @property
    def management_url(self) -> str:
        """URL of the management HTTP API, with user and password; "" without the plugin."""
        if self.management_port is None:
            return ""
        return f"http://guest:guest@127.0.0.1:{self.management_port}/"

    @property
    def pid(self) -> int:
        """Process ID of the Erlang machine; 0 while stopped."""
        return self._server.pid if self._server else 0

    @property
    def log(self) -> Path:
        return self.base_dir / "log" / "rabbitmq.log"

    def start(self) -> None:
        """Start and wait until the broker speaks AMQP (2 to 3 seconds); no-op while running.

        Raises RabbitMQMissing, PortInUse, NodeDirectoryInUse, NodeDidNotStart.
        """
        if self._server is not None and self._server.alive:
            return
        self._installation = self._installation or find_installation()
        (self.base_dir / "log").mkdir(parents=True, exist_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._start_once(self._installation)
                return
            except (PortInUse, NodeDidNotStart) as error:
                self.kill()
                taken = isinstance(error, PortInUse) or "eaddrinuse" in self._last_log()
                if not (taken and self._port_is_ours) or attempt == ATTEMPTS:
                    raise
                self.port = self.management_port = None

    def stop(self) -> None:
        """End the broker cleanly (1 second), its children and its epmd; no-op while stopped."""
        if self._server is not None:
            self._server.stop(timeout=STOP_TIMEOUT)
        self.kill()

    def kill(self) -> None:
        """SIGKILL everything, as a power cut would; the data stay as they are on the disk."""
        for process in (self._server, self._epmd):
            if process is not None:
                process.kill()
        self._server = self._epmd = None

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

    def ctl(self, *arguments: str) -> str:
        """Run `rabbitmqctl` against this node (0.5 s) and return what it printed.

        For example `ctl("set_vm_memory_high_watermark", "0.00001")`. Raises NodeCommandFailed.
        """
        script = self._found().scripts / "rabbitmqctl"
        return self._run([str(script), "--silent", *arguments], ["rabbitmqctl", *arguments])

    def evaluate(self, expression: str) -> str:
        """Evaluate an Erlang expression, without full stop, in the broker (4 ms).

        Returns the printed term. Raises NodeCommandFailed.
        """
        caller = self._found().erl_call
        if not caller.exists():
            return self.ctl("eval", f"{expression}.").strip()
        command = [str(caller), "-address", f"localhost:{self._distribution_port}", "-R", "-e"]
        answer = self._run(command, ["erl_call", expression], f"{expression}.\n").strip()
        if not answer.startswith("{ok, "):
            raise NodeCommandFailed(f"erl_call {expression}", answer)
        return answer.removeprefix("{ok, ").removesuffix("}")

    def add_vhost(self, name: str) -> str:
        """Create a virtual host that guest may use (17 ms); return its URL."""
        quoted = _binary(name)
        self.evaluate(f'ok = rabbit_vhost:add({quoted}, <<"heliograph">>)')
        self.set_permissions("guest", vhost=name)
        return f"{self.url}{name}"

    def delete_vhost(self, name: str) -> None:
        """Delete a virtual host with its queues, and cut its connections (20 ms)."""
        self.evaluate(f'rabbit_vhost:delete({_binary(name)}, <<"heliograph">>)')

    def add_user(self, name: str, password: str) -> None:
        """Create a user without any permission."""
        self.evaluate(
            "ok = rabbit_auth_backend_internal:add_user("
            f'{_binary(name)}, {_binary(password)}, <<"heliograph">>)'
        )

    def set_permissions(
        self,
        user: str,
        *,
        vhost: str = "/",
        configure: str = ".*",
        write: str = ".*",
        read: str = ".*",
    ) -> None:
        """What the user may do in the virtual host, as three regular expressions."""
        patterns = ", ".join(map(_binary, (user, vhost, configure, write, read)))
        self.evaluate(
            f'ok = rabbit_auth_backend_internal:set_permissions({patterns}, <<"heliograph">>)'
        )

    def set_topic_permissions(
        self, user: str, exchange: str, *, vhost: str = "/", write: str, read: str
    ) -> None:
        """Which routing keys the user may publish and bind on a topic exchange."""
        patterns = ", ".join(map(_binary, (user, vhost, exchange, write, read)))
        self.evaluate(
            f'ok = rabbit_auth_backend_internal:set_topic_permissions({patterns}, <<"heliograph">>)'
        )

    def grant(self, user: str, rights: AgentRights, *, vhost: str = "/") -> None:
        """Give a user an agent's rights."""
        for topic in rights.topics:
            self.set_topic_permissions(
                user, topic.exchange, vhost=vhost, write=topic.write, read=topic.read
            )
        self.set_permissions(
            user, vhost=vhost, configure=rights.configure, write=rights.write, read=rights.read
        )

    def _start_once(self, installation: Installation) -> None:
        if self.port is None:
            self.port = ports.choose()
        elif not ports.is_free(self.port):
            raise PortInUse(SERVICE, self.port, self._port_setting)
        self._distribution_port, self._epmd_port = ports.choose(), ports.choose()
        if self._management and self.management_port is None:
            self.management_port = ports.choose()
        with locked(self.base_dir) as lock:
            self.log.unlink(missing_ok=True)
            self.name = prepare(self.base_dir, self.port, self.management_port)
            self._epmd = KeptProcess.started(
                [installation.epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1"],
                log=self.base_dir / "log" / "epmd.log",
                cwd=self.base_dir,
            )
            epmd_port = self._epmd_port
            if not wait_until(lambda: ports.answers(epmd_port), timeout=10):
                raise NodeDidNotStart("epmd", "did not start", self.base_dir / "log" / "epmd.log")
            self._server = KeptProcess.started(
                [installation.scripts / "rabbitmq-server"],
                log=self.log,
                env=self._environment(),
                cwd=self.base_dir,
                hold=lock,
            )
        self._await_ready(self._server, self.port)

    def _environment(self) -> dict[str, str]:
        return environment(self.base_dir, self.name, self._distribution_port, self._epmd_port)

    def _await_ready(self, server: KeptProcess, port: int) -> None:
        web = self.management_port
        ready = wait_until(
            lambda: (
                not server.alive
                or (ports.answers(port, AMQP_GREETING) and (web is None or ports.answers(web)))
            ),
            timeout=START_TIMEOUT,
        )
        if not server.alive:
            raise NodeDidNotStart(SERVICE, "ended while it started", self.log)
        if not ready:
            raise NodeDidNotStart(SERVICE, f"was not ready in {START_TIMEOUT:.0f} s", self.log)

    def _last_log(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _found(self) -> Installation:
        self._running()
        return self._installation or find_installation()

    def _running(self) -> KeptProcess:
        if self._server is None:
            raise NodeCommandFailed("RabbitNode", "the node is not running; call start() first")
        return self._server

    def _run(self, command: list[str], shown: list[str], text: str = "") -> str:
        try:
            done = subprocess.run(
                command,
                env=self._environment(),
                input=text,
                capture_output=True,
                text=True,
                timeout=COMMAND_TIMEOUT,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NodeCommandFailed(" ".join(shown), "no answer in time") from None
        if done.returncode != 0:
            raise NodeCommandFailed(" ".join(shown), done.stdout + done.stderr)
        return done.stdout


def _binary(text: str) -> str:
    """An Erlang binary literal, all escapes: erl_call reads its input as Latin-1."""
    escaped = "".join(f"\\x{{{ord(character):x}}}" for character in text)
    return f'<<"{escaped}"/utf8>>'
