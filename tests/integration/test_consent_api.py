"""Promises of opt-outs as people handle them, on the running service: the API, the console without
a script, and the command line do the same, and the provider's own list follows."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
import pytest
from access_sessions import Session, open_session
from cli_process import Terminal
from conformance.store_world import new_outbound, outcome_of
from console_world import FOREIGN, NUMBER, TENANT, ConsoleWorld, open_console
from yarl import URL

from common.store.consents import ConsentSource, NewConsent
from common.store.mongo_consents import MongoConsentLedger
from common.store.mongo_outbound import MongoOutbound
from common.store.records import NewOutbound, conversation_id
from common.store.schema import CONSENTS
from health.access.door import Door
from health.access.roles import Role
from heliograph.models import OutcomeStatus
from local.nodes import MongoNode, RabbitNode

PATIENCE: Final = 30.0
_remotes = itertools.count(1)


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ConsoleWorld]:
    """A health service that looks often for what providers have to be told of, and speaks to a
    version of ACS that has a list of opt-outs."""
    logs = tmp_path_factory.mktemp("consents")
    settings = {"health_consent_sync_interval": "0.2", "acs_api_version": "2025-05-29-preview"}
    async with open_console(rabbit, mongo, logs, **settings) as world:
        yield world


def new_remote() -> str:
    return f"+1212555{next(_remotes):04d}"


async def doubted(world: ConsoleWorld) -> str:
    """Somebody whose words were taken for an opt-out."""
    remote = new_remote()
    entry = NewConsent(
        tenant_id=TENANT,
        number=NUMBER,
        remote=remote,
        opted_out=True,
        at=datetime.now(UTC),
        source=ConsentSource.WORDING,
        rule="take-me-off",
        who="remote",
        message_id="0" * 32,
        note="take me off your list",
        in_doubt=True,
    )
    await MongoConsentLedger(world.database).note([entry])
    return remote


async def held(world: ConsoleWorld, remote: str) -> NewOutbound:
    """A text that waits for a person."""
    text = new_outbound(
        f"to-{remote}",
        agent_id=world.seed.agent_id,
        connection_id=world.seed.connection_id,
        number=NUMBER,
        remote=remote,
    )
    store = MongoOutbound(world.database)
    await store.claim([text], owner="test", lease=5)
    outcome = outcome_of(text, OutcomeStatus.HELD)
    await store.finish(TENANT, text.id, owner="test", outcome=outcome)
    return text


def at(remote: str) -> str:
    return f"/consents/{quote(NUMBER, safe='')}/{quote(remote, safe='')}"


async def on_the_list(world: ConsoleWorld, remote: str) -> bool:
    """What the provider's own list says, once it has been told what stands."""
    document: dict[str, Any] = {}
    async with asyncio.timeout(PATIENCE):
        while "done_at" not in (document.get("sync") or {}):
            await asyncio.sleep(0.05)  # Nobody is told of it.
            which = {"_id": conversation_id(TENANT, NUMBER, remote)}
            document = await world.database.collection(CONSENTS).find_one(which) or {}
    assert document["sync"]["told"] is True
    return NUMBER in world.simulator.phone(remote).stopped


async def test_an_opt_out_by_hand_cancels_what_waits_and_is_lifted_with_evidence_only(
    house: ConsoleWorld,
) -> None:
    remote = new_remote()
    text = await held(house, remote)
    status, shown, _ = await house.ask(
        "POST", f"{at(remote)}/opt-out", role=Role.APPROVER, body={"note": "Phoned."}
    )
    assert (status, shown["opted_out"], shown["in_doubt"]) == (200, True, False)
    assert await on_the_list(house, remote)
    _, approval, _ = await house.ask("GET", f"/approvals/{text.id}", role=Role.VIEWER)
    assert approval["decision"] == "cancelled"
    # Its national form names the same person.
    status, found, _ = await house.ask("GET", at(remote.removeprefix("+1")), role=Role.VIEWER)
    assert (status, found["remote"]) == (200, remote)
    assert [(it["source"], it["who"], it["note"]) for it in found["history"]] == [
        ("person", "the approver", "Phoned.")
    ]
    status, problem, _ = await house.ask("POST", f"{at(remote)}/opt-in", body={"note": " "})
    assert (status, list(problem["fields"])) == (422, ["note"])
    lifted = {"note": "Agreed by mail."}
    status, _, _ = await house.ask("POST", f"{at(remote)}/opt-in", role=Role.APPROVER, body=lifted)
    assert status == 403
    status, shown, _ = await house.ask("POST", f"{at(remote)}/opt-in", body=lifted)
    assert (status, shown["opted_out"]) == (200, False)
    _, found, _ = await house.ask("GET", at(remote), role=Role.VIEWER)
    assert [it["rule"] for it in found["history"]] == ["opt_in", "opt_out"]
    target = conversation_id(TENANT, NUMBER, remote)
    _, trail, _ = await house.ask("GET", f"/audit?target={target}")
    assert [it["action"] for it in trail["items"]] == ["consent.opted_in", "consent.opted_out"]
    assert not await on_the_list(house, remote)


