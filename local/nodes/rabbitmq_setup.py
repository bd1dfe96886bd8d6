"""What a private RabbitMQ needs before it runs: the programs, the files, the environment.

The server script under its library folder is called with `RABBITMQ_*` variables; Debian's wrapper
in /usr/sbin would change to the user `rabbitmq` and to system directories. Two facts found by
experiment with RabbitMQ 3.10:

- `RUNNING_UNDER_SYSTEMD` makes the script *exec* the Erlang machine, so that its process ID is the
  one we started; otherwise a shell stays in between;
- an Erlang node starts a daemonised epmd when it finds none, which nobody would end, so epmd is
  started before it, in the foreground, and `-start_epmd false` forbids the other.
"""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from local.nodes.errors import RabbitMQMissing

DEBIAN_LIBRARY = Path("/usr/lib/rabbitmq/lib")

SMALL_AND_QUICK = "+S 2:2 +sbwt very_short +sbwtdio very_short"
"""Two schedulers, which wait a moment for more work before they sleep: RabbitMQ's default, no wait,
costs a wake-up for each of the thousands of file reads of a start (2.2 s become 5.8 s)."""

# Erlang terms. `wal_max_size_bytes` keeps quorum queues from 512 MB logs; guest may connect, as it
# does from the loopback interface only.
CONFIGURATION = """\
[{{rabbit, [{{tcp_listeners, [{{"127.0.0.1", {port}}}]}},
           {{disk_free_limit, 50000000}},
           {{cluster_formation, []}}]}},
 {{ra, [{{wal_max_size_bytes, 67108864}}]}}{plugins}].
"""

# RabbitMQ documentation, "Management Plugin": the listener's port and interface.
MANAGEMENT = """,
 {{rabbitmq_management, [{{tcp_config, [{{port, {port}}}, {{ip, "127.0.0.1"}}]}}]}}"""


@dataclass(frozen=True)
class Installation:
    """Where the programs are."""

    scripts: Path
    epmd: Path
    erl_call: Path


def find_installation(library: Path = DEBIAN_LIBRARY) -> Installation:
    """A real script folder on PATH first (not Debian's wrapper), then Debian's library folder.

    Raises RabbitMQMissing.
    """
    erl = shutil.which("erl")
    candidates = sorted(library.glob("rabbitmq_server-*/sbin"), reverse=True)
    on_path = shutil.which("rabbitmq-server")
    if on_path is not None:
        candidates.insert(0, Path(on_path).resolve().parent)
    scripts = next((folder for folder in candidates if (folder.parent / "escript").is_dir()), None)
    if erl is None or scripts is None:
        raise RabbitMQMissing
    programs = Path(erl).resolve().parent
    return Installation(scripts, programs / "epmd", programs / "erl_call")


def prepare(base_dir: Path, port: int, management_port: int | None = None) -> str:
    """Write cookie and configuration; return the node's name.

    The name stays as it was in an earlier run, because RabbitMQ binds its data to it. The
    management plugin is on where it has a port.
    """
    for folder in ("home", "mnesia"):
        (base_dir / folder).mkdir(exist_ok=True)
    cookie = base_dir / "home" / ".erlang.cookie"
    name = base_dir / "name"
    _write_once(cookie, secrets.token_hex(16))
    _write_once(name, f"heliograph-{secrets.token_hex(4)}@localhost")
    managed = management_port is not None
    plugins = MANAGEMENT.format(port=management_port) if managed else ""
    (base_dir / "advanced.config").write_text(CONFIGURATION.format(port=port, plugins=plugins))
    (base_dir / "enabled_plugins").write_text("[rabbitmq_management].\n" if managed else "[].\n")
    return name.read_text()


def _write_once(path: Path, text: str) -> None:
    """Whole or not at all, and only for its owner: Erlang refuses a cookie that others may read."""
    if path.exists():
        return
    partial = path.with_name(f"{path.name}.partial")
    partial.touch(mode=0o600)
    partial.write_text(text)
    partial.rename(path)


def environment(
    base_dir: Path, name: str, distribution_port: int, epmd_port: int
) -> dict[str, str]:
    """Of the server and of its commands; nothing under /etc or /var is read or written."""
    loopback = "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false"
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("RABBITMQ_", "ERL_"))},
        "HOME": str(base_dir / "home"),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "ERL_EPMD_PORT": str(epmd_port),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(base_dir / "advanced.config"),
        "RABBITMQ_CONFIG_FILE": str(base_dir / "no.conf"),
        "RABBITMQ_CONF_ENV_FILE": str(base_dir / "no-env.conf"),
        "RABBITMQ_CTL_ERL_ARGS": loopback,
        "RABBITMQ_DIST_PORT": str(distribution_port),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(base_dir / "enabled_plugins"),
        "RABBITMQ_LOG_BASE": str(base_dir / "log"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_MNESIA_BASE": str(base_dir / "mnesia"),
        "RABBITMQ_NODENAME": name,
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{SMALL_AND_QUICK} {loopback}",
        "RUNNING_UNDER_SYSTEMD": "true",
    }
