"""The rules of agents and of their broker users, as far as they are pure."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from common.bus.rights import NOTHING, agent_rights
from common.secrets import generate_master_key
from common.store.control import AgentKind
from health.api.agents import AgentChanges, NewAgent
from health.desk.agents import completed, require_fitting, require_own
from health.desk.broker_users import vhost_of
from health.settings import HealthSettings
from health.web.problems import Problem

ASSISTANT, AGENT = AgentKind.PERSONAL_ASSISTANT, AgentKind.AGENT
PAGE = Path(__file__).parents[2] / "docs" / "agents.md"


@pytest.mark.parametrize(("kind", "employee"), [(ASSISTANT, "Jane"), (AGENT, None)])
def test_only_a_personal_assistant_has_an_employee(kind: AgentKind, employee: str | None) -> None:
    require_fitting(kind, employee)


@pytest.mark.parametrize(
    ("kind", "employee"), [(ASSISTANT, None), (ASSISTANT, ""), (AGENT, "Jane")]
)
def test_an_employee_too_many_or_too_few_is_refused(kind: AgentKind, employee: str | None) -> None:
    with pytest.raises(Problem) as refused:
        require_fitting(kind, employee)
    assert refused.value.status == 422
    assert set(refused.value.fields) == {"employee"}


def test_who_stops_being_an_assistant_loses_the_employee() -> None:
    assert completed({"kind": AGENT}) == {"kind": AGENT, "employee": None}
    assert completed({"kind": AGENT, "employee": "J"}) == {"kind": AGENT, "employee": "J"}
    assert completed({"kind": ASSISTANT}) == {"kind": ASSISTANT}
    assert completed({"name": "N"}) == {"name": "N"}


@pytest.mark.parametrize("user", ["front-desk", "acme.desk", "acme.a.b"])
def test_a_users_name_is_free_or_begins_with_its_tenant(user: str) -> None:
    require_own("acme", user)


@pytest.mark.parametrize("user", ["globex.desk", "acme2.desk", "acm.desk", ".acme"])
def test_a_users_name_of_another_tenant_is_refused(user: str) -> None:
    with pytest.raises(Problem) as refused:
        require_own("acme", user)
    assert set(refused.value.fields) == {"bus_user"}


def test_null_takes_away_the_employee_and_nothing_else() -> None:
    changes = AgentChanges.model_validate_json(
        '{"name": null, "employee": null, "active": false, "kind": "agent"}'
    )
    assert changes.given() == {"employee": None, "active": False, "kind": AGENT}
    assert AgentChanges().given() == {}


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "a\x00", "x" * 101])
def test_a_name_is_one_line_that_shows(name: str) -> None:
    with pytest.raises(ValidationError):
        NewAgent(id="a", name=name)


def test_blanks_around_a_name_are_none_of_it() -> None:
    assert NewAgent(id="a", name="  Front desk ").name == "Front desk"


@pytest.mark.parametrize("agent_id", ["", "A", "a.b", "a*", "#", "-a", "a" * 65, "a\n", "é"])
def test_an_agents_id_is_a_slug(agent_id: str) -> None:
    with pytest.raises(ValidationError):
        NewAgent(id=agent_id, name="A")


def test_rights_reach_the_agents_own_and_nothing_that_looks_like_it() -> None:
    rights = agent_rights("acme", "front-desk")
    commands, dead = rights.topics
    table = {
        rights.configure: (["reply.acme.front-desk.1"], ["reply.acme.front-desk", "replyxacme"]),
        rights.read: (
            ["agent.acme.front-desk", "reply.acme.front-desk.1"],
            ["agent.acme.front-desk2", "dead.agent.acme.front-desk", "heliograph.agents"],
        ),
        rights.write: (
            ["heliograph.commands", "heliograph.dead"],
            ["heliograph.agents", "heliograph.commands2", "amq.default", "agent.acme.front-desk"],
        ),
        commands.write: (
            ["acme.front-desk.send"],
            ["acme.front-desk2.send", "acmexfront-desk.send", "acme.decided", "xacme.front-desk."],
        ),
        dead.write: (["agent.acme.front-desk"], ["agent.acme.other", "sender.commands"]),
    }
    for pattern, (allowed, refused) in table.items():
        assert all(re.search(pattern, name) for name in allowed), pattern
        assert not any(re.search(pattern, name) for name in refused), pattern
    assert {commands.exchange, dead.exchange} == {"heliograph.commands", "heliograph.dead"}
    assert commands.read == dead.read == NOTHING


def test_the_page_for_agents_names_the_rights_that_are_given() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rights = agent_rights("acme", "front-desk")
    patterns = [rights.configure, rights.write, rights.read, *(t.write for t in rights.topics)]
    for pattern in patterns:
        assert pattern in page, pattern  # In the commands,
        assert pattern.replace("|", r"\|") in page, pattern  # and in the table.


@pytest.mark.parametrize(
    ("url", "vhost"),
    [
        ("amqp://h", "/"),
        ("amqp://u:p@h:5672/", "/"),
        ("amqp://h/%2F", "/"),
        ("amqp://h/test", "test"),
        ("amqps://h/a%2Fb", "a/b"),
    ],
)
def test_the_virtual_host_is_that_of_the_services(url: str, vhost: str) -> None:
    assert vhost_of(url) == vhost


@pytest.mark.parametrize("url", ["https://a:b@h:15671/", "http://a:b@127.0.0.1:15672/rabbit/"])
def test_a_management_address_has_user_and_password(url: str) -> None:
    settings = HealthSettings(master_key=generate_master_key(), rabbitmq_management_url=url)
    assert settings.rabbitmq_management_url is not None
    assert url not in repr(settings)


@pytest.mark.parametrize("url", ["", "h:15672", "ftp://a:b@h/", "https://h/", "https://a@h/"])
def test_a_management_address_without_them_stops_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="with user, password and host"):
        HealthSettings(master_key=generate_master_key(), rabbitmq_management_url=url)
