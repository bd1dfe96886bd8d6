"""The command line as a process, against the real health service and the whole house behind it."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from cli_process import PATIENCE, Ended, Terminal
from console_world import FREE_NUMBERS, NUMBER, ConsoleWorld, open_console

from health.access.roles import Role
from heliograph.cli.errors import ExitCode
from local.demo_agent import ANSWERS, front_desk
from local.nodes import MongoNode, RabbitNode, ports

SECRET: Final = "a-secret-of-this-webhook"
SERVICES: Final = ("webhook", "processor", "sender", "health")
QUESTION: Final = "What time do you open tomorrow?"
ANSWER: Final = ANSWERS[0][1]
ANOTHER_KEY: Final = "YW5vdGhlci1rZXktb2YtdGhlLXNpbXVsYXRvciEhISE="
SEEDED: Final = "acme-acs"


@dataclass(frozen=True, slots=True)
class House:
    """The house, and where files of a person are."""

    world: ConsoleWorld
    folder: Path

    def shell(self, role: Role) -> Terminal:
        """Of somebody whose key is in the environment."""
        return Terminal(self.world.url, self.folder, self.world.keys[role])

    async def done(self, *arguments: str, role: Role = Role.ADMIN) -> Any:
        """What a command that succeeds prints as JSON."""
        ended = await self.shell(role).run(*arguments, "--json")
        assert ended.code == ExitCode.DONE, ended
        return json.loads(ended.out)

    def file(self, name: str, access_key: str) -> str:
        """A file with a connection string of the simulated resource."""
        path = self.folder / name
        path.write_text(f"endpoint={self.world.simulator.url}/;accesskey={access_key}\n")
        return str(path)

    async def held(self, remote: str, body: str = QUESTION) -> str:
        """A phone texts; the ID of the answer, as it waits for a person."""
        waiting = await self.shell(Role.VIEWER).start("approvals", "watch", "--json")
        assert waiting.stdout is not None
        await self.world.simulator.text(remote, NUMBER, body)
        async with asyncio.timeout(PATIENCE):
            async for line in waiting.stdout:
                approval = json.loads(line)
                if approval["remote"] == remote:
                    break
        waiting.send_signal(signal.SIGINT)
        assert await self.shell(Role.VIEWER).end(waiting) == Ended(0, "", "")
        found: str = approval["message_id"]
        return found


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("cli")
    settings = {"webhook_secrets": SECRET, "trust_command_identity": "true"}
    async with open_console(rabbit, mongo, folder / "logs", *SERVICES, **settings) as world:
        await world.simulator.subscribe(f"{world.house.webhook_url}?code={SECRET}")
        agent = front_desk(
            world.house.address.rabbitmq_url,
            tenant_id="acme",
            agent_id=world.seed.agent_id,
            on_event=lambda _: None,
        )
        serving = asyncio.create_task(agent.serve())
        try:
            yield House(world, folder)
        finally:
            await agent.stop()
            await asyncio.gather(serving, return_exceptions=True)


async def test_a_key_from_stdin_is_kept_until_it_is_forgotten(house: House, tmp_path: Path) -> None:
    shell = Terminal(house.world.url, tmp_path)
    signed_in = await shell.run("sign-in", "--key-stdin", stdin=house.world.keys[Role.ADMIN] + "\n")
    assert signed_in.code == ExitCode.DONE, signed_in
    me = await shell.run("whoami", "--json")
    assert json.loads(me.out)["name"] == "the admin"
    assert (await shell.run("sign-out")).code == ExitCode.DONE
    forgotten = await shell.run("whoami")
    assert (forgotten.code, forgotten.out) == (ExitCode.NOT_SIGNED_IN, "")


async def test_a_key_that_is_revoked_ends_with_3(house: House, tmp_path: Path) -> None:
    made = await house.done("keys", "make", "A program", "--role", "viewer")
    shell = Terminal(house.world.url, tmp_path, made["key"])
    assert (await shell.run("connections", "list")).code == ExitCode.DONE
    await house.done("keys", "revoke", made["id"])
    shut_out, typed = await asyncio.gather(
        shell.run("connections", "list"),
        Terminal(house.world.url, tmp_path).run("sign-in", "--key-stdin", stdin=made["key"]),
    )
    assert (shut_out.code, typed.code) == (ExitCode.NOT_SIGNED_IN, ExitCode.NOT_SIGNED_IN)
    assert made["key"] not in shut_out.err + typed.err
    assert not (tmp_path / "heliograph").exists()


async def test_a_number_is_connected_repaired_rotated_moved_and_disconnected(house: House) -> None:
    simulator, number = house.world.simulator, FREE_NUMBERS[0]
    first, second = house.file("first", simulator.access_key), house.file("second", ANOTHER_KEY)
    made = await house.done(
        *("connect", "--provider", "acs", "--name", "By hand", "--accept-opt-out"),
        *("--set-file", f"connection_string={first}"),
        *("--number", number, "--type", "toll_free", "--agent", house.world.seed.agent_id),
    )
    connection = made["id"]
    listed = await house.done("connections", "list")
    assert {item["id"]: item["status"] for item in listed["items"]}[connection] == "active"
    good = simulator.access_key
    simulator.regenerate_key(ANOTHER_KEY)
    try:
        broken = await house.shell(Role.ADMIN).run("check", connection)
        assert broken.code == ExitCode.REFUSED
        assert "does not accept the access key" in broken.out
        update = ("connections", "update", connection, "--set-file")
        repaired = await house.done(*update, f"connection_string={second}")
        assert repaired["status"] == "active"
        simulator.regenerate_key(good)
        rotate = ("connections", "rotate", connection, "--set-file")
        rotated = await house.done(*rotate, f"secondary_connection_string={first}")
        assert rotated["secrets"] == ["connection_string", "secondary_connection_string"]
    finally:
        simulator.regenerate_key(good)
    moved = await house.done("numbers", "move", number, SEEDED)
    assert (moved["connection_id"], moved["gate_on"]) == (SEEDED, False)
    gone = await house.done("connections", "disconnect", connection, "--yes")
    assert (gone["status"], gone["numbers"]) == ("disconnected", 0)
    assert set(gone["public"].values()) == {"[CLEARED]"}


async def test_the_switch_is_turned_on_and_off(house: House) -> None:
    on = await house.done("gate", "on", NUMBER, "--yes")
    assert (on["gate_on"], on["gate_changed_by"]) == (True, "the admin")
    off = await house.done("gate", "off", NUMBER)
    assert off["gate_on"] is False
    shown = await house.done("gate", "show", NUMBER, role=Role.VIEWER)
    assert shown["gate_on"] is False


async def test_what_is_refused_says_why_and_ends_with_1(house: House) -> None:
    broken = house.folder / "broken"
    broken.write_text(f"accesskey={ANOTHER_KEY}")
    connect = ("connect", "--provider", "acs", "--name", "Never", "--accept-opt-out", "--set-file")
    malformed, rejected, forbidden, unknown = await asyncio.gather(
        house.shell(Role.ADMIN).run(*connect, f"connection_string={broken}"),
        house.shell(Role.ADMIN).run(
            *connect, f"connection_string={house.file('wrong', ANOTHER_KEY)}"
        ),
        house.shell(Role.VIEWER).run("gate", "on", NUMBER, "--yes"),
        house.shell(Role.ADMIN).run("numbers", "show", "+18005550199"),
    )
    every = (malformed, rejected, forbidden, unknown)
    assert [(it.code, it.out) for it in every] == [(ExitCode.REFUSED, "")] * 4
    assert "endpoint=" in malformed.err
    assert "access key" in rejected.err
    assert "needs the role admin" in forbidden.err
    assert ANOTHER_KEY not in malformed.err + rejected.err


async def test_whom_somebody_forestalls_ends_with_5_and_changes_nothing(house: House) -> None:
    async def meanwhile() -> str:
        await house.done("connections", "update", SEEDED, "--name", "Renamed meanwhile")
        return "y"

    late = await house.shell(Role.ADMIN).type(
        "connections", "disconnect", SEEDED, at="Disconnect?", answer=meanwhile
    )
    assert late.code == ExitCode.STALE, late
    shown = await house.done("connections", "show", SEEDED)
    assert (shown["name"], shown["status"]) == ("Renamed meanwhile", "active")


async def test_where_nobody_listens_it_ends_with_4(house: House, tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{ports.choose()}"
    ended = await Terminal(nowhere, tmp_path, house.world.keys[Role.ADMIN]).run("overview")
    assert (ended.code, ended.out) == (ExitCode.UNREACHABLE, "")


async def test_a_held_answer_goes_out_in_the_words_of_a_person(house: House) -> None:
    remote = "+12125550171"
    message_id = await house.held(remote)
    words = "At 9:00, see you then!"
    approve = ("approvals", "approve", message_id, "--text")
    approved = await house.done(*approve, words, role=Role.APPROVER)
    assert (approved["body"], approved["original_body"], approved["edited"]) == (
        words,
        ANSWER,
        True,
    )
    (received,) = await house.world.simulator.wait_for_texts(remote, 1, PATIENCE)
    assert received.body == words
    again = await house.shell(Role.APPROVER).run(*approve, "Something else")
    assert again.code == ExitCode.REFUSED
    assert "the approver" in again.err


async def test_tail_tells_each_text_and_state_as_it_happens(house: House) -> None:
    remote = "+12125550172"
    message_id = await house.held(remote)
    shell = house.shell(Role.APPROVER)
    tail = await shell.start("tail", NUMBER, remote, "--lines", "1", "--json")
    assert tail.stdout is not None
    before = await _told(tail.stdout)
    assert (before["event"], before["message"]["id"]) == ("text", message_id)
    await house.world.simulator.text(remote, NUMBER, "And on Sundays?")
    news = await _told(tail.stdout)
    assert (news["event"], news["message"]["body"]) == ("text", "And on Sundays?")
    await house.done("approvals", "approve", message_id, role=Role.APPROVER)
    async with asyncio.timeout(PATIENCE):
        while (happened := await _told(tail.stdout))["message"]["id"] != message_id:
            assert happened["message"]["direction"] == "OUTBOUND"
    assert happened["event"] == "state"
    tail.send_signal(signal.SIGINT)
    ended = await shell.end(tail)
    assert (ended.code, ended.err) == (ExitCode.DONE, "")


async def _told(stdout: asyncio.StreamReader) -> dict[str, Any]:
    line = await asyncio.wait_for(stdout.readline(), PATIENCE)
    told: dict[str, Any] = json.loads(line)
    return told
