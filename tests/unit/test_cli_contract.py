"""The command line and the API agree: what is asked is what a route takes, what is shown is what a
route gives. The stand-in of the other tests cannot drift from the real table unnoticed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from common.sending_rules import NAMES
from health.api import table
from health.api.agents import AgentView, CreatedAgentView
from health.api.approvals import ApprovalView
from health.api.audit import ActorItem, AuditItem
from health.api.circuits import CircuitView
from health.api.connections import CallbackOut, ConnectionOut
from health.api.consents import ConsentEntryView, ConsentHistoryView, ConsentView, ProvidersListView
from health.api.conversations import ConversationItem
from health.api.dead_letter_views import (
    ContentView,
    ForecastView,
    ParkedItem,
    ParkedQueueItem,
)
from health.api.executions import ExecutionItem, StepItem
from health.api.failover import WayView
from health.api.holds import HeldConversationView
from health.api.keys import KeyView
from health.api.me import MeView
from health.api.messages import TextItem
from health.api.number_rules import Effective, RulesView
from health.api.numbers import NumberView
from health.api.overview import ConnectionState
from health.api.providers import ParameterView, ProviderView
from health.api.sending import StopView, SwitchView, TenantSwitchView
from health.api.tenants import TenantView
from health.web.routes import Route
from heliograph.cli import (
    agents,
    approvals,
    audit,
    connections,
    consents,
    conversations,
    dead_letters,
    failover,
    gate,
    keys,
    messages,
    numbers,
    overview,
    providers,
    rules,
    sending,
    sign_in,
    tenants,
)
from heliograph.cli.columns import Columns
from tests.unit.cli_stand_in import NUMBER, REMOTE, Asked
from tests.unit.cli_world import Cli

READING = (
    "whoami",
    "providers",
    "providers acs",
    "overview --hours 48",
    "connections list --status active",
    "connections show c1",
    "connections callbacks c1",
    "check c1",
    "numbers list --connection c1 --agent front-desk",
    f"numbers show {NUMBER}",
    f"gate show {NUMBER}",
    f"numbers rules {NUMBER}",
    f"numbers failover {NUMBER}",
    "sending show",
    "sending show --all",
    "conversations held",
    f"approvals list --number {NUMBER}",
    "approvals show m2",
    f"opt-outs list --number {NUMBER} --remote {REMOTE}",
    "opt-outs list --review",
    "opt-outs list --lifted",
    f"opt-outs show {NUMBER} {REMOTE}",
    f"conversations list --number {NUMBER} --remote {REMOTE}",
    "conversations list --since 7d --until 2026-06-01 --state opted_out",
    "conversations show conv-1",
    (
        f"messages search --number {NUMBER} --since 2h --until 2026-06-01 --direction outbound"
        " --status held --state held"
    ),
    "messages search --report-missing --status uncertain",
    f"messages executions --number {NUMBER} --remote {REMOTE} --since 7d --until 2026-06-01",
    "messages show m1",
    "execution m1",
    "agents list --limit 3",
    "agents show front-desk",
    "keys list",
    "keys list --operators",
    "audit list --action number.gate_on --target x",
    "audit list --actor Ada --since 7d --until 2026-06-01",
    "audit list --all-tenants",
    "tenants list",
    "tenants show acme",
    "dead-letters list",
    "dead-letters show dead.sender.commands --limit 5",
    "dead-letters show dead.sender.commands --only-reason wrong_shape --only-type command.send",
    "dead-letters replay dead.sender.commands --all --only-reason x --dry-run",
    "dead-letters replay dead.sender.commands r1 --dry-run",
)
CHANGING = (
    (
        "connect --provider acs --name Main --description x --set connection_string=new "
        "--accept-opt-out --number 86753 --type short_code --agent front-desk"
    ),
    (
        "connect --provider acs --name Main --partner infobip --set connection_string=new"
        " --set partner_key=new"
    ),
    "connections update c1 --name B --description c",
    "connections update c1 --set connection_string=new",
    "connections rotate c1 --set secondary_connection_string=new",
    "connections reconnect c1 --set connection_string=new",
    "connections disconnect c1 --yes",
    "numbers add c1 86753 --type short_code --agent front-desk --owner a --owner b --region US",
    f"numbers edit {NUMBER} --name Main --type local --owner a --region CA",
    f"numbers edit {NUMBER} --name=",
    f"numbers move {NUMBER} c1",
    f"numbers assign {NUMBER} sales",
    f"numbers remove {NUMBER} --yes",
    f"gate on {NUMBER} --yes",
    f"gate off {NUMBER}",
    f"numbers rules {NUMBER} --set long_text=split --set daily_texts=5 --set quiet_from=none",
    f"numbers rules {NUMBER} --set transliterate=on --set registered_in=GB,IE --set daily_cost=20",
    f"numbers failover {NUMBER} c2 c3",
    f"numbers failover {NUMBER} --none",
    "sending stop --reason Prices --yes",
    "sending resume --yes",
    "sending stop --all --yes",
    "sending resume --all --yes",
    "conversations resume conv-1",
    "approvals approve m2",
    "approvals approve m2 --text Later!",
    "approvals reject m2 --reason No",
    f"opt-outs add {NUMBER} {REMOTE}",
    f"opt-outs add {NUMBER} {REMOTE} --note Phoned",
    f"opt-outs lift {NUMBER} {REMOTE} --note Mailed --yes",
    f"opt-outs confirm {NUMBER} {REMOTE}",
    f"opt-outs undo {NUMBER} {REMOTE} --note Misread",
    f"opt-outs check {NUMBER} {REMOTE}",
    "agents create sales --name Sales --kind personal_assistant --employee Jane --bus-user acme.s",
    "agents update front-desk --name B --kind agent --employee= --bus-user acme.b",
    "agents activate front-desk",
    "agents deactivate front-desk",
    "agents password front-desk",
    "keys make CI --role approver --expires 90d",
    "keys make Ops --operators",
    "keys revoke k9",
    "keys revoke k9 --operators",
    "tenants create globex --name Globex --feature custom.acs_sms",
    "tenants update acme --name B --feature a --feature b",
    "tenants update acme --opt-out-scope tenant",
    "tenants accept-opt-out --yes",
    "dead-letters read dead.sender.commands r1 --reason Ticket",
    "dead-letters edit dead.sender.commands r1 --body - --reason Ticket --yes",
    "dead-letters edit dead.sender.commands r1 --body - --reason Ticket --dry-run",
    "dead-letters replay dead.sender.commands r1 --reason Ticket",
    "dead-letters replay dead.sender.commands --all --only-type x --reason Ticket --yes",
    "dead-letters drop dead.sender.commands r1 --reason Ticket --yes",
    "dead-letters drop dead.sender.commands --all --only-reason x --reason Ticket --yes",
)


def route_of(asked: Asked) -> Route:
    for route in table.ROUTES:
        pattern = re.sub(r"\{\w+\}", "[^/]+", route.path)
        if route.method == asked.method and re.fullmatch(pattern, asked.path):
            return route
    message = f"The API has no {asked.method} {asked.path}."
    raise AssertionError(message)


@pytest.mark.parametrize("command", [*READING, *CHANGING])
def test_the_api_takes_what_a_command_asks(tmp_path: Path, command: str) -> None:
    cli = Cli(tmp_path)
    ran = cli(*command.split(), piped="{}")
    assert ran.code == 0, ran.err
    for asked in cli.api.asked:
        route = route_of(asked)
        assert route.versioned is ("if-match" in asked.headers), route.name
        if route.query is not None:
            route.query.model_validate(dict(asked.query))
        else:
            assert not asked.query, route.name
        if route.body is not None:
            route.body.model_validate(asked.body)
        else:
            assert not asked.body, route.name


SHOWN: list[tuple[Columns, type[BaseModel]]] = [
    (sign_in.ME, MeView),
    (providers.PROVIDERS, ProviderView),
    (providers.PARAMETERS, ParameterView),
    (connections.CONNECTIONS, ConnectionOut),
    (connections.CONNECTION, ConnectionOut),
    (connections.CALLBACK, CallbackOut),
    (overview.CONNECTIONS, ConnectionState),
    (numbers.NUMBER, NumberView),
    (gate.GATE, NumberView),
    (rules.RULES, RulesView),
    (failover.WAYS, WayView),
    (sending.TENANT, TenantSwitchView),
    (sending.EVERYBODY, SwitchView),
    (conversations.HELD, HeldConversationView),
    (approvals.APPROVALS, ApprovalView),
    (approvals.APPROVAL, ApprovalView),
    (consents.CONSENTS, ConsentView),
    (consents.CONSENT, ConsentHistoryView),
    (consents.HISTORY, ConsentEntryView),
    (consents.ON_LIST, ProvidersListView),
    (conversations.CONVERSATIONS, ConversationItem),
    (conversations.CONVERSATION, ConversationItem),
    (messages.MESSAGES, TextItem),
    (messages.MESSAGE, TextItem),
    (messages.EXECUTION, ExecutionItem),
    (messages.EXECUTIONS, ExecutionItem),
    (messages.STEPS, StepItem),
    (agents.AGENTS, AgentView),
    (agents.CREATED, CreatedAgentView),
    (keys.KEYS, KeyView),
    (tenants.TENANTS, TenantView),
    (audit.ENTRIES, AuditItem),
    (dead_letters.QUEUES, ParkedQueueItem),
    (dead_letters.LETTERS, ParkedItem),
    (dead_letters.CONTENT, ContentView),
    (dead_letters.FORECAST, ForecastView),
]
WITHIN: dict[str, type[BaseModel]] = {
    "actor": ActorItem,
    "newest": TextItem,
    "effective": Effective,
    "circuit": CircuitView,
    "forecast": ForecastView,
    "tenant": StopView,
    "everywhere": StopView,
}
OWN = {"counts", "order"}
"""What a command works out itself."""


@pytest.mark.parametrize(("columns", "model"), SHOWN)
def test_the_api_gives_what_a_command_shows(columns: Columns, model: type[BaseModel]) -> None:
    for column in columns:
        first, _, rest = column.name.partition(".")
        if first in OWN:
            continue
        assert first in model.model_fields, column
        if rest:
            assert rest in WITHIN[first].model_fields, column


def test_the_command_line_knows_every_rule() -> None:
    assert tuple(rules.KINDS) == NAMES
    assert set(rules.KINDS) <= set(RulesView.model_fields)


@pytest.mark.parametrize(
    "change", ["daily_texts", "dayly_texts=5", "daily_texts=many", "transliterate=perhaps", "=5"]
)
def test_a_misspelt_rule_changes_nothing(tmp_path: Path, change: str) -> None:
    cli = Cli(tmp_path)
    ran = cli("numbers", "rules", NUMBER, "--set", change)
    assert ran.code == 2
    assert all(asked.method == "GET" for asked in cli.api.asked)


def test_sending_is_not_stopped_without_a_yes(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    assert cli("sending", "stop", typed="n\n").code == 1
    assert cli("sending", "resume", "--all", typed="\n").code == 1
    assert all(asked.method == "GET" for asked in cli.api.asked)
