"""Private RabbitMQ and MongoDB servers on this machine, for the local stack and the tests.

Both nodes are synchronous, listen on 127.0.0.1 only, keep everything in one directory, and end
with the process that started them, however that process ends (see `keeper`).
"""

from local.nodes.errors import (
    MongoMissing,
    NodeCommandFailed,
    NodeDidNotStart,
    NodeDirectoryInUse,
    NodeError,
    PortInUse,
    RabbitMQMissing,
)
from local.nodes.mongodb import MongoNode
from local.nodes.rabbitmq import RabbitNode

__all__ = [
    "MongoMissing",
    "MongoNode",
    "NodeCommandFailed",
    "NodeDidNotStart",
    "NodeDirectoryInUse",
    "NodeError",
    "PortInUse",
    "RabbitMQMissing",
    "RabbitNode",
]
