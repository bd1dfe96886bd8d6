"""Ids derived from what they name, so that doing a thing again finds what was done before.

The values are stored and sent to providers: changing what goes into a hash here is a migration.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Final

_NAMESPACE: Final = uuid.UUID("8b0e4c5e-6f0a-5c0b-9a51-1c1a5f3d7e21")
"""Made once for this project; it keeps our UUIDs apart from those of others."""

_LENGTH_OCTETS: Final = 8
_ID_OCTETS: Final = 16


def frame(*parts: str) -> bytes:
    """The parts as one byte string that no other sequence of parts has: each one in UTF-8 after its
    length in 8 octets, big-endian. Thus ("ab", "c") and ("a", "bc") stay apart."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return b"".join([len(part).to_bytes(_LENGTH_OCTETS, "big") + part for part in encoded])


def derive(kind: str, *parts: str) -> str:
    """A stable id of 32 lower-case hex digits: the first 128 bits of a SHA-256 over kind and parts.

    The same arguments always give the same id; others give another one, short of a collision of
    SHA-256 (one chance in two after some 2^64 ids). Reveals nothing about long random parts, but a
    phone number alone can be found by trying all of them: it is an id, not a pseudonym.
    """
    return hashlib.sha256(frame(kind, *parts)).digest()[:_ID_OCTETS].hex()


def derive_uuid(kind: str, *parts: str) -> uuid.UUID:
    """A stable UUID of version 5 (RFC 9562, section 5.5) for those who ask for a UUID.

    Version 5 rather than the free-form version 8, because validators that predate RFC 9562 refuse
    versions above 5. ACS takes the 36-character text as a repeatability ID and calls it opaque
    (Azure REST API specs, Communication SMS).
    """
    return uuid.uuid5(_NAMESPACE, hashlib.sha256(frame(kind, *parts)).hexdigest())
