"""docs/simulator.md names every route, fault, parameter, field and option, and no others; its
examples run."""

import asyncio
import re
import shlex
import sys
from pathlib import Path

import aiohttp
import pytest
from simulator_world import NUMBER, PHONE, Endpoint

from local.simulator import FAULTS, Simulator, Subscription
from local.simulator.faults import Fault

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/simulator.md").read_text(encoding="utf-8")
START, EXAMPLES = (
    block.replace("\\\n", " ")
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
)


def rows(header: str) -> dict[str, str]:
    """The second cell of each row of the table whose first heading this is, by the first cell."""
    table = PAGE.split(f"\n| {header} |")[1].split("\n\n")[0]
    cells = re.findall(r"^\| `([^`]+)` \| (.*?) ?\|", table, re.MULTILINE)
    return dict(cells)


def test_the_page_names_every_route_and_no_other(sim: Simulator) -> None:
    assert sim._runner is not None
    app = sim._runner.app
    assert app is not None
    served = {
        f"{route.method} {route.resource.canonical}"
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    provider = {name for name in served if "/simulator/" not in name}
    assert set(rows("route")) == served - provider
    assert "`POST /sms`" in PAGE
    for action in ("add", "remove", "check"):
        provider.discard(f"POST /sms/optouts:{action}")
        assert f"`POST /sms/optouts:{action}`" in PAGE or f"`:{action}`" in PAGE
    assert provider == {"POST /sms", "GET /deliveryReports/{message_id}"}
    assert "`GET /deliveryReports/{message_id}`" in PAGE


def test_the_page_names_every_fault_with_its_parameters_and_no_other() -> None:
    told = {name: set(re.findall(r"`(\w+)` \(", cell)) for name, cell in rows("fault").items()}
    assert told == {
        name: set(model.model_fields) - set(Fault.model_fields) for name, model in FAULTS.items()
    }
    assert all(f"`{name}`" in PAGE for name in Fault.model_fields)


def test_the_page_names_every_field_of_a_subscription_and_no_other() -> None:
    fields = {field.alias or name for name, field in Subscription.model_fields.items()}
    assert set(rows("field")) == fields


async def test_help_names_the_options_of_the_page_and_the_page() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "local.simulator", "--help"),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    shown = (await process.communicate())[0].decode()
    assert "docs/simulator.md" in shown
    assert set(rows("option")) | {"--help"} == set(re.findall(r"--[a-z-]+[a-z]", shown))


async def test_the_command_of_the_page_starts_a_simulator() -> None:
    program, *arguments = shlex.split(START.replace("8500", "0"))
    assert program == "python"
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout
    assert (await process.stdout.readline()).startswith(b"simulator listening on http://127.0.0.1:")
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_the_examples_of_the_page_do_what_they_say(
    sim: Simulator, endpoint: Endpoint
) -> None:
    text = EXAMPLES.replace("http://127.0.0.1:8500", sim.url).replace("timeout=10", "timeout=0")
    text = re.sub(r"http://127\.0\.0\.1:8080[^?]+", endpoint.url, text)
    calls = [line.removeprefix("curl ") for line in text.splitlines() if line.startswith("curl ")]
    assert len(calls) == 5
    async with aiohttp.ClientSession() as session:
        for call in calls:
            method, body, url = parsed(call)
            async with session.request(method, url, data=body) as answer:
                assert answer.status in (200, 201), call
    assert [event["data"]["message"] for event in await endpoint.wait_for(1)] == ["Hello?"]
    assert endpoint.deliveries[0].query == {"code": "secret"}
    assert sim.phone(PHONE).sent[0].to == NUMBER
    assert sim.faults.facts()["cut_after_accept"]["count"] == 1


def parsed(call: str) -> tuple[str, str | None, str]:
    """A curl command as method, body and address."""
    words = iter(shlex.split(call))
    method, body, url = None, None, ""
    for word in words:
        if word == "-d":
            body = next(words)
        elif word == "-X":
            method = next(words)
        elif word != "-N":
            url = word
    return method or ("POST" if body else "GET"), body, url
