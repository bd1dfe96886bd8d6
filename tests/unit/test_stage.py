"""The stage of `make run`: its demo agent has the rights that docs/agents.md asks for, no more."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest

from common.bus.rights import AgentRights
from local import stage
from local.nodes import RabbitNode

pytestmark = pytest.mark.unit

PAGE = (Path(__file__).parents[2] / "docs/agents.md").read_text(encoding="utf-8")


class Broker:
    """Notes who may do what."""

    port = 5672

    def __init__(self) -> None:
        self.users: dict[str, str] = {}
        self.rights: dict[str, AgentRights] = {}

    def add_user(self, name: str, password: str) -> None:
        self.users[name] = password

    def grant(self, name: str, rights: AgentRights) -> None:
        self.rights[name] = rights


def test_the_demo_agents_user_has_exactly_the_rights_of_the_agents_page() -> None:
    broker = Broker()
    url = stage._make_agent_user(cast("RabbitNode", broker))
    told = re.findall(r"^\| (configure|write|read) \| `(.+)` \|$", PAGE, re.MULTILINE)
    ((user, password),) = broker.users.items()
    rights = broker.rights[user]
    given = {right: getattr(rights, right).replace("|", "\\|") for right, _ in told}
    assert given == dict(told)
    assert len(told) == 3
    topics = re.findall(r"^\| topic write, `(.+)` \| `(.+)` \|$", PAGE, re.MULTILINE)
    assert {topic.exchange: topic.write for topic in rights.topics} == dict(topics)
    assert len(topics) == 2
    assert url == f"amqp://{user}:{password}@127.0.0.1:5672/"
