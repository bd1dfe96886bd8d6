"""API keys: their form, their hash, what is remembered of them, and who may give which."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type

from health.access.roles import Principal, Role
from health.access.secrets import Hashing, new_key, new_token, read_key, same, token_hash
from health.access.source import UNKNOWN, source_of
from health.desk.keys import check_expiry, check_grant, check_name
from health.web.problems import Problem, ProblemCode

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def principal(role: Role, tenant_id: str | None = "acme") -> Principal:
    return Principal(kind="key", id="k", name="K", role=role, tenant_id=tenant_id)


def test_a_key_reads_back_as_it_was_made() -> None:
    key = new_key()
    assert read_key(key.text) == key
    assert read_key(f"  {key.text}\n") == key
    assert key.text.startswith(f"hg_{key.id}_")


def test_a_secret_has_256_random_bits() -> None:
    texts = {new_key().text for _ in range(100)}
    assert len(texts) == 100
    assert all(len(text.split("_", 2)[2]) * 6 >= 256 for text in texts)
    assert len(new_token()) * 6 >= 256


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text + "a",
        lambda text: text.upper(),
        lambda text: text.replace("hg_", ""),
        lambda text: text.replace("hg_", "hg-"),
        lambda text: text[:5] + "x" + text[6:],
        lambda text: text[:-1] + "é",
        lambda text: text[:10] + "\n" + text[11:],
        lambda _: "",
        lambda _: "hg_",
        lambda _: "\x00",
    ],
)
def test_what_has_not_the_form_of_a_key_is_none(change: object) -> None:
    assert callable(change)
    assert read_key(change("hg_0123456789abcdef_" + "A" * 43)) is None


def test_a_key_is_not_shown_by_its_repr() -> None:
    key = new_key()
    assert key.text not in repr(key)
    assert key.text.split("_", 2)[2] not in repr(key)


async def test_a_hash_is_argon2id_with_the_parameters_that_owasp_names() -> None:
    found = extract_parameters(await Hashing().hash(new_key()))
    assert found.type is Type.ID
    assert (found.memory_cost, found.time_cost, found.parallelism) == (19 * 1024, 2, 1)


async def test_only_the_secret_itself_fits_its_hash() -> None:
    hashing, key, other = Hashing(), new_key(), new_key()
    stored = await hashing.hash(key)
    assert await hashing.fits(key, stored)
    assert not await hashing.fits(other, stored)
    assert not await hashing.fits(key, None)
    assert not await hashing.fits(key, "no hash at all")


async def test_a_wrong_secret_costs_as_much_where_there_is_no_such_key() -> None:
    hashing, other = Hashing(), new_key()
    stored = await hashing.hash(new_key())

    async def cost(against: str | None) -> float:
        """Seconds of computing, in whichever thread."""
        spent = []
        for _ in range(9):
            begun = time.process_time()
            assert not await hashing.fits(other, against)
            spent.append(time.process_time() - begun)
        return sorted(spent)[4]

    assert 0.5 < await cost(stored) / await cost(None) < 2


async def test_hashing_does_not_hold_up_the_loop() -> None:
    hashing, key = Hashing(), new_key()
    running = asyncio.create_task(hashing.hash(key))
    turns = 0
    while not running.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 3
    await running


async def test_a_right_secret_is_remembered_while_it_is_used_and_a_wrong_one_never() -> None:
    clock = Clock()
    hashing, key, other = Hashing(kept_for=60, clock=clock), new_key(), new_key()
    stored = await hashing.hash(key)
    assert not hashing.remembers(key, stored)
    await hashing.fits(key, stored)
    await hashing.fits(other, stored)
    for _ in range(5):
        clock.now += 50
        assert hashing.remembers(key, stored)
    assert not hashing.remembers(other, stored)
    assert not hashing.remembers(key, await hashing.hash(key)), "another hash is another question"
    clock.now += 61
    assert not hashing.remembers(key, stored)


async def test_what_is_remembered_is_bounded_and_holds_no_secret() -> None:
    hashing = Hashing(kept=2)
    keys = [new_key() for _ in range(3)]
    hashes = [await hashing.hash(key) for key in keys]
    for key, stored in zip(keys, hashes, strict=True):
        assert await hashing.fits(key, stored)
    assert [hashing.remembers(k, h) for k, h in zip(keys, hashes, strict=True)] == [
        False,
        True,
        True,
    ]
    assert not any(key.text in repr(vars(hashing)) for key in keys)


def test_tokens_are_compared_as_a_whole_whatever_they_hold() -> None:
    assert same("abc", "abc")
    assert not same("abc", "abd")
    assert not same("", "abc")
    assert not same("é\udc80", "abc")
    assert len(token_hash("\udc80")) == 64


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "source"),
    [
        ("10.0.0.1", "", 0, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", 0, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", 1, "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", 1, "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.9.9.9", 2, "1.2.3.4"),
        ("10.0.0.1", "1.2.3.4", 2, "1.2.3.4"),
        ("10.0.0.1", "", 1, "10.0.0.1"),
        ("10.0.0.1", "nonsense", 1, UNKNOWN),
        ("2001:db8:1:2:3:4:5:6", "", 0, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", 0, "2001:db8:1:2::/64"),
        ("::ffff:10.0.0.1", "", 0, "10.0.0.1"),
        (None, "", 0, UNKNOWN),
    ],
)
def test_a_client_cannot_choose_the_address_that_it_is_throttled_by(
    peer: str | None, forwarded: str, proxies: int, source: str
) -> None:
    assert source_of(peer, forwarded, proxies=proxies) == source


@pytest.mark.parametrize("own", Role)
@pytest.mark.parametrize("given", Role)
def test_nobody_gives_more_than_they_have(own: Role, given: Role) -> None:
    ranks = list(Role)
    by = principal(own, None if own is Role.OPERATOR else "acme")
    tenant_id = None if given is Role.OPERATOR else "acme"
    if ranks.index(given) <= ranks.index(own):
        check_grant(tenant_id, given, by=by)
        return
    with pytest.raises(Problem) as caught:
        check_grant(tenant_id, given, by=by)
    assert caught.value.code is ProblemCode.FORBIDDEN


@pytest.mark.parametrize(
    ("tenant_id", "role"), [("acme", Role.OPERATOR), (None, Role.ADMIN), (None, Role.VIEWER)]
)
def test_operators_have_no_tenant_and_everybody_else_has(tenant_id: str | None, role: Role) -> None:
    with pytest.raises(Problem) as caught:
        check_grant(tenant_id, role, by=principal(Role.OPERATOR, None))
    assert (caught.value.code, [*caught.value.fields]) == (ProblemCode.INVALID, ["role"])


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "two\nlines", "nul\x00"])
def test_a_name_that_nobody_can_read_is_refused(name: str) -> None:
    with pytest.raises(Problem) as caught:
        check_name(name)
    assert [*caught.value.fields] == ["name"]


@pytest.mark.parametrize(
    "expires_at",
    [
        NOW,
        NOW - timedelta(seconds=1),
        NOW + timedelta(days=4000),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=12))),
    ],
)
def test_an_expiry_that_means_nothing_is_refused(expires_at: datetime) -> None:
    with pytest.raises(Problem) as caught:
        check_expiry(expires_at, now=NOW)
    assert [*caught.value.fields] == ["expires_at"]


def test_an_expiry_is_kept_in_utc() -> None:
    given = datetime(2025, 6, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    kept = check_expiry(given, now=NOW)
    assert kept is not None
    assert kept.isoformat() == "2025-06-01T00:00:00+00:00"
    assert check_expiry(None, now=NOW) is None
