"""Circuits and ways as documents. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import orjson

from common.circuit import (
    CLOSED,
    Circuit,
    CircuitKind,
    Fuse,
    opened_by,
    reason_of,
)
from common.store.records import ConnectionStatus, Detour, Way
from heliograph.codes import OutcomeCode

_PLAIN: Final = ("since", "opened_at", "rests_until", "trying_until", "opened", "number")


def circuit_document(circuit: Circuit) -> dict[str, Any] | None:
    """A circuit, as its connection keeps it; a closed one without a failure is nothing."""
    if circuit == CLOSED:
        return None
    return _fuse_document(circuit) | {
        "failures": circuit.failures,
        "senders": [_fuse_document(fuse) for fuse in circuit.senders],
    }


def _fuse_document(fuse: Fuse) -> dict[str, Any]:
    return {name: getattr(fuse, name) for name in _PLAIN} | {
        "kind": fuse.kind.value if fuse.kind else None,
        "code": fuse.code.value if fuse.code else None,
    }


def read_circuit(document: Mapping[str, Any] | None) -> Circuit:
    """A connection's circuit."""
    if not document:
        return CLOSED
    return Circuit(
        **_fuse_fields(document),
        failures=document["failures"],
        senders=tuple(Fuse(**_fuse_fields(sender)) for sender in document["senders"]),
    )


def _fuse_fields(document: Mapping[str, Any]) -> dict[str, Any]:
    kind, code = document["kind"], document["code"]
    return {name: document[name] for name in _PLAIN} | {
        "kind": CircuitKind(kind) if kind else None,
        "code": OutcomeCode(code) if code else None,
    }


def account_of(connection: Mapping[str, Any]) -> str:
    """What tells a connection's account at its provider from another one: a digest of the
    parameters that are no secrets, such as the address of an ACS resource or an account's SID. They
    stay when a key is replaced. Of a connection without any, all credentials count for others."""
    public = connection.get("public")
    told = ["public", public] if public else ["version", connection["credentials_version"]]
    return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()


def ways_of(keys: Sequence[str], connections: Sequence[Mapping[str, Any]]) -> tuple[Way, ...]:
    """The connections to fall back on, in the order of their keys; one that is gone is left out."""
    by_key = {connection["_id"]: connection for connection in connections}
    return tuple(read_way(by_key[key]) for key in keys if key in by_key)


def read_way(connection: Mapping[str, Any]) -> Way:
    """A connection, as a way for texts."""
    return Way(
        connection_id=connection["connection_id"],
        provider=connection["provider"],
        status=ConnectionStatus(connection["status"]),
        credentials_version=connection["credentials_version"],
        account=account_of(connection),
        partner=connection.get("partner"),
        circuit=read_circuit(connection.get("circuit")),
    )


def failover_keys(tenant_id: str, connection_ids: Sequence[str]) -> list[str]:
    """The connections to fall back on, as a number keeps them: the keys by which they are joined,
    and nothing beside, so that the two cannot disagree."""
    return [f"{tenant_id}/{connection_id}" for connection_id in connection_ids]


def failover_ids(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Their IDs, read from a number."""
    return tuple(key.partition("/")[2] for key in document.get("failover") or ())


@dataclass(frozen=True, slots=True)
class Trouble:
    """The fields of a connection beside its circuit."""

    status: ConnectionStatus
    error: str | None


def trouble_of(before: Circuit, after: Circuit, status: ConnectionStatus) -> Trouble | None:
    """What a change of the circuit makes of the connection's status, None where it stays. That the
    account, or a sender, is refused makes it an error, until texts of each that was refused are
    taken again. Other changes say nothing of it, however the connection fails."""
    refused, known = _refused(after), _refused(before)
    anew = any(fuse.kind is CircuitKind.ACCOUNT for fuse in opened_by(before, after))
    if refused and (anew or len(refused) < len(known)):
        return Trouble(ConnectionStatus.ERROR, reason_of(refused[0]))
    if known and not refused and status is ConnectionStatus.ERROR:
        return Trouble(ConnectionStatus.ACTIVE, None)
    return None


def _refused(circuit: Circuit) -> list[Fuse]:
    return [fuse for fuse in circuit.fuses if fuse.kind is CircuitKind.ACCOUNT]


def detour_document(detour: Detour, via: str, at: datetime) -> dict[str, Any]:
    """A detour, as its text keeps it."""
    code = detour.code.value if detour.code else None
    return {"from": detour.connection_id, "to": via, "code": code, "at": at}
