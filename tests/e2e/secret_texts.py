"""What phones, the agent, the provider and approvers do with canaries: texts and numbers."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final
from urllib.parse import quote

import aiohttp
import orjson
from console_world import NUMBER
from persons import shown_once
from secret_world import API, PAGES, PATIENCE, POISON, SEEDED, Stage, serving_agent
from yarl import URL

from common.bus.messages import Outgoing
from health.desk.approvals import LIMIT
from heliograph import wire
from local.simulator import events

_TRAIL: Final = r"(admin|operator) GET (list_audit|list_audit_of_all|audit_page)|store audit"
OURS: Final = NUMBER.replace("+", "%2B")


async def hold_texts(stage: Stage) -> None:
    """Texts that are held, decided on, sent, refused, not delivered, and not readable."""
    admin = stage.persons["admin"]
    made = r"admin POST (new_bus_password|agent_password)"
    status, agent = await admin.ask("POST", f"{API}/agents/front-desk/bus-user")
    assert status == 200
    password = stage.cage.secret("the agent's first password", agent["bus_password"], shown=made)
    address = URL(stage.world.house.address.rabbitmq_url)
    url = str(address.with_user(agent["bus_user"]).with_password(password))
    async with serving_agent(stage, url):
        held = await asyncio.gather(*(_held(stage, f"held text {n}") for n in range(5)))
        await decide(stage, held)
        status, _ = await admin.ask(
            "PUT", f"{API}/numbers/{OURS}/gate", {"on": True, "confirm": True}
        )
        assert status == 200
        await fail_to_send(stage)
        await park(stage)
    await opt_out(stage)
    status, shown = await admin.post(f"{PAGES}/agents/front-desk/password")
    assert status == 200
    stage.cage.secret(
        "the agent's second password", shown_once(admin, shown, r"[\w-]{43}"), shown=made
    )


async def _text(stage: Stage, what: str, *, more: str = "") -> tuple[str, str]:
    """A phone texts, and the agent has answered; gives the phone and the words."""
    words, phone = stage.cage.words(what), stage.cage.remote()
    await stage.world.simulator.text(phone, NUMBER, f"{words}{more} from {phone}")
    if not more:
        await stage.tap.bell.wait(lambda: phone in stage.handled, PATIENCE)
    return phone, words


async def _held(stage: Stage, what: str) -> str:
    """The ID of an answer that waits for a person."""
    phone, _ = await _text(stage, what)
    _, listed = await stage.persons["viewer"].ask("GET", f"{API}/approvals")
    return next(item["message_id"] for item in listed["items"] if item["remote"] == phone)


async def decide(stage: Stage, held: list[str]) -> None:
    """Approve as it is, in other words by API and by console, reject; the last one goes on
    waiting."""
    approver, words = stage.persons["approver"], stage.cage.words
    at = f"{API}/approvals"
    assert (await approver.ask("POST", f"{at}/{held[0]}/approve", {}))[0] == 200
    endless = words("words that are too long") * LIMIT
    assert (await approver.ask("POST", f"{at}/{held[1]}/approve", {"body": endless}))[0] == 422
    other = {"body": words("other words by API")}
    assert (await approver.ask("POST", f"{at}/{held[1]}/approve", other))[0] == 200
    late = {"body": words("words that come too late", shown="")}
    assert (await approver.ask("POST", f"{at}/{held[1]}/approve", late))[0] == 409
    path = f"{PAGES}/approvals/{held[2]}/approve"
    endless = words("words that are too long on a page") * LIMIT
    assert (await approver.post(path, body=endless))[0] == 422
    assert (await approver.post(path, body=words("other words on a page")))[0] == 303
    reason = words("the reason of a rejection", shown=_TRAIL)
    assert (await approver.post(f"{PAGES}/approvals/{held[3]}/reject", reason=reason))[0] == 303
    assert (await approver.ask("POST", f"{at}/{held[3]}/reject", {"reason": "x" * 9999}))[0] == 422


async def opt_out(stage: Stage) -> None:
    """A phone says STOP, another one in free words, and a third is opted out by a person."""
    cage, tap = stage.cage, stage.tap
    for said in ("STOP", "Please stop texting me"):
        phone = cage.remote()
        await stage.world.simulator.text(phone, NUMBER, said)
        await tap.wait(lambda it, phone=phone: phone.encode() in it.body and b"opt_out" in it.body)
    path = f"{API}/consents/{OURS}/{quote(cage.remote(), safe='')}/opt-out"
    kept = rf"{_TRAIL}|store consent_ledger"
    note = {"note": cage.words("a note on an opt-out", shown=kept)}
    assert (await stage.persons["approver"].ask("POST", path, note))[0] == 200


async def fail_to_send(stage: Stage) -> None:
    """The provider quotes what it was given in each of its errors."""
    simulator, cage = stage.world.simulator, stage.cage
    for name, parameters in {
        "recipient_error": {"http_status_code": 400, "error_message": "{}"},
        "garbage": {"body": "{}"},
        "failed_reports": {"details": "4004: {}"},
        "key_revoked": {},
    }.items():
        phone, words = cage.remote(), cage.words(f"a text that meets {name}")
        quoted = f"could not send {words} from {NUMBER} to {phone}"
        filled = {
            key: value.format(quoted) if isinstance(value, str) else value
            for key, value in parameters.items()
        }
        simulator.fault(name, phone=phone, count=1, **filled)
        await simulator.text(phone, NUMBER, f"{words} from {phone}")
        await stage.tap.bell.wait(lambda phone=phone: phone in stage.handled, PATIENCE)
    await stage.tap.wait(lambda it: it.type == wire.TYPE_REPORT and b"4004" in it.body)
    # The refused key has put the connection into status error.
    await stage.persons["admin"].ask("POST", f"{API}/connections/{SEEDED}/check")


async def park(stage: Stage) -> None:
    """A text that the agent breaks on, an event and a command that nobody can read, and strangers
    at the webhook."""
    cage, world = stage.cage, stage.world
    await _text(stage, "a text that breaks the agent", more=f" {POISON}")
    words, phone = cage.words("an unreadable event"), cage.remote()
    await world.simulator.publish(
        {
            "id": words,
            "eventType": events.RECEIVED,
            "subject": f"/phonenumber/{NUMBER}",
            "data": {"from": phone, "to": [words], "message": words},
            "eventTime": phone,
        }
    )
    words, phone = cage.words("an unreadable command"), cage.remote()
    command = {"v": 1, "number": NUMBER, "to": [[phone]], "body": words}
    await world.bus.publish(
        Outgoing(
            exchange=wire.COMMANDS_EXCHANGE,
            key=wire.send_key("acme", world.seed.agent_id),
            body=orjson.dumps(command),
            type=wire.TYPE_SEND,
            message_id=secrets.token_hex(8),
        )
    )
    await stage.tap.wait(lambda it: wire.HEADER_REASON in it.headers, 3)
    async with aiohttp.ClientSession() as http:
        wrong, words = cage.secret("a stranger's secret"), cage.words("a stranger's words")
        for given in ({"params": {"code": wrong}}, {"headers": {"X-Webhook-Secret": wrong}}):
            async with http.post(world.house.webhook_url, data=words, **given) as answer:
                assert answer.status in {400, 401, 403}
