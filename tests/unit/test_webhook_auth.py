"""Proof: no delivery passes without every configured kind of it, and nobody is called a stranger
while the service itself does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from webhook_world import FakeBus, event_grid, received_data, webhook
from yarl import URL

from webhook.auth import Doorkeeper, SecretCheck, Secrets

TEXT = [event_grid(received_data())]
HEADER = "x-heliograph-secret"


def door(secrets: Secrets | list[str]) -> Doorkeeper:
    source = secrets if isinstance(secrets, Secrets) else Secrets(secrets)
    return Doorkeeper(secret=SecretCheck(source, query="code", header=HEADER), entra=None)


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ({}, {}, 401),
        ({"code": "wrong"}, {}, 401),
        ({"code": ""}, {}, 401),
        ({"code": "olde"}, {}, 401),
        ({"CODE": "old"}, {}, 401),
        ({"code": "caf\u00e9"}, {}, 401),
        ({}, {HEADER: "wrong"}, 401),
        ({}, {HEADER: "caf\u00e9"}, 401),
        ({"code": "old"}, {}, 200),
        ({"code": "new"}, {}, 200),
        ({}, {HEADER: "old"}, 200),
        ({}, {HEADER.upper(): "new"}, 200),
        ({"code": "wrong"}, {HEADER: "new"}, 200),
    ],
)
async def test_either_of_two_secrets_passes_in_the_query_or_the_header_and_nothing_else(
    query: dict[str, str], headers: dict[str, str], status: int
) -> None:
    bus = FakeBus()
    async with webhook(bus, doorkeeper=door(["old", "new"])) as world:
        answered, problem = await world.post(TEXT, query=query, headers=headers)
    assert answered == status
    assert len(bus.messages) == (1 if status == 200 else 0)
    assert problem is None or problem["code"] == "wrong_secret"


async def test_no_more_than_four_secrets_are_tried() -> None:
    async with webhook(FakeBus(), doorkeeper=door(["secret"])) as world:
        tried = [("code", f"guess-{number}") for number in range(3)]
        assert (await world.post(TEXT, query=[*tried, ("code", "secret")]))[0] == 200
        tried.append(("code", "guess-3"))
        assert (await world.post(TEXT, query=[*tried, ("code", "secret")]))[0] == 401
        assert (await world.post(TEXT, query=tried, headers={HEADER: "secret"}))[0] == 401


async def test_a_stranger_is_refused_before_the_body_is_read() -> None:
    async with webhook(FakeBus(), doorkeeper=door(["secret"])) as world:
        assert (await world.post(b"not JSON"))[0] == 401
        assert (await world.post(b"not JSON", query={"code": "secret"}))[0] == 400


@pytest.mark.parametrize("written", ["a+b/c==", "a%2Bb/c%3D%3D"])
async def test_a_secret_in_base64_passes_escaped_or_not(written: str) -> None:
    async with webhook(FakeBus(), doorkeeper=door(["a+b/c=="])) as world:
        url = URL(f"{world.url}?code={written}", encoded=True)
        async with world.session.post(url, data=b"[]") as response:
            assert response.status == 200


class TestSecretsFromAFile:
    async def test_a_rotation_needs_no_restart(self, tmp_path: Path) -> None:
        file, now = tmp_path / "secrets", [0.0]
        file.write_text("old\n")
        secrets = Secrets(["old"], file=file, reread_every=2.0, clock=lambda: now[0])
        async with webhook(FakeBus(), doorkeeper=door(secrets)) as world:
            assert await statuses(world, "old", "new") == [200, 401]
            file.write_text("old, new\n")
            now[0] = 2.0
            assert await statuses(world, "old", "new") == [200, 200]
            file.write_text("new")
            now[0] = 4.0
            assert await statuses(world, "old", "new") == [401, 200]

    @pytest.mark.parametrize("content", [None, b"", b" , \n", b"\xff\xfe"])
    async def test_while_it_is_unreadable_everybody_is_asked_to_come_again(
        self, tmp_path: Path, content: bytes | None
    ) -> None:
        file, now = tmp_path / "secrets", [0.0]
        file.write_text("secret")
        secrets = Secrets(["secret"], file=file, reread_every=2.0, clock=lambda: now[0])
        bus = FakeBus()
        async with webhook(bus, doorkeeper=door(secrets)) as world:
            assert await statuses(world, "secret") == [200]
            now[0] = 2.0
            if content is None:
                file.unlink()
            else:
                file.write_bytes(content)
            assert await statuses(world, "secret", "wrong") == [503, 503]
            file.write_text("secret")
            assert await statuses(world, "secret", "wrong") == [200, 401]
        assert len(bus.messages) == 2


async def statuses(world: Any, *secrets: str) -> list[int]:
    return [(await world.post(TEXT, query={"code": secret}))[0] for secret in secrets]
