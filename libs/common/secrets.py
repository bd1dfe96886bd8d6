"""Envelope encryption of credentials: a master key wraps a tenant's data key, which seals secrets.

Both layers are AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce, good for 2^32 uses of one
key. The additional data of a wrapped key names its tenant, that of a sealed value its tenant and
connection, so that a value moved to another document does not open. Ids of keys travel with the
values: to rotate the master key, put a new one in front, `rewrap` each tenant's key, drop the old.

No error, `repr` or attribute here holds a key or a plaintext: keys live inside the cipher objects.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from common.ids import frame

_KEY_OCTETS: Final = 32
_NONCE_OCTETS: Final = 12
_DATA_KEY_ID_OCTETS: Final = 8
_DEFAULT_KEY_ID: Final = "k1"
_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")

_CHANGED: Final = "it was changed, or it belongs to another tenant or connection"


class MasterKeyUnusable(ValueError):  # says what happened
    """The setting that holds the master keys cannot be used. The text never holds a key."""

    code: Final = "master_key_unusable"

    def __init__(self, problem: str) -> None:
        self.what = f"The master keys cannot be used: {problem}."
        self.remedy = (
            "Give them as `id:key,id:key`, each key 32 bytes in base64, the current first."
        )
        super().__init__(f"{self.what} {self.remedy}")


class SecretUnreadable(Exception):  # says what happened
    """A stored secret does not open. The text never holds a key or a plaintext."""

    code = "secret_unreadable"

    def __init__(self, problem: str, remedy: str | None = None) -> None:
        self.what = f"The stored secret cannot be read: {problem}."
        self.remedy = remedy or "Enter the credentials of the connection again."
        super().__init__(f"{self.what} {self.remedy}")


class MasterKeyWrong(SecretUnreadable):  # says what happened
    """A tenant's data key does not open, so the master key is at fault, not the credentials."""

    code = "master_key_wrong"


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A tenant's data key, encrypted under the master key `master_key_id`; safe to store."""

    tenant_id: str
    data_key_id: str
    master_key_id: str
    blob: bytes = field(repr=False)

    def to_document(self) -> dict[str, str]:
        """A plain dict of texts for the database, the encrypted key in base64."""
        return {
            "tenant_id": self.tenant_id,
            "data_key_id": self.data_key_id,
            "master_key_id": self.master_key_id,
            "blob": base64.b64encode(self.blob).decode(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote; other fields are ignored.

        Raises:
            SecretUnreadable: when a field is missing or not of its form.
        """
        return cls(
            tenant_id=_text(document, "tenant_id"),
            data_key_id=_text(document, "data_key_id"),
            master_key_id=_text(document, "master_key_id"),
            blob=_blob(document),
        )


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret of one connection, encrypted under its tenant's data key; safe to store."""

    data_key_id: str
    blob: bytes = field(repr=False)

    def to_document(self) -> dict[str, str]:
        """A plain dict of texts for the database, the encrypted secret in base64."""
        return {
            "data_key_id": self.data_key_id,
            "blob": base64.b64encode(self.blob).decode(),
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote; other fields are ignored.

        Raises:
            SecretUnreadable: when a field is missing or not of its form.
        """
        return cls(data_key_id=_text(document, "data_key_id"), blob=_blob(document))


@dataclass(frozen=True, slots=True, eq=False)
class TenantKey:
    """A tenant's data key, ready for use. Keep it in memory only."""

    tenant_id: str
    data_key_id: str
    _cipher: AESGCM = field(repr=False)
    _deriving: HMAC = field(repr=False)

    def derive(self, *words: str) -> bytes:
        """32 octets that nobody can guess without the data key, always the same for the same words:
        for tokens that need no place to be kept in (NIST SP 800-108, a KDF in the form of HMAC)."""
        deriving = self._deriving.copy()
        deriving.update(frame("heliograph.derived.v1", self.tenant_id, *words))
        return deriving.finalize()

    def seal(self, connection_id: str, plaintext: bytes | Mapping[str, Any]) -> Sealed:
        """Encrypt a secret of a connection: bytes as they are, a mapping as JSON."""
        secret = plaintext if isinstance(plaintext, bytes) else orjson.dumps(dict(plaintext))
        return Sealed(
            data_key_id=self.data_key_id,
            blob=_encrypt(self._cipher, secret, self._bound_to(connection_id)),
        )

    def open(self, connection_id: str, sealed: Sealed) -> bytes:
        """Decrypt a secret of a connection.

        Raises:
            SecretUnreadable: when it is not this tenant's and connection's, or was changed.
        """
        if sealed.data_key_id != self.data_key_id:
            raise SecretUnreadable(
                f"it is sealed with the data key '{sealed.data_key_id}', "
                f"but the tenant's is '{self.data_key_id}'"
            )
        secret = _decrypt(self._cipher, sealed.blob, self._bound_to(connection_id))
        if secret is None:
            raise SecretUnreadable(_CHANGED)
        return secret

    def open_mapping(self, connection_id: str, sealed: Sealed) -> dict[str, Any]:
        """Decrypt a secret that was sealed as a mapping.

        Raises:
            SecretUnreadable: as `open`, and when the secret is not a mapping.
        """
        value = _parse_json(self.open(connection_id, sealed))
        if not isinstance(value, dict):
            raise SecretUnreadable("it does not have the form of credentials")
        return value

    def _bound_to(self, connection_id: str) -> bytes:
        return frame("heliograph.sealed.v1", self.tenant_id, self.data_key_id, connection_id)


@dataclass(frozen=True, slots=True, eq=False)
class MasterKeys:
    """The current master key, which wraps, and earlier ones, which only unwrap."""

    current_id: str
    _ciphers: Mapping[str, AESGCM] = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `k2:<base64>,k1:<base64>`, the current key first; blanks around items are ignored.

        A single key without an id gets the id `k1`. Each key is 32 bytes in standard base64; an id
        is 1 to 64 letters, digits, `_` and `-`.

        Raises:
            MasterKeyUnusable: when a key or an id is not of its form, or an id comes twice.
        """
        ciphers: dict[str, AESGCM] = {}
        for place, item in enumerate(text.split(","), start=1):
            key_id, colon, encoded = item.strip().rpartition(":")
            key_id = key_id if colon else _DEFAULT_KEY_ID
            key = _decode(encoded.strip())
            if not _KEY_ID.fullmatch(key_id):
                raise MasterKeyUnusable(f"key {place} has no usable id")
            if key_id in ciphers:
                raise MasterKeyUnusable(f"the id of key {place} comes twice")
            if key is None or len(key) != _KEY_OCTETS:
                raise MasterKeyUnusable(f"key {place} is not {_KEY_OCTETS} bytes in base64")
            ciphers[key_id] = AESGCM(key)
        return cls(current_id=next(iter(ciphers)), _ciphers=ciphers)

    def new_tenant_key(self, tenant_id: str) -> WrappedKey:
        """Make a random data key for a tenant, wrapped by the current master key."""
        data_key_id = os.urandom(_DATA_KEY_ID_OCTETS).hex()
        return self._wrap(tenant_id, data_key_id, AESGCM.generate_key(_KEY_OCTETS * 8))

    def unwrap(self, tenant_id: str, wrapped: WrappedKey) -> TenantKey:
        """Make a tenant's data key usable.

        Raises:
            MasterKeyWrong: when its master key is not configured, it is another tenant's, or it
                was changed.
        """
        key = self._unwrap(tenant_id, wrapped)
        return TenantKey(
            tenant_id=tenant_id,
            data_key_id=wrapped.data_key_id,
            _cipher=AESGCM(key),
            # A key of its own, so that no key serves two purposes.
            _deriving=HMAC(_derivation_key(key), SHA256()),
        )

    def _wrap(self, tenant_id: str, data_key_id: str, key: bytes) -> WrappedKey:
        bound = _wrapped_for(tenant_id, data_key_id, self.current_id)
        return WrappedKey(
            tenant_id=tenant_id,
            data_key_id=data_key_id,
            master_key_id=self.current_id,
            blob=_encrypt(self._ciphers[self.current_id], key, bound),
        )

    def _unwrap(self, tenant_id: str, wrapped: WrappedKey) -> bytes:
        cipher = self._ciphers.get(wrapped.master_key_id)
        if cipher is None:
            raise MasterKeyWrong(
                f"the master key '{wrapped.master_key_id}' that wraps it is not configured",
                f"Add the key '{wrapped.master_key_id}' to HELIOGRAPH_MASTER_KEY, "
                "after the current one.",
            )
        bound = _wrapped_for(tenant_id, wrapped.data_key_id, wrapped.master_key_id)
        key = _decrypt(cipher, wrapped.blob, bound)
        if key is None or len(key) != _KEY_OCTETS:
            raise MasterKeyWrong(
                f"the tenant's data key does not open with the master key "
                f"'{wrapped.master_key_id}': it was changed, is another tenant's, or another key "
                "bears that id",
                f"Check the key '{wrapped.master_key_id}' in HELIOGRAPH_MASTER_KEY.",
            )
        return key


def rewrap(wrapped: WrappedKey, keys: MasterKeys) -> WrappedKey:
    """The same data key under the current master key; unchanged where it already is.

    What is sealed with the data key stays as it is, so a rotation touches one document a tenant.

    Raises:
        MasterKeyWrong: as `MasterKeys.unwrap`.
    """
    key = keys._unwrap(wrapped.tenant_id, wrapped)  # noqa: SLF001 # raw keys stay in this module
    if wrapped.master_key_id == keys.current_id:
        return wrapped
    return keys._wrap(wrapped.tenant_id, wrapped.data_key_id, key)  # noqa: SLF001 # as above


def generate_master_key() -> str:
    """A fresh random master key: 32 bytes in base64, without an id."""
    return base64.b64encode(AESGCM.generate_key(_KEY_OCTETS * 8)).decode()


def _wrapped_for(tenant_id: str, data_key_id: str, master_key_id: str) -> bytes:
    return frame("heliograph.wrapped-key.v1", tenant_id, data_key_id, master_key_id)


def _derivation_key(key: bytes) -> bytes:
    return HKDFExpand(SHA256(), _KEY_OCTETS, b"heliograph.derivation-key.v1").derive(key)


def _encrypt(cipher: AESGCM, plaintext: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE_OCTETS)
    return nonce + cipher.encrypt(nonce, plaintext, bound)


# The three below answer None rather than raise: an error raised while another is handled keeps that
# one as its context, and a JSON error holds the text that it could not read.


def _decrypt(cipher: AESGCM, blob: bytes, bound: bytes) -> bytes | None:
    try:
        return cipher.decrypt(blob[:_NONCE_OCTETS], blob[_NONCE_OCTETS:], bound)
    except (InvalidTag, ValueError):  # ValueError: fewer bytes than a nonce
        return None


def _parse_json(data: bytes) -> object:
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return None


def _decode(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def _blob(document: Mapping[str, Any]) -> bytes:
    blob = _decode(_text(document, "blob"))
    if blob is None:
        raise SecretUnreadable("its field `blob` is not base64")
    return blob


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise SecretUnreadable(f"its field `{name}` is missing or not a text")
    return value
