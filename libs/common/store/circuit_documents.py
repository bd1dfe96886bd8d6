"""Circuits and ways as documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from common.circuit import CLOSED, Circuit, CircuitKind, reason_of
from common.store.records import ConnectionStatus, Detour, Way
from heliograph.codes import OutcomeCode

_PLAIN: Final = (
    "failures",
    "since",
    "opened_at",
    "rests_until",
    "trying_until",
    "opened",
    "number",
)


def circuit_document(circuit: Circuit) -> dict[str, Any] | None:
    """A circuit, as its connection keeps it; a closed one without a failure is nothing."""
    if circuit == CLOSED:
        return None
    return {name: getattr(circuit, name) for name in _PLAIN} | {
        "kind": circuit.kind.value if circuit.kind else None,
        "code": circuit.code.value if circuit.code else None,
    }


def read_circuit(document: Mapping[str, Any] | None) -> Circuit:
    """A connection's circuit."""
    if not document:
        return CLOSED
    kind, code = document["kind"], document["code"]
    return Circuit(
        kind=CircuitKind(kind) if kind else None,
        code=OutcomeCode(code) if code else None,
        **{name: document[name] for name in _PLAIN},
    )


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
    """What a change of the circuit makes of the connection's status, None where it stays: that the
    account is refused makes it an error, and that texts are taken again ends that."""
    if after.kind is CircuitKind.ACCOUNT:
        return Trouble(ConnectionStatus.ERROR, reason_of(after))
    if before.kind is CircuitKind.ACCOUNT and status is ConnectionStatus.ERROR:
        return Trouble(ConnectionStatus.ACTIVE, None)
    return None


def detour_document(detour: Detour, via: str, at: datetime) -> dict[str, Any]:
    """A detour, as its text keeps it."""
    code = detour.code.value if detour.code else None
    return {"from": detour.connection_id, "to": via, "code": code, "at": at}
