"""Broken copies of the Compose file's wiring: what is replaced, by what, and the finding."""

from __future__ import annotations

from typing import Final

_MONGO: Final = "    networks: [inside]\n    mem_limit: 1g\n"
_RABBIT: Final = '"rabbitmq-diagnostics", "--quiet", "check_port_connectivity"'

WIRING: Final = {
    "a database on a port": (
        _MONGO,
        _MONGO + '    ports: ["127.0.0.1:27017:27017"]\n',
        "mongodb: can be reached by others than the services.",
    ),
    "a database on two networks": (
        _MONGO,
        _MONGO.replace("[inside]", "[inside, outside]"),
        "mongodb: can be reached by others than the services.",
    ),
    "no walls": (
        "    internal: true\n",
        "    internal: false\n",
        "the network inside is not internal.",
    ),
    "a service on another network": (
        "  webhook:\n    <<: *service\n",
        "  webhook:\n    <<: *service\n    networks: [outside]\n",
        "webhook: is not on the network inside.",
    ),
    "a sender that reaches no provider": (
        "  sender:\n    <<: *service\n",
        "  sender:\n    <<: *service\n    networks: [inside]\n",
        "sender: has no network that leads out.",
    ),
    "a port that nobody reaches": (
        "  webhook:\n    <<: *service\n",
        "  webhook:\n    <<: *service\n    networks: [inside]\n",
        "webhook: has no network that leads out.",
    ),
    "no replica set": (
        '"--replSet", "rs0", ',
        "",
        "mongodb: is not the replica set rs0 of the URI.",
    ),
    "another replica set": (
        '"--replSet", "rs0", ',
        '"--replSet", "rs1", ',
        "mongodb: is not the replica set rs0 of the URI.",
    ),
    "a database that forgets": (
        'volumes: ["mongodb:/data/db", "mongodb-config:/data/configdb"]',
        'volumes: ["mongodb-config:/data/configdb"]',
        "mongodb: keeps /data/db in no named volume.",
    ),
    "a broker that forgets": (
        '    volumes: ["rabbitmq:/var/lib/rabbitmq"]\n',
        "",
        "rabbitmq: keeps /var/lib/rabbitmq in no named volume.",
    ),
    "a broker without plugins": (
        "      - {source: rabbitmq_plugins, target: /etc/rabbitmq/enabled_plugins}\n",
        "",
        "rabbitmq: is not told which plugins it has.",
    ),
    "a broker without a user": (
        "      - {source: rabbitmq_user, target: /etc/rabbitmq/conf.d/30-user.conf}\n",
        "      - {source: rabbitmq_user, target: /etc/rabbitmq/conf.d/30-user.txt}\n",
        "rabbitmq: is not told who its user is.",
    ),
    "alive is not ready": (
        '"/opt/probe.py", "/readyz"]',
        '"/opt/probe.py", "/livez"]',
        "webhook: its health check is not `python /opt/probe.py /readyz`.",
    ),
    "a broker that is always healthy": (
        _RABBIT,
        '"true"',
        "rabbitmq: its health check is not `rabbitmq-diagnostics --quiet check_port_connectivity`.",
    ),
    "a database that is always healthy": (
        "if (!db.hello().isWritablePrimary) quit(1)",
        "",
        "mongodb: its health check does not see whether it takes writes.",
    ),
    "another preparation": (
        'command: ["--prepare"]',
        'command: ["--once"]',
        "prepare: its command is ['--once'], not ['--prepare'].",
    ),
}