async def test_what_is_in_doubt_is_listed_and_reviewed_once(house: ConsoleWorld) -> None:
    undone, confirmed = await doubted(house), await doubted(house)
    query = f"/consents?in_doubt=true&number={NUMBER.removeprefix('+')}&limit=1"
    status, listed, _ = await house.ask("GET", query, role=Role.VIEWER)
    assert (status, [it["remote"] for it in listed["items"]]) == (200, [confirmed])
    _, listed, _ = await house.ask("GET", f"{query}&cursor={listed['next']}", role=Role.VIEWER)
    assert [it["remote"] for it in listed["items"]] == [undone]
    for remote, verb, opted_out in ((undone, "undo", False), (confirmed, "confirm", True)):
        place = f"{at(remote)}/{verb}"
        status, shown, _ = await house.ask("POST", place, role=Role.APPROVER, body={})
        assert (status, shown["opted_out"], shown["in_doubt"]) == (200, opted_out, False)
        status, problem, _ = await house.ask("POST", place, role=Role.APPROVER, body={})
        assert (status, problem["code"]) == (409, "not_in_doubt")
    _, listed, _ = await house.ask("GET", "/consents?in_doubt=true", role=Role.VIEWER)
    assert listed["items"] == []


async def test_another_tenants_opt_outs_are_not_there(house: ConsoleWorld) -> None:
    remote = await doubted(house)
    foreign = f"{house.url}/api/v1/tenants/{FOREIGN}"
    async with aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {house.foreign_key[Role.ADMIN]}"}
    ) as http:
        async with http.get(f"{foreign}/consents") as answer:
            assert (await answer.json())["items"] == []
        place = URL(f"{foreign}{at(remote)}/undo", encoded=True)
        async with http.post(place, json={}) as answer:
            assert answer.status == 404
    _, found, _ = await house.ask("GET", at(remote), role=Role.VIEWER)
    assert found["in_doubt"]
    await house.ask("POST", f"{at(remote)}/confirm", body={})


async def test_the_provider_is_asked_for_its_own_list(house: ConsoleWorld) -> None:
    remote = new_remote()
    for stopped in (False, True):
        if stopped:
            house.simulator.phone(remote).stopped.add(NUMBER)
        status, answer, _ = await house.ask("POST", f"{at(remote)}/check", role=Role.APPROVER)
        assert (status, answer) == (200, {"opted_out": stopped})
    status, problem, _ = await house.ask("POST", f"{at('nobody')}/check", role=Role.APPROVER)
    assert (status, list(problem["fields"])) == (422, ["remote"])


class Browser:
    """Somebody at the console, without a script."""

    def __init__(self, world: ConsoleWorld, session: Session, http: aiohttp.ClientSession):
        self._root = f"{world.url}/t/{TENANT}"
        self._csrf = session.csrf
        self._http = http

    async def see(self, path: str) -> tuple[int, str]:
        async with self._http.get(URL(f"{self._root}{path}", encoded=True)) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, **fields: str) -> tuple[int, str]:
        """Status of the answer, and of the page to which it leads what it says."""
        url = URL(f"{self._root}{path}", encoded=True)
        async with self._http.post(url, data={"csrf": self._csrf, **fields}) as answer:
            return answer.status, await answer.text()


