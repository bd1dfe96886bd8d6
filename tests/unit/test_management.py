"""The management endpoints, over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import pytest
from prometheus_client import CONTENT_TYPE_LATEST

from common.management import Management
from common.metrics import Metrics

pytestmark = pytest.mark.unit


class Service:
    """What the checks ask: each name with what is wrong, or None."""

    def __init__(self) -> None:
        self.problems: dict[str, str | None] = {"rabbitmq": None, "mongodb": None}
        self.management = Management(Metrics(), host="127.0.0.1", port=0)
        for name in self.problems:
            self.management.add_check(name, partial(self.problems.get, name))

    @property
    def port(self) -> int:
        assert self.management._runner is not None
        return int(self.management._runner.addresses[0][1])


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    made = Service()
    await made.management.start()
    yield made
    await made.management.stop()


@pytest.fixture
async def http(service: Service) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{service.port}") as session:
        yield session


async def test_a_service_without_problems_is_ready(http: aiohttp.ClientSession) -> None:
    async with http.get("/readyz") as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        assert await answer.json() == {"ready": True, "problems": {}}


async def test_it_is_not_ready_while_a_check_finds_a_problem_and_says_which(
    service: Service, http: aiohttp.ClientSession
) -> None:
    service.problems["mongodb"] = "MongoDB is away."
    async with http.get("/readyz") as answer:
        assert answer.status == 503
        assert await answer.json() == {
            "ready": False,
            "problems": {"mongodb": "MongoDB is away."},
        }
    service.problems["rabbitmq"] = "RabbitMQ is away."
    async with http.get("/readyz") as answer:
        assert answer.status == 503
        assert set((await answer.json())["problems"]) == {"mongodb", "rabbitmq"}
    service.problems.update(mongodb=None, rabbitmq=None)
    async with http.get("/readyz") as answer:
        assert answer.status == 200


async def test_it_lives_whatever_is_wrong_around_it(
    service: Service, http: aiohttp.ClientSession
) -> None:
    service.problems["rabbitmq"] = "RabbitMQ is away."
    async with http.get("/livez") as answer:
        assert (answer.status, await answer.text()) == (200, "ok\n")


async def test_the_metrics_are_prometheus_text_and_tell_readiness_as_of_now(
    service: Service, http: aiohttp.ClientSession
) -> None:
    for problem, ready in ((None, "1.0"), ("away", "0.0"), (None, "1.0")):
        service.problems["mongodb"] = problem
        async with http.get("/metrics") as answer:
            assert answer.status == 200
            assert answer.headers["Content-Type"] == CONTENT_TYPE_LATEST
            lines = (await answer.text()).splitlines()
        assert f"heliograph_ready {ready}" in lines


async def test_nothing_else_is_served(http: aiohttp.ClientSession) -> None:
    for path in ("/", "/healthz", "/readyz/"):
        async with http.get(path) as answer:
            assert answer.status == 404


async def test_a_port_in_use_is_an_error_at_the_start(service: Service) -> None:
    second = Management(Metrics(), host="127.0.0.1", port=service.port)
    with pytest.raises(OSError, match="in use"):
        await second.start()
    await second.stop()


async def test_after_the_stop_nobody_listens(service: Service) -> None:
    port = service.port
    await service.management.stop()
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{port}/livez")


async def test_who_asks_for_openmetrics_gets_exemplars_too(
    service: Service, http: aiohttp.ClientSession
) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    hand_over = service.management._metrics.hand_over_seconds
    hand_over.observe(0.2, exemplar={"trace_id": trace_id})
    asked = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
    async with http.get("/metrics", headers=asked) as answer:
        assert answer.content_type == "application/openmetrics-text"
        told = await answer.text()
    assert (
        f'heliograph_hand_over_seconds_bucket{{le="0.25"}} 1.0 # {{trace_id="{trace_id}"}}' in told
    )
    async with http.get("/metrics") as answer:
        assert trace_id not in await answer.text()
