"""Whoever replays a parked message, how often, at the same time as somebody else, or while the plug
is pulled: what it does, it does once. On the real broker and database, with the real services."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp
import orjson
import pytest
from conformance.bus_world import next_of
from console_world import NUMBER, TENANT, ConsoleWorld, open_console
from yarl import URL

from common.bus.client import Bus
from common.bus.dead_letters import DeadLetters
from common.bus.messages import Delivery, Outgoing
from common.bus.topology import (
    HEADER_ATTEMPTS,
    HEADER_FIRST_SEEN,
    HEADER_KEY,
    HEADER_PARKED_FROM,
    HEADER_REASON,
    HEADER_USER,
    PROCESSOR_QUEUE,
    SENDER_QUEUE,
    agent_topology,
    dead_queue,
)
from common.bus.verdicts import Park, settle
from common.events import SmsReceived, SmsReport
from common.failpoints import Failpoint
from common.store.control import SYSTEM
from common.store.dead_letter_ports import Standing
from common.store.mongo_audit import MongoAudit
from common.store.mongo_control_numbers import MongoNumbers
from common.store.mongo_dead_letters import MongoParked
from common.store.schema import AUDIT, MESSAGES
from health.access.roles import Role
from heliograph import wire
from heliograph.models import Report, ReportStatus, SendCommand, Turn, Wire
from local.house import CODE_OF_KILLED, Service
from local.nodes import MongoNode, RabbitNode, ports

AGENT: Final = "front-desk"
PHONE: Final = "+12125550147"
DEAD: Final = {name: dead_queue(name) for name in (PROCESSOR_QUEUE, SENDER_QUEUE)}
AGENT_QUEUE: Final = wire.agent_queue(TENANT, AGENT)
WHY: Final = {"reason": "The bug is fixed."}
PATIENCE: Final = 30.0


class Desk:
    """What a test holds: two replicas of the health service, and eyes on what comes of it."""

    def __init__(self, world: ConsoleWorld, second: str, letters: DeadLetters, inbox: Any):
        self.world = world
        self.urls = (world.url, second)
        self.letters = letters
        self.inbox: asyncio.Queue[Delivery] = inbox

    async def ask(self, path: str, body: Any = None, *, url: str | None = None) -> tuple[int, Any]:
        """As an operator: of a replica."""
        method = "GET" if body is None else "POST"
        async with (
            asyncio.timeout(PATIENCE),
            aiohttp.ClientSession(headers=self.world.headers(Role.OPERATOR)) as session,
            session.request(
                method, f"{url or self.world.url}/api/v1/dead-letters{path}", json=body
            ) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def park(
        self, model: Wire | bytes, *, queue: str, type_: str = "", key: str = "", reason: str = "x"
    ) -> str:
        """A message of the services, parked as they do it; its message ID."""
        message_id = secrets.token_hex(8)
        is_model = isinstance(model, Wire)
        await self.world.bus.publish(
            Outgoing(
                exchange=wire.DEAD_EXCHANGE,
                key=queue,
                body=model.encode() if isinstance(model, Wire) else model,
                type=type_ or (model.type if is_model else ""),  # type: ignore[union-attr]
                message_id=message_id,
                headers={
                    HEADER_REASON: reason,
                    HEADER_PARKED_FROM: queue,
                    HEADER_ATTEMPTS: 3,
                    HEADER_KEY: key,
                    HEADER_USER: "agent" if queue == SENDER_QUEUE else self.world.bus.user,
                    HEADER_FIRST_SEEN: datetime.now(UTC).isoformat(),
                },
            )
        )
        return message_id

    async def count(self, queue: str) -> int:
        return (await self.letters.count([queue]))[queue]

    async def until_empty(self, *queues: str) -> None:
        """Until the services have taken all that there was."""
        async with asyncio.timeout(PATIENCE):
            for queue in queues:
                while await self.count(queue):  # noqa: ASYNC110 - a queue announces nothing
                    await asyncio.sleep(0.05)

    async def heard(self) -> Delivery:
        """The next message of the agent's queue."""
        delivery: Delivery = await next_of(self)
        await delivery.ack()
        return delivery

    @property
    def deliveries(self) -> asyncio.Queue[Delivery]:
        return self.inbox

    async def silence(self) -> None:
        """Nothing more comes to the agent, once a later text has come through."""
        text = received()
        await self.world.bus.publish(
            Outgoing.of(text, exchange="", key=PROCESSOR_QUEUE, message_id=text.provider_message_id)
        )
        while Turn.decode((last := await self.heard()).body).message.body != text.body:
            pytest.fail(f"{last.type} came, which nobody has asked for")

    async def texts(self, command_id: str) -> list[dict[str, Any]]:
        """What is recorded of a command."""
        found = self.world.database.collection(MESSAGES).find({"command_id": command_id})
        return list(await found.to_list(None))

    def sends(self, body: str) -> int:
        """Recipients of provider calls with a body."""
        return sum(
            len(call["recipients"]) for call in self.world.simulator.sends if body in str(call)
        )

    async def trail(self, action: str, ref: str) -> int:
        """Entries of the audit trail."""
        found = await MongoAudit(self.world.database).list(
            None, action=f"dead_letter.{action}", target=ref, limit=50
        )
        return len(found.items)