@asynccontextmanager
async def browsing(world: ConsoleWorld, role: Role) -> AsyncIterator[Browser]:
    """A browser in which somebody of a role has signed in."""
    session = await open_session(world, world.keys[role])
    jar = aiohttp.CookieJar(unsafe=True)  # Cookies of an address without a name, too.
    jar.update_cookies({Door.COOKIE: session.cookie}, URL(world.url))
    async with aiohttp.ClientSession(cookie_jar=jar) as http:
        yield Browser(world, session, http)


async def test_a_person_reviews_and_enters_opt_outs_in_the_console(house: ConsoleWorld) -> None:
    remote = await doubted(house)
    async with browsing(house, Role.ADMIN) as browser:
        status, page = await browser.see("/opt-outs")
        assert status == 200
        assert "take me off your list" in page
        assert f'action="/t/{TENANT}/opt-outs/{quote(NUMBER)}/{quote(remote)}/undo"' in page
        _, count = await browser.see("/opt-outs/count")
        assert re.match(r"\s*1\b", count)
        own = f"/opt-outs/{quote(NUMBER, safe='')}/{quote(remote, safe='')}"
        status, page = await browser.post(f"{own}/undo", back="one")
        assert status == 200
        assert "Undone" in page
        assert "Opted in" in page
        status, page = await browser.post(f"{own}/undo")
        assert "is not in doubt" in page
        status, page = await browser.post(f"{own}/opt-out", note="Phoned.")
        assert (status, "Phoned." in page) == (200, True)
        status, page = await browser.post(f"{own}/opt-in", note=" ")
        assert (status, "it is the evidence" in page) == (422, True)
        assert await on_the_list(house, remote)
        status, page = await browser.post(f"{own}/check")
        assert (status, "own list has them as opted out" in page) == (200, True)
        status, page = await browser.post("/opt-outs", number=NUMBER, remote="12", note="Why not")
        assert (status, "Not a phone number" in page, "Why not" in page) == (422, True, True)
        other = new_remote()
        status, page = await browser.post(
            "/opt-outs", number=NUMBER, remote=other.removeprefix("+1")
        )
        assert status == 200
        assert "Nothing is sent to them any more" in page
        _, page = await browser.see(f"/opt-outs?state=out&remote={quote(other)}")
        assert page.count("Opted out</span>") == 1


async def test_a_conversation_leads_to_its_opt_out(house: ConsoleWorld) -> None:
    remote = new_remote()
    text = await held(house, remote)
    await house.ask("POST", f"{at(remote)}/opt-out", body={})
    async with browsing(house, Role.VIEWER) as browser:
        _, page = await browser.see(f"/conversations/{text.conversation_id}")
        (leads_to,) = re.findall(r'id="opt-out" href="/t/acme([^"]+)"', page)
        status, page = await browser.see(leads_to)
        assert status == 200
        assert "What was said" in page
        assert "<form" not in page.split("<main")[1]


async def test_the_command_line_does_the_same(house: ConsoleWorld, tmp_path: Path) -> None:
    remote = await doubted(house)
    shell = Terminal(house.url, tmp_path, house.keys[Role.ADMIN])
    ended = await shell.run("opt-outs", "list", "--review", "--json")
    assert ended.code == 0, ended
    assert [it["remote"] for it in json.loads(ended.out)["items"]] == [remote]
    ended = await shell.run("opt-outs", "confirm", NUMBER, remote, "--note", "Surely.")
    assert ended.code == 0, ended
    ended = await shell.run("opt-outs", "show", NUMBER, remote)
    assert ended.code == 0, ended
    assert "Surely." in ended.out
    assert "take-me-off" in ended.out


async def test_no_number_of_a_remote_is_in_the_log(house: ConsoleWorld) -> None:
    remote = await doubted(house)
    await house.ask("POST", f"{at(remote)}/confirm", body={"note": "a-secret-note"})
    await on_the_list(house, remote)
    logs = "".join(path.read_text() for path in house.house.base_dir.glob("*.log"))
    assert "consents.synced" in logs
    assert remote.removeprefix("+") not in logs
    assert "a-secret-note" not in logs
