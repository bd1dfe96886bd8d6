"""Envelope encryption: secrets open for their tenant and connection, and show nowhere else."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.secrets import (
    MasterKeys,
    MasterKeyUnusable,
    Sealed,
    SecretUnreadable,
    TenantKey,
    WrappedKey,
    generate_master_key,
    rewrap,
)

pytestmark = pytest.mark.unit

OLD = base64.b64encode(bytes(range(32))).decode()
NEW = base64.b64encode(bytes(range(100, 132))).decode()
SECRET = b"endpoint=https://canary.invalid/;accesskey=canary-secret"


@pytest.fixture
def keys() -> MasterKeys:
    return MasterKeys.parse(f"k1:{OLD}")


@pytest.fixture
def wrapped(keys: MasterKeys) -> WrappedKey:
    return keys.new_tenant_key("acme")


@pytest.fixture
def tenant_key(keys: MasterKeys, wrapped: WrappedKey) -> TenantKey:
    return keys.unwrap("acme", wrapped)


def traces(error: BaseException) -> str:
    """Everything that a sink could print of an error, its hidden causes included."""
    seen: list[str] = []
    current: BaseException | None = error
    while current is not None:
        seen += [str(current), repr(current), repr(current.args), repr(vars(current))]
        current = current.__cause__ or current.__context__
    return " ".join(seen)


# Opening what was sealed


@given(
    tenant=st.text(max_size=20),
    connection=st.text(max_size=20),
    plaintext=st.binary(max_size=200)
    | st.dictionaries(st.text(max_size=10), st.text(max_size=10), max_size=4),
)
@settings(max_examples=100)
def test_what_is_sealed_opens_again_after_the_database(
    tenant: str, connection: str, plaintext: bytes | dict[str, str]
) -> None:
    keys = MasterKeys.parse(OLD)
    wrapped = keys.new_tenant_key(tenant)
    sealed = keys.unwrap(tenant, wrapped).seal(connection, plaintext)
    stored = json.loads(json.dumps([wrapped.to_document(), sealed.to_document()]))

    tenant_key = MasterKeys.parse(OLD).unwrap(tenant, WrappedKey.from_document(stored[0]))
    again = Sealed.from_document(stored[1])

    assert again == sealed
    if isinstance(plaintext, bytes):
        assert tenant_key.open(connection, again) == plaintext
    else:
        assert tenant_key.open_mapping(connection, again) == plaintext


def test_the_same_secret_never_looks_the_same_twice(tenant_key: TenantKey) -> None:
    assert tenant_key.seal("c1", SECRET).blob != tenant_key.seal("c1", SECRET).blob


def test_each_tenant_key_is_another(keys: MasterKeys, tenant_key: TenantKey) -> None:
    other = keys.unwrap("acme", keys.new_tenant_key("acme"))
    sealed = tenant_key.seal("c1", SECRET)
    with pytest.raises(SecretUnreadable, match=sealed.data_key_id):
        other.open("c1", sealed)
    with pytest.raises(SecretUnreadable):
        other.open("c1", dataclasses.replace(sealed, data_key_id=other.data_key_id))


# Refusing everything else


def test_another_connection_does_not_open_it(tenant_key: TenantKey) -> None:
    sealed = tenant_key.seal("c1", SECRET)
    with pytest.raises(SecretUnreadable, match="another tenant or connection"):
        tenant_key.open("c2", sealed)


def test_another_tenant_does_not_get_the_data_key(keys: MasterKeys, wrapped: WrappedKey) -> None:
    with pytest.raises(SecretUnreadable):
        keys.unwrap("globex", wrapped)
    with pytest.raises(SecretUnreadable):
        keys.unwrap("globex", dataclasses.replace(wrapped, tenant_id="globex"))


def test_a_secret_moved_to_another_tenant_does_not_open(keys: MasterKeys) -> None:
    acme = keys.unwrap("acme", keys.new_tenant_key("acme"))
    globex = keys.unwrap("globex", keys.new_tenant_key("globex"))
    sealed = acme.seal("c1", SECRET)
    with pytest.raises(SecretUnreadable):
        globex.open("c1", sealed)
    same_key = dataclasses.replace(acme, tenant_id="globex")
    with pytest.raises(SecretUnreadable):
        same_key.open("c1", sealed)


def test_a_change_of_any_byte_is_noticed(
    keys: MasterKeys, wrapped: WrappedKey, tenant_key: TenantKey
) -> None:
    sealed = tenant_key.seal("c1", b"short")
    for index in range(len(sealed.blob)):
        changed = dataclasses.replace(sealed, blob=flip(sealed.blob, index))
        with pytest.raises(SecretUnreadable):
            tenant_key.open("c1", changed)
    for index in range(len(wrapped.blob)):
        with pytest.raises(SecretUnreadable):
            keys.unwrap("acme", dataclasses.replace(wrapped, blob=flip(wrapped.blob, index)))


def flip(data: bytes, index: int) -> bytes:
    return data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :]


@pytest.mark.parametrize("length", [0, 5, 12, 20])
def test_a_truncated_secret_is_noticed(tenant_key: TenantKey, length: int) -> None:
    sealed = tenant_key.seal("c1", SECRET)
    with pytest.raises(SecretUnreadable):
        tenant_key.open("c1", dataclasses.replace(sealed, blob=sealed.blob[:length]))


def test_a_missing_master_key_is_named(wrapped: WrappedKey) -> None:
    with pytest.raises(SecretUnreadable) as caught:
        MasterKeys.parse(f"k2:{NEW}").unwrap("acme", wrapped)
    assert caught.value.code == "master_key_wrong"
    assert "'k1'" in caught.value.what
    assert "'k1'" in caught.value.remedy


def test_another_key_under_the_same_id_does_not_unwrap(wrapped: WrappedKey) -> None:
    with pytest.raises(SecretUnreadable, match="'k1'"):
        MasterKeys.parse(f"k1:{NEW}").unwrap("acme", wrapped)


@pytest.mark.parametrize("field", ["tenant_id", "data_key_id", "master_key_id", "blob"])
@pytest.mark.parametrize("value", [None, 7, b"AAAA"])
def test_a_wrapped_key_with_a_bad_field_is_unreadable(
    wrapped: WrappedKey, field: str, value: Any
) -> None:
    with pytest.raises(SecretUnreadable, match=field):
        WrappedKey.from_document({**wrapped.to_document(), field: value})


@pytest.mark.parametrize("document", [{}, {"data_key_id": "d"}, {"data_key_id": "d", "blob": "?"}])
def test_a_sealed_value_with_a_bad_field_is_unreadable(document: dict[str, str]) -> None:
    with pytest.raises(SecretUnreadable):
        Sealed.from_document(document)


@pytest.mark.parametrize("secret", [SECRET, b'["canary"]', b'"canary"'])
def test_a_secret_that_is_no_mapping_is_not_shown(tenant_key: TenantKey, secret: bytes) -> None:
    with pytest.raises(SecretUnreadable) as caught:
        tenant_key.open_mapping("c1", tenant_key.seal("c1", secret))
    assert "canary" not in traces(caught.value)


# Rotating


def test_rotation_keeps_secrets_readable_and_lets_the_old_key_go(
    wrapped: WrappedKey, tenant_key: TenantKey
) -> None:
    sealed = tenant_key.seal("c1", SECRET)
    both = MasterKeys.parse(f"k2:{NEW},k1:{OLD}")
    assert both.current_id == "k2"
    assert both.unwrap("acme", wrapped).open("c1", sealed) == SECRET

    rotated = rewrap(wrapped, both)

    assert rotated.master_key_id == "k2"
    only_new = MasterKeys.parse(f"k2:{NEW}")
    assert only_new.unwrap("acme", rotated).open("c1", sealed) == SECRET
    assert rewrap(rotated, both) is rotated


def test_rotation_refuses_a_key_that_it_cannot_open(keys: MasterKeys, wrapped: WrappedKey) -> None:
    with pytest.raises(SecretUnreadable):
        rewrap(wrapped, MasterKeys.parse(f"k2:{NEW}"))
    with pytest.raises(SecretUnreadable):
        rewrap(dataclasses.replace(wrapped, blob=flip(wrapped.blob, 20)), keys)


def test_a_new_key_is_wrapped_by_the_current_master_key() -> None:
    assert MasterKeys.parse(f"k2:{NEW},k1:{OLD}").new_tenant_key("acme").master_key_id == "k2"


# Reading the setting


@pytest.mark.parametrize(
    ("text", "current"),
    [
        (OLD, "k1"),
        (f" {OLD}\n", "k1"),
        (f"k7:{OLD}", "k7"),
        (f"k2:{NEW},k1:{OLD}", "k2"),
        (f"k2:{NEW} ,\n k1:{OLD}\n", "k2"),
        (f"2026-10_a:{NEW}", "2026-10_a"),
        (f"k2:{NEW},{OLD}", "k2"),
    ],
)
def test_the_first_master_key_is_the_current_one(text: str, current: str) -> None:
    assert MasterKeys.parse(text).current_id == current


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "key 1 is not 32 bytes"),
        ("k1:", "key 1 is not 32 bytes"),
        ("canary", "key 1 is not 32 bytes"),
        ("k1:" + base64.b64encode(b"canary").decode(), "key 1 is not 32 bytes"),
        (f"k1:{OLD}canary", "key 1 is not 32 bytes"),
        ("k1:canäry", "key 1 is not 32 bytes"),
        (f"k2:{NEW},", "key 2 is not 32 bytes"),
        (f"k1:{NEW},k1:{OLD}", "comes twice"),
        (f":{OLD}", "key 1 has no usable id"),
        (f"k 1:{OLD}", "key 1 has no usable id"),
        (f"{NEW}:{OLD}", "key 1 has no usable id"),
    ],
)
def test_an_unusable_master_key_is_refused_without_showing_it(text: str, problem: str) -> None:
    with pytest.raises(MasterKeyUnusable, match=problem) as caught:
        MasterKeys.parse(text)
    assert caught.value.code == "master_key_unusable"
    assert caught.value.remedy in str(caught.value)
    for secret in ("canary", "canäry", OLD, NEW):
        assert secret not in traces(caught.value)


def test_a_generated_master_key_can_be_used() -> None:
    one, other = generate_master_key(), generate_master_key()
    assert one != other
    assert len(base64.b64decode(one)) == 32
    assert MasterKeys.parse(f"k2:{one},k1:{other}").current_id == "k2"


# Showing nothing


def test_no_representation_shows_a_secret(
    keys: MasterKeys, wrapped: WrappedKey, tenant_key: TenantKey
) -> None:
    sealed = tenant_key.seal("c1", SECRET)
    raw_key = bytes(range(32))
    for value in (keys, wrapped, tenant_key, sealed):
        shown = f"{value!r} {value!s} {value}"
        assert "canary" not in shown
        assert OLD not in shown
        assert repr(raw_key)[2:-1] not in shown
        assert "blob" not in shown
        assert "_cipher" not in shown
    assert repr(keys) == "MasterKeys(current_id='k1')"


def test_a_document_shows_neither_key_nor_secret(tenant_key: TenantKey) -> None:
    document = tenant_key.seal("c1", {"accesskey": "canary"}).to_document()
    assert "canary" not in json.dumps(document)
    assert b"canary" not in base64.b64decode(document["blob"])


def test_errors_of_opening_show_no_secret(keys: MasterKeys, tenant_key: TenantKey) -> None:
    sealed = tenant_key.seal("c1", SECRET)
    with pytest.raises(SecretUnreadable) as caught:
        tenant_key.open("c2", sealed)
    shown = traces(caught.value)
    assert "canary" not in shown
    assert OLD not in shown
    assert base64.b64encode(sealed.blob).decode() not in shown
