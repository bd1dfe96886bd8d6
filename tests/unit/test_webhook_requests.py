"""What is wrong with a request before its events are: every refusal is a problem of ours, quotes
nothing, and is final for Event Grid only where it cannot be a delivery."""

from __future__ import annotations

import asyncio
import gzip
import logging
from time import perf_counter
from typing import Any

import orjson
import pytest
from webhook_world import FakeBus, World, event_grid, received_data, webhook

from webhook.auth import Doorkeeper, SecretCheck, Secrets

TEXT = [event_grid(received_data())]
BODY = orjson.dumps(TEXT)
PATH = "/api/webhooks/acs/sms"
IN_TIME = 2.0


async def send(world: World, octets: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the answer to what is sent as it is."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    writer.write(octets)
    async with asyncio.timeout(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers["content-length"]))
    writer.close()
    await writer.wait_closed()
    return int(head[0].split(" ")[1]), headers, body


def request(*headers: str, path: str = PATH, method: str = "POST") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


@pytest.mark.parametrize(
    ("octets", "status", "code"),
    [
        (request(path=PATH + "?code=canary BROKEN"), 400, "not_http"),
        (b"\x16\x03\x01canary\r\n\r\n", 400, "not_http"),
        (request("canary without a colon"), 400, "not_http"),
        (request("Content-Length: canary"), 400, "not_http"),
        (request(path=PATH + "?code=canary" + "x" * 40_000), 431, "long_header"),
        (request("X-Canary: " + "canary" * 10_000), 431, "long_header"),
        (request("Content-Length: 0", path="/canary"), 404, "unknown_path"),
        (request(method="DELETE"), 405, "wrong_method"),
        (request("Expect: canary", "Content-Length: 0"), 417, "unknown_expectation"),
    ],
    ids=["target", "tls", "header", "length", "line", "field", "path", "method", "expect"],
)
async def test_what_never_reaches_our_code_is_refused_in_our_words_and_quotes_nothing(
    caplog: pytest.LogCaptureFixture, octets: bytes, status: int, code: str
) -> None:
    caplog.set_level(logging.DEBUG)
    async with webhook(FakeBus()) as world:
        answered, headers, body = await send(world, octets)
    problem = orjson.loads(body)
    assert (answered, problem["status"], problem["code"]) == (status, status, code)
    assert headers["content-type"].startswith("application/problem+json")
    assert "canary" not in (body.decode() + str(headers) + caplog.text).lower()


async def test_a_failure_outside_of_our_own_handling_is_a_503_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with webhook(FakeBus()) as world:
        monkeypatch.setattr(world.metrics, "webhook_seconds", None)
        status, problem = await world.post(TEXT)
    assert (status, problem["code"]) == (503, "unexpected")


async def test_no_answer_tells_the_version_of_a_library() -> None:
    async with webhook(FakeBus()) as world:
        for octets in (
            request(f"Content-Length: {len(BODY)}") + BODY,
            request("Content-Length: 0"),
            request("WebHook-Request-Origin: eventgrid.azure.net", method="OPTIONS"),
            request(path="/"),
            b"nonsense\r\n\r\n",
        ):
            _, headers, _ = await send(world, octets)
            assert headers["server"] == "heliograph"


async def test_a_wrong_method_is_told_the_right_ones() -> None:
    async with webhook(FakeBus()) as world, world.session.get(world.url) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "OPTIONS,POST"


def door() -> Doorkeeper:
    check = SecretCheck(Secrets(["secret"]), query="code", header="x-heliograph-secret")
    return Doorkeeper(secret=check, entra=None)


@pytest.mark.parametrize(
    ("encoding", "body", "status", "code"),
    [
        ("identity", BODY, 200, None),
        ("gzip", gzip.compress(BODY), 200, None),
        ("GZIP", gzip.compress(BODY), 200, None),
        ("gzip", BODY, 415, "unreadable_encoding"),
        ("gzip", gzip.compress(BODY)[:-9], 415, "unreadable_encoding"),
        ("br", BODY, 415, "unreadable_encoding"),
        ("zstd", BODY, 415, "unreadable_encoding"),
        ("gzip, br", BODY, 415, "unreadable_encoding"),
        ("canary", BODY, 415, "unreadable_encoding"),
        ("gzip", gzip.compress(b" " * 2_000_000), 413, "too_large"),
    ],
)
async def test_an_encoding_that_cannot_be_undone_is_not_final_and_known_to_no_stranger(
    encoding: str, body: bytes, status: int, code: str | None
) -> None:
    bus = FakeBus()
    headers = {"Content-Encoding": encoding}
    async with webhook(bus, doorkeeper=door()) as world:
        assert (await world.post(body, headers=headers))[0] == 401
        answered, problem = await world.post(body, headers=headers, query={"code": "secret"})
    assert (answered, problem and problem["code"]) == (status, code)
    assert len(bus.messages) == (1 if status == 200 else 0)


async def test_a_body_that_says_it_is_over_the_limit_is_refused_before_it_arrives() -> None:
    async with webhook(FakeBus(), deadline=5.0) as world:
        began = perf_counter()
        status, _, body = await send(world, request("Content-Length: 1572865"))
        assert (status, orjson.loads(body)["code"]) == (413, "too_large")
        assert perf_counter() - began < IN_TIME


async def test_a_body_over_the_limit_is_refused_while_it_streams() -> None:
    async def endless() -> Any:
        for _ in range(200):
            yield b" " * 65_536

    async with (
        webhook(FakeBus(), body_limit=262_144) as world,
        world.session.post(world.url, data=endless()) as response,
    ):
        assert response.status == 413


@pytest.mark.parametrize("sent", [b"", request()[:-2], request("Content-Length: 0") + b"POST /"])
async def test_a_connection_whose_headers_never_end_is_closed(sent: bytes) -> None:
    async with webhook(FakeBus(), idle=0.3) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
        writer.write(sent)
        async with asyncio.timeout(5):
            await reader.read()
        writer.close()
        await writer.wait_closed()
