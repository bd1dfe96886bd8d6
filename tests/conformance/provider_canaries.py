"""What the provider suite's sending tests stand on: a provider on this machine, clients of it, and
canaries, which are searched for in everything that a client gives and logs."""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from conformance.provider_hooks import Hooks
from conformance.provider_world import Fake, serving
from structlog.testing import capture_logs

from common.addresses import AddressKind, kind_of
from common.providers.port import ProviderClient, Text

Connect = Callable[..., ProviderClient]

ASKED = ("send", "send_all", "check", "owns", "opt_out", "opted_out", "report")


class Watched:
    """A client whose every answer and exception is shown to the suite before it is handed on."""

    def __init__(self, client: ProviderClient, show: Callable[[object], None]):
        self._client = client
        self._show = show
        show(client)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name not in ASKED:
            return method

        async def call(*given: Any, **more: Any) -> Any:
            try:
                answer = await method(*given, **more)
            except Exception as error:
                self._show(error)
                raise
            self._show(answer)
            return answer

        return call


class CanarySuite(Hooks):
    """Inherited by whatever calls the provider."""

    @property
    def text(self) -> Text:
        """What is sent where it does not matter what."""
        return next(iter(self.sendings.values())).text

    @property
    def canaries(self) -> frozenset[str]:
        """What may never show: secrets, how they go over the wire, whole numbers, bodies."""
        found = {
            self.credentials[name] for name in self.provider.spec.secrets & {*self.credentials}
        }
        for header in ("Authorization",):
            found |= {self.headers_sent.get(header, "").partition(" ")[2]}
        for sending in self.sendings.values():
            text = sending.text
            numbers = {text.sender, text.recipient}
            found |= {item[1:] for item in numbers if kind_of(item) is AddressKind.E164}
            found.add(text.body)
        return frozenset(word for word in found if len(word) >= 6)

    def show(self, thing: object) -> None:
        """Look for canaries in what a caller could log."""
        seen = f"{thing!r} {thing!s} {getattr(thing, '__cause__', '')!r}"
        seen += repr(getattr(thing, "__dict__", "")) if isinstance(thing, Exception) else ""
        for canary in self.canaries:
            assert canary not in seen, f"{canary!r} shows in {type(thing).__name__}"

    @pytest.fixture(autouse=True)
    def _logs_are_clean(self, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
        caplog.set_level("DEBUG")
        with capture_logs() as events:
            yield
        said = [it.getMessage() for it in caplog.records if it.name != "aiohttp.access"]
        for canary in self.canaries:
            assert canary not in repr(events) + repr(said), f"{canary!r} was logged"

    @pytest.fixture
    async def fake(self) -> AsyncIterator[Fake]:
        """The provider, which accepts everything until it is told otherwise."""
        async with serving(self.accepted[0]) as fake:
            yield fake

    @pytest.fixture
    async def connect(self, fake: Fake) -> AsyncIterator[Connect]:
        """Makes clients of the provider, and closes them."""
        made: list[ProviderClient] = []

        def make(url: str | None = None, **options: Any) -> Any:
            made.append(self.client(url or fake.url, **options))
            return Watched(made[-1], self.show)

        yield make
        for client in made:
            await client.close()

    @pytest.fixture
    def nowhere(self) -> Iterator[str]:
        """An address of this machine that refuses every connection."""
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))  # Bound but not listening.
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"

    async def test_what_the_provider_quotes_of_secrets_and_numbers_is_masked(
        self, fake: Fake, connect: Connect
    ) -> None:
        client = connect()
        for words in self.quoted():  # One by one: of all at once the end would be cut.
            fake.respond = self.quoting(words)
            result = await client.send(self.text)
            assert getattr(result, "detail", "")
            assert len(getattr(result, "detail", "")) <= 400
            await client.check([self.text.sender])
            await client.report(self.accepted[1])

    @property
    def logins(self) -> Sequence[str]:
        """Secrets as they go over the wire."""
        sent = self.headers_sent.get("Authorization", "")
        return [sent.rpartition(" ")[2]] if sent else []

    def quoted(self) -> Sequence[str]:
        """What an unwise provider might say back."""
        secrets = [
            self.credentials[it] for it in self.provider.spec.secrets if it in self.credentials
        ]
        basic = base64.b64encode(b"somebody:something").decode()
        return [
            f"No route from {self.text.sender} to {self.text.recipient}.",
            f"Number {self.text.recipient[1:]} is not known.",
            *(f"password={secret}" for secret in secrets),
            *(f'"api_key": "{secret}"' for secret in secrets),
            *(f"Nobody has {secret} any more." for secret in [*secrets, *self.logins]),
            *(secret for secret in [*secrets, *self.logins]),
            f"Authorization: Basic {basic}",
        ]
