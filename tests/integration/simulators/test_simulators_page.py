"""docs/simulators.md names every simulator, option, fault and parameter, and no others; its
examples run."""

from __future__ import annotations

import re
import shlex
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hook_world import NUMBER, Hook

from local.simulator.faults import Fault
from local.simulators import SIMULATORS
from local.simulators.__main__ import parser
from local.simulators.faults import FAULTS
from local.simulators.twilio import Twilio

PAGE = (Path(__file__).parents[3] / "docs/simulators.md").read_text(encoding="utf-8")
START, EXAMPLES = (
    block.replace("\\\n", " ")
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
)


def rows(header: str) -> list[list[str]]:
    """The cells of each row of the table whose first heading this is."""
    table = PAGE.split(f"\n| {header} |")[1].split("\n\n")[0]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines()[2:]]


def parameters(model: type[Fault]) -> set[str]:
    return set(model.model_fields) - set(Fault.model_fields)


def test_the_page_names_every_shared_fault_in_order_and_with_its_parameters() -> None:
    told = [(name, re.findall(r"`(\w+)`", cell)) for name, cell, _ in rows("fault")]
    assert [name.strip("`") for name, _ in told] == list(FAULTS)
    for name, named in told:
        assert parameters(FAULTS[name.strip("`")]) == set(named)


def test_the_page_names_every_fault_of_one_provider_with_its_parameters() -> None:
    told = {
        (of.strip("`"), name.strip("`")): set(re.findall(r"`(\w+)` \(", cell))
        for name, of, cell, _ in rows("own fault")
    }
    assert told == {
        (provider, name): parameters(model)
        for provider, simulator in SIMULATORS.items()
        for name, model in simulator.faults_of_its_own.items()
    }


def test_the_page_names_every_option_of_every_simulator() -> None:
    shared = {name.strip("`") for name, *_ in rows("option")}
    accounts = {
        name.strip("`"): set(re.findall(r"--[a-z-]+", of)) for name, of, _ in rows("simulator")
    }
    assert set(accounts) == set(SIMULATORS)
    for name, account in accounts.items():
        assert options(name) == shared | account


def options(name: str) -> set[str]:
    (choice,) = (action for action in parser()._actions if action.dest == "provider")
    assert choice.choices is not None
    one: Any = dict(choice.choices)[name]
    return {option for action in one._actions for option in action.option_strings} - {
        "-h",
        "--help",
    }


@pytest.fixture
async def sim() -> AsyncIterator[Twilio]:
    """What the page's command starts."""
    arguments = parser().parse_args(shlex.split(START)[3:])
    assert (arguments.provider, arguments.number, arguments.port) == ("twilio", [NUMBER], 8500)
    simulator = Twilio(
        account_sid=arguments.account_sid, auth_token=arguments.auth_token, numbers=[NUMBER]
    )
    async with simulator:
        yield simulator


async def test_the_examples_of_the_page_do_what_they_say(sim: Twilio, hook: Hook) -> None:
    text = EXAMPLES.replace("http://127.0.0.1:8500", sim.url).replace("timeout=10", "timeout=0")
    text = text.replace("http://127.0.0.1:8080", hook.url(""))
    calls = [line.removeprefix("curl ") for line in text.splitlines() if line.startswith("curl ")]
    assert len(calls) == 5
    async with aiohttp.ClientSession() as session:
        for call in calls:
            words = shlex.split(call)
            url, body = words[-1], words[words.index("-d") + 1] if "-d" in words else None
            method = "PUT" if "-X" in words else "POST" if body else "GET"
            async with session.request(method, url, data=body) as answer:
                assert answer.status in (200, 201), call
    (request,) = await hook.wait_for(1)
    assert request.url == hook.url("/api/webhooks/twilio/con-1/token")
    assert sim.faults.facts()["cut_after_accept"]["count"] == 1
    assert sim.auth_token == "another"