def received(**changes: Any) -> SmsReceived:
    """A text, as the webhook publishes it."""
    now, name = datetime.now(UTC), secrets.token_hex(8)
    values = {
        "provider": "acs",
        "tenant_id": TENANT,
        "connection_id": "acme-acs",
        "provider_message_id": name,
        "number": NUMBER,
        "remote": PHONE,
        "body": f"text {name}",
        "at": now,
        "accepted_at": now,
    }
    return SmsReceived(**values | changes)


def command(**changes: Any) -> SendCommand:
    """A command of the agent."""
    name = secrets.token_hex(8)
    values: dict[str, Any] = {
        "command_id": name,
        "tenant_id": TENANT,
        "agent_id": AGENT,
        "number": NUMBER,
        "to": PHONE,
        "body": f"answer {name}",
    }
    return SendCommand(**values | changes)


async def replica(world: ConsoleWorld, **settings: str) -> tuple[Service, str]:
    """Another health service, and where it listens."""
    port = ports.choose()
    service = world.house.replica("health")
    service.start(health_port=str(port), **settings)
    await service.ready()
    return service, f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
async def desk(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    logs = tmp_path_factory.mktemp("replay")
    names = ("health", "processor", "sender")
    async with open_console(rabbit, mongo, logs, *names) as world:
        _, second = await replica(world)
        numbers = MongoNumbers(world.database)
        await numbers.set_gate(TENANT, NUMBER, on=True, by=SYSTEM)
        await world.bus.declare(agent_topology(TENANT, AGENT))
        inbox: Any = await world.bus.subscribe(AGENT_QUEUE, prefetch=500)
        letters = DeadLetters(world.house.address.rabbitmq_url, world.bus, timeout=PATIENCE)
        yield Desk(world, second, letters, inbox.deliveries)


@pytest.fixture(autouse=True)
async def _nothing_is_left(desk: Desk) -> AsyncIterator[None]:
    """Each test takes away what it parks."""
    yield
    for queue in (*DEAD.values(), dead_queue(AGENT_QUEUE)):
        assert await desk.count(queue) == 0


async def only(desk: Desk, queue: str) -> str:
    """The reference of the one message that is parked."""
    status, page = await desk.ask(f"/{queue}")
    assert status == 200, page
    (item,) = page["items"]
    return str(item["ref"])


async def by_both(desk: Desk, path: str) -> Sequence[tuple[int, Any]]:
    """Two operators at two replicas, at the same moment."""
    return await asyncio.gather(*(desk.ask(path, WHY, url=url) for url in desk.urls))


async def test_a_text_that_two_replay_at_once_and_somebody_again_is_one_turn(desk: Desk) -> None:
    text, queue = received(), DEAD[PROCESSOR_QUEUE]
    for _ in range(2):
        await desk.park(text, queue=PROCESSOR_QUEUE)
        ref = (await desk.ask(f"/{queue}"))[1]["items"][0]["ref"]
        answers = await by_both(desk, f"/{queue}/messages/{ref}/replay")
        assert 200 in {status for status, _ in answers}
        assert {status for status, _ in answers} <= {200, 404}
        await desk.until_empty(queue, PROCESSOR_QUEUE)
    assert Turn.decode((await desk.heard()).body).message.body == text.body
    await desk.silence()


async def test_a_command_that_two_replay_at_once_and_somebody_again_is_one_text(
    desk: Desk,
) -> None:
    order, queue = command(), DEAD[SENDER_QUEUE]
    codes = []
    for _ in range(2):
        await desk.park(order, queue=SENDER_QUEUE, key=wire.send_key(TENANT, AGENT))
        ref = await only(desk, queue)
        _, dry = await desk.ask(f"/{queue}/messages/{ref}/replay", {"dry_run": True})
        codes.append(dry["forecast"]["code"])
        assert (dry["forecast"]["exchange"], dry["forecast"]["key"]) == ("", SENDER_QUEUE)
        answers = await by_both(desk, f"/{queue}/messages/{ref}/replay")
        assert 200 in {status for status, _ in answers}
        await desk.until_empty(queue, SENDER_QUEUE)
        assert (await desk.heard()).type == wire.TYPE_OUTCOME
    assert codes == ["new_command", "command_finished"]
    assert desk.sends(order.body) == 1
    (text,) = await desk.texts(order.command_id)
    assert text["outcome"]["status"] == "sent"
    assert (await desk.trail("replay_begun", ref), await desk.trail("replayed", ref)) == (1, 1)


async def test_an_edited_command_and_what_it_stands_for_are_one_text(desk: Desk) -> None:
    order, queue = command(), DEAD[SENDER_QUEUE]
    broken = order.encode().replace(b'"body":"answer', b'"bdy":"answer')
    await desk.park(
        broken, queue=SENDER_QUEUE, type_="command.send", key=wire.send_key(TENANT, AGENT)
    )
    ref = await only(desk, queue)
    status, refused = await desk.ask(f"/{queue}/messages/{ref}/replay", WHY)
    assert (status, refused["code"]) == (409, "not_replayable")
    for stolen in ({"tenant_id": "globex"}, {"agent_id": "stranger"}, {"command_id": "other"}):
        body = orjson.dumps(orjson.loads(order.encode()) | stolen).decode()
        status, refused = await desk.ask(f"/{queue}/messages/{ref}/edit", {"body": body, **WHY})
        assert (status, refused["code"]) == (422, "invalid"), stolen
    edit = {"body": order.encode().decode(), **WHY}
    status, tried = await desk.ask(f"/{queue}/messages/{ref}/edit", edit | {"dry_run": True})
    assert (status, tried["ref"], await desk.trail("read", ref)) == (200, ref, 1)
    status, edited = await desk.ask(f"/{queue}/messages/{ref}/edit", edit)
    assert status == 200
    assert any(line.startswith('+  "body"') for line in edited["changes"])
    # As a crash between confirm and ack would leave it: both are there.
    await desk.park(
        broken, queue=SENDER_QUEUE, type_="command.send", key=wire.send_key(TENANT, AGENT)
    )
    status, content = await desk.ask(f"/{queue}/messages/{edited['ref']}/read", WHY)
    assert (status, content["user"]) == (200, "agent")
    assert content["changes"] == edited["changes"]
    status, _ = await desk.ask(f"/{queue}/messages/{edited['ref']}/replay", WHY)
    assert status == 200
    await desk.until_empty(SENDER_QUEUE)
    assert (await desk.heard()).type == wire.TYPE_OUTCOME
    assert desk.sends(order.body) == 1
    status, _ = await desk.ask(f"/{queue}/messages/{await only(desk, queue)}/drop", WHY)
    assert status == 204
    log = desk.world.house.services["health"].log.read_text()
    trail = await desk.world.database.collection(AUDIT).find().to_list(None)
    for told in (log, str(trail)):
        assert order.body not in told
        assert PHONE.removeprefix("+") not in told


async def test_a_report_counts_once_and_the_agent_hears_it_once(desk: Desk) -> None:
    order = command()
    await desk.park(order, queue=SENDER_QUEUE, key=wire.send_key(TENANT, AGENT))
    await desk.ask(f"/{DEAD[SENDER_QUEUE]}/replay", WHY)
    assert (await desk.heard()).type == wire.TYPE_OUTCOME
    (text,) = await desk.texts(order.command_id)
    now = datetime.now(UTC)
    report = SmsReport(
        provider="acs",
        tenant_id=TENANT,
        connection_id="acme-acs",
        provider_message_id=text["provider_message_id"],
        number=NUMBER,
        remote=PHONE,
        status=ReportStatus.DELIVERED,
        at=now,
        accepted_at=now,
    )
    codes = []
    for _ in range(2):
        await desk.park(report, queue=PROCESSOR_QUEUE)
        _, dry = await desk.ask(f"/{DEAD[PROCESSOR_QUEUE]}/replay", {"dry_run": True})
        codes += [forecast["code"] for forecast in dry["forecasts"]]
        await desk.ask(f"/{DEAD[PROCESSOR_QUEUE]}/replay", WHY)
        await desk.until_empty(DEAD[PROCESSOR_QUEUE], PROCESSOR_QUEUE)
        if len(codes) == 1:
            told = Report.decode((await desk.heard()).body)
            assert told.status is ReportStatus.DELIVERED
    assert codes == ["new_report", "report_known"]
    await desk.silence()


async def test_an_agents_message_goes_to_its_own_queue(desk: Desk) -> None:
    report = Report(message_id="m", command_id="c", status="sent", at=datetime.now(UTC))
    await desk.park(report, queue=AGENT_QUEUE)
    queue = dead_queue(AGENT_QUEUE)
    status, _ = await desk.ask(f"/{queue}/messages/{await only(desk, queue)}/replay", WHY)
    assert status == 200
    delivery = await desk.heard()
    assert (delivery.type, delivery.body) == (report.type, report.encode())
    assert delivery.routing_key == AGENT_QUEUE


async def test_what_a_stranger_has_put_there_is_read_and_dropped_but_never_replayed(
    desk: Desk, rabbit: RabbitNode
) -> None:
    user = f"stranger-{secrets.token_hex(4)}"
    url = desk.world.house.address.rabbitmq_url
    rabbit.add_user(user, "secret")
    rabbit.set_permissions(user, vhost=url.rsplit("/", 1)[1])
    stranger = Bus(str(URL(url).with_user(user).with_password("secret")), app="stranger")
    stranger.start()
    try:
        await stranger.ready()
        await stranger.publish(
            Outgoing.of(
                received(),
                exchange=wire.DEAD_EXCHANGE,
                key=PROCESSOR_QUEUE,
                message_id="forged",
            )
        )
    finally:
        await stranger.close()
    queue = DEAD[PROCESSOR_QUEUE]
    status, refused = await desk.ask(f"/{queue}/messages/forged/replay", WHY)
    assert (status, refused["code"]) == (409, "not_replayable")
    status, content = await desk.ask(f"/{queue}/messages/forged/read", WHY)
    assert (status, content["user"]) == (200, user)
    assert (await desk.ask(f"/{queue}/messages/forged/drop", WHY))[0] == 204


async def rounds(desk: Desk, queue: str, **given: Any) -> list[dict[str, Any]]:
    """Rounds to the end."""
    found: list[dict[str, Any]] = []
    while not found or not found[-1]["finished"]:
        mark = found[-1]["round_id"] if found else ""
        status, answer = await desk.ask(f"/{queue}/replay", {**WHY, **given, "round_id": mark})
        assert status == 200, answer
        found.append(answer)
        assert len(found) < 20, "it goes round and round"
    return found


async def test_a_replay_of_all_leaves_what_would_come_back(desk: Desk) -> None:
    queue = DEAD[PROCESSOR_QUEUE]
    texts = [received() for _ in range(130)]
    for place, text in enumerate(texts):
        await desk.park(text, queue=PROCESSOR_QUEUE, reason="unexpected_error")
        if place % 2:
            await desk.park(b"{", queue=PROCESSOR_QUEUE, type_="sms.received", reason="not_json")
    found = await rounds(desk, queue)
    assert sum(answer["done"] for answer in found) == 130
    assert sum(answer["seen"] for answer in found) == 130 + 65
    heard = {Turn.decode((await desk.heard()).body).message.body for _ in texts}
    assert heard == {text.body for text in texts}
    assert await desk.count(queue) == 65
    status, page = await desk.ask(f"/{queue}?limit=10&reason=not_json")
    assert (status, len(page["items"])) == (200, 10)
    assert page["next"] is not None
    assert (await desk.ask(f"/{queue}?reason=unexpected_error"))[1]["items"] == []
    status, dropped = await desk.ask(f"/{queue}/drop", {**WHY, "only_reason": "not_json"})
    assert (status, dropped["done"], dropped["finished"]) == (200, 65, True)


async def test_what_comes_back_is_not_replayed_over_and_over(desk: Desk) -> None:
    """The agent parks again whatever it gets, faster than the rounds go."""
    total, queue = 130, dead_queue(AGENT_QUEUE)
    for place in range(total):
        report = Report(message_id=f"m{place}", command_id="c", status="sent", at=datetime.now(UTC))
        await desk.park(report, queue=AGENT_QUEUE)

    async def refuse_all() -> None:
        for _ in range(total):
            delivery = await next_of(desk)
            verdict = Park("handler_failed")
            await settle(desk.world.bus, [delivery], [verdict], retry_delays=(), in_order=False)

    refusing = asyncio.create_task(refuse_all())
    found = await rounds(desk, queue)
    async with asyncio.timeout(PATIENCE):
        await refusing
    assert sum(answer["done"] for answer in found) == total
    assert {item["replays"] for item in (await desk.ask(f"/{queue}?limit=100"))[1]["items"]} == {1}
    assert await desk.count(queue) == total
    dropped = [(await desk.ask(f"/{queue}/drop", WHY))[1]["done"] for _ in range(2)]
    assert sum(dropped) == total


BEGUN, PUBLISHED = Failpoint.HEALTH_LETTER_BEGUN, Failpoint.HEALTH_LETTER_PUBLISHED
SETTLED: Final = Failpoint.HEALTH_LETTER_SETTLED


@pytest.mark.parametrize("point", [PUBLISHED, SETTLED])
async def test_a_desk_killed_in_the_middle_of_a_replay_hands_a_text_over_once(
    desk: Desk, point: Failpoint
) -> None:
    text = received()
    await desk.park(text, queue=PROCESSOR_QUEUE)
    await killed_and_repeated(desk, DEAD[PROCESSOR_QUEUE], point)
    assert Turn.decode((await desk.heard()).body).message.body == text.body
    await desk.silence()


@pytest.mark.parametrize("point", [BEGUN, PUBLISHED])
async def test_a_desk_killed_in_the_middle_of_a_replay_sends_a_text_once(
    desk: Desk, point: Failpoint
) -> None:
    order = command()
    await desk.park(order, queue=SENDER_QUEUE, key=wire.send_key(TENANT, AGENT))
    await killed_and_repeated(desk, DEAD[SENDER_QUEUE], point)
    first = await desk.heard()
    assert first.type == wire.TYPE_OUTCOME
    while not desk.inbox.empty():  # Told again, as it was.
        assert (await desk.heard()).message_id == first.message_id
    assert desk.sends(order.body) == 1
    assert len(await desk.texts(order.command_id)) == 1
    await desk.silence()


async def test_of_an_edit_that_was_cut_short_in_a_long_queue_only_the_edited_text_is_sent(
    desk: Desk,
) -> None:
    order, queue, key = command(), DEAD[SENDER_QUEUE], wire.send_key(TENANT, AGENT)
    other = order.model_copy(update={"body": f"edited {order.command_id}"})
    await desk.park(order, queue=SENDER_QUEUE, key=key)
    ref = await only(desk, queue)
    for _ in range(110):  # More than a round sees.
        await desk.park(b"{", queue=SENDER_QUEUE, type_="command.send", key=key)
    armed, url = await replica(desk.world, failpoint=PUBLISHED)
    with contextlib.suppress(aiohttp.ClientError):
        edit = {"body": other.encode().decode(), **WHY}
        await desk.ask(f"/{queue}/messages/{ref}/edit", edit, url=url)
    await armed.gone()
    async with asyncio.timeout(PATIENCE):  # The broker gives back what the dead one had in hand.
        while await desk.count(queue) < 1 + 110 + 1:  # noqa: ASYNC110 - a queue announces nothing
            await asyncio.sleep(0.05)
    found = await rounds(desk, queue)
    told = {it["ref"]: it["code"] for answer in found for it in answer["forecasts"]}
    # What a dead desk had in hand comes back in any order, so a round may see both of them.
    assert told[ref] in {"edit_begun", "edited_since"}
    assert sum(answer["done"] for answer in found) == 1
    assert (await desk.heard()).type == wire.TYPE_OUTCOME
    assert (desk.sends(order.body), desk.sends(other.body)) == (0, 1)
    while await desk.count(queue):
        assert (await desk.ask(f"/{queue}/drop", WHY))[0] == 200


async def test_a_message_that_is_edited_back_is_replayed_as_it_was(desk: Desk) -> None:
    order, queue = command(), DEAD[SENDER_QUEUE]
    await desk.park(order, queue=SENDER_QUEUE, key=wire.send_key(TENANT, AGENT))
    first = ref = await only(desk, queue)
    store, known = MongoParked(desk.world.database), []
    for body in (order.model_copy(update={"body": "Hello"}), order):
        edit = {"body": body.encode().decode(), **WHY}
        status, edited = await desk.ask(f"/{queue}/messages/{ref}/edit", edit)
        assert status == 200
        ref = edited["ref"]
        known.append(await store.edited(first))
    assert known == [Standing.FINISHED, Standing.UNKNOWN]
    _, dry = await desk.ask(f"/{queue}/messages/{ref}/replay", {"dry_run": True})
    assert (ref, dry["forecast"]["code"]) == (first, "new_command")
    assert (await desk.ask(f"/{queue}/messages/{ref}/drop", WHY))[0] == 204


async def killed_and_repeated(desk: Desk, queue: str, point: Failpoint) -> None:
    """A replay that dies at a point; what it has begun is seen, and then it is asked for again."""
    ref = await only(desk, queue)
    armed, url = await replica(desk.world, failpoint=point)
    with contextlib.suppress(aiohttp.ClientError):
        await desk.ask(f"/{queue}/messages/{ref}/replay", WHY, url=url)
    await armed.gone()
    assert armed.exit_code == CODE_OF_KILLED
    assert (await desk.trail("replay_begun", ref), await desk.trail("replayed", ref)) == (1, 0)
    await again(desk, queue, ref)
    await desk.until_empty(PROCESSOR_QUEUE, SENDER_QUEUE)


async def again(desk: Desk, queue: str, ref: str) -> None:
    """The operator repeats what was cut short, until it is not there any more."""
    async with asyncio.timeout(PATIENCE):
        while True:
            status, answer = await desk.ask(f"/{queue}/messages/{ref}/replay", WHY)
            assert status in {200, 404}, answer
            if status == 404 and not await desk.count(queue):
                return
            await asyncio.sleep(0.05)
