"""What every adapter promises where something goes wrong on the way: it is never taken for success,
and only what surely did not leave is called not sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from conformance.provider_canaries import CanarySuite, Connect
from conformance.provider_world import Fake, Said, serving

from common.providers.port import Accepted, Ambiguous, NotProcessed, Refused
from heliograph.codes import OutcomeCode


class FaultSuite(CanarySuite):
    """What goes wrong on the way."""

    async def test_a_connection_that_is_refused_means_not_sent(
        self, connect: Connect, nowhere: str
    ) -> None:
        result = await connect(url=nowhere).send(self.text)
        assert isinstance(result, NotProcessed)
        assert result.code is OutcomeCode.PROVIDER_UNAVAILABLE

    async def test_a_host_that_is_not_found_means_not_sent(
        self, fake: Fake, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def unknown(*_: Any, **__: Any) -> Any:
            raise OSError(-2, "Name or service not known")

        monkeypatch.setattr("aiohttp.connector.DefaultResolver.resolve", unknown)
        client = connect(url=fake.url.replace("127.0.0.1", "localhost"))
        result = await client.send(self.text)
        assert isinstance(result, NotProcessed)
        assert fake.sent == []

    async def test_an_answer_that_does_not_come_in_time_leaves_it_open(
        self, fake: Fake, connect: Connect
    ) -> None:
        with held(fake):
            async with asyncio.timeout(5):
                assert isinstance(await connect(timeout=0.3).send(self.text), Ambiguous)
        assert len(fake.sent) == 1

    async def test_an_answer_that_only_trickles_is_ended_in_time(
        self, fake: Fake, connect: Connect
    ) -> None:
        async def trickle(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(status=self.accepted[0].status)
            await response.prepare(request)
            with contextlib.suppress(ConnectionError):
                while True:
                    await response.write(b" ")
                    await asyncio.sleep(0.02)
            return response

        fake.respond = trickle
        async with asyncio.timeout(5):
            assert isinstance(await connect(timeout=0.3).send(self.text), Ambiguous)

    async def test_a_connection_that_is_cut_leaves_it_open(
        self, fake: Fake, connect: Connect
    ) -> None:
        async def cut(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        fake.respond = cut
        assert isinstance(await connect().send(self.text), Ambiguous)
        assert len(fake.sent) == 1

    async def test_success_that_is_cut_in_the_middle_leaves_it_open(
        self, fake: Fake, connect: Connect
    ) -> None:
        async def half(request: web.Request) -> web.StreamResponse:
            whole = self.accepted[0].octets
            headers = {"Content-Length": str(len(whole))}
            response = web.StreamResponse(status=self.accepted[0].status, headers=headers)
            await response.prepare(request)
            await response.write(whole[:-1])
            assert request.transport is not None
            request.transport.abort()
            return response

        fake.respond = half
        assert isinstance(await connect().send(self.text), Ambiguous)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_is_never_followed(
        self, fake: Fake, connect: Connect, status: int
    ) -> None:
        async with serving(self.accepted[0]) as stranger:
            fake.respond = Said(status, b"", {"Location": f"{stranger.url}/elsewhere"})
            client = connect()
            result = await client.send(self.text)
            assert isinstance(result, (Refused, Ambiguous))
            await client.check([self.text.sender])
            assert stranger.sent == []
            assert fake.sent

    async def test_cancelling_a_send_is_not_taken_for_an_answer(
        self, fake: Fake, connect: Connect
    ) -> None:
        with held(fake) as arrived:
            sending = asyncio.create_task(connect().send(self.text))
            await arrived.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending

    async def test_after_a_fault_the_client_goes_on(self, fake: Fake, connect: Connect) -> None:
        client = connect(timeout=0.3)
        with held(fake):
            await client.send(self.text)
        fake.respond = self.accepted[0]
        assert await client.send(self.text) == Accepted(self.accepted[1])


@contextlib.contextmanager
def held(fake: Fake) -> Iterator[asyncio.Event]:
    """Nothing is answered meanwhile; gives an event that says that a request arrived."""
    arrived, released = asyncio.Event(), asyncio.Event()

    async def hold(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await released.wait()
        return web.Response()

    fake.respond = hold
    try:
        yield arrived
    finally:
        released.set()
