"""One call over HTTP: what is surely not sent, and what is never told of an answer."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from conformance.provider_world import Said, serving
from hypothesis import given
from hypothesis import strategies as st

from common.providers.http_session import HttpAnswer, HttpSession, detail_of
from common.providers.port import Ambiguous, NotProcessed
from common.providers.reading import brief
from heliograph.codes import OutcomeCode

PASSWORD = "ferry-and-tide-8w1n"
LOGIN = base64.b64encode(f"harbour:{PASSWORD}".encode()).decode()
KEY = "k3y/0f+the=harbour=office"
PROVIDER = "https://sms.provider.invalid"


@asynccontextmanager
async def proxy(answer: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A proxy that answers every tunnel so; gives its address and what it was asked."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


async def through_a_proxy(
    answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> HttpAnswer | NotProcessed | Ambiguous:
    for name in ("NO_PROXY", "no_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with proxy(answer) as (address, asked):
        monkeypatch.setenv("HTTPS_PROXY", address)
        session = HttpSession(timeout=5.0, auth=("harbour", PASSWORD), address=PROVIDER)
        heard = await session.call("POST", f"{PROVIDER}/texts", body=b"the text")
        await session.close()
    assert [it.split()[0] for it in asked] == [b"CONNECT"]
    assert b"the text" not in asked[0]
    assert LOGIN.encode() not in asked[0]
    return heard


@pytest.mark.parametrize("status", [403, 407, 502, 503])
async def test_a_tunnel_that_our_proxy_refuses_means_not_sent(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = await through_a_proxy(f"HTTP/1.1 {status} No\r\n\r\n".encode(), monkeypatch)
    assert heard == NotProcessed(OutcomeCode.PROVIDER_UNAVAILABLE, "ClientHttpProxyError")


@pytest.mark.parametrize("headers", [{}, {"X-Api-Key": KEY}, {"Authorization": f"App {KEY}"}])
async def test_whatever_an_answer_quotes_of_the_request_is_masked(headers: dict[str, str]) -> None:
    auth = ("harbour", PASSWORD) if not headers else None
    secrets = [KEY] if headers else [PASSWORD, LOGIN]
    async with serving(Said(401)) as fake:
        session = HttpSession(
            timeout=5.0,
            auth=auth,
            headers=headers | {"Accept": "application/json"},
            address=fake.url,
        )
        heard = await session.call("GET", fake.url)
        await session.close()
    assert isinstance(heard, HttpAnswer)
    for secret in secrets:
        detail = detail_of(heard, "E1", f"Nobody has {secret} any more; send application/json.")
        assert detail == "HTTP 401 E1 Nobody has ••••• any more; send application/json."
        assert secret not in detail_of(heard, secret)
        assert secret not in detail_of(heard, "E1", "x" * 290 + secret)
        assert secret not in repr(heard)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_what_is_said_is_one_line_of_so_many_characters(said: str, secrets: list[str]) -> None:
    line = brief(said, secrets)
    assert len(line) <= 300
    assert line == line.strip()
    assert len(line.splitlines()) <= 1
    assert len(brief("word " * 100_000, secrets)) <= 300


def test_what_is_said_shows_no_number_even_where_it_is_cut() -> None:
    assert brief("No route to +15551230142,\n ask 15551230142.") == (
        "No route to •••••42, ask •••••42."
    )
    assert "5551" not in brief("a" * 290 + " +15551230142")
