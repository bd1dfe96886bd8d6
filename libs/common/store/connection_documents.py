"""Documents of connections and numbers: what a change writes, and how people see them.

Documents that were made without a person (a seed, an older release) lack the newer fields, so each
of those is read with a default.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from common.addresses import usual_type
from common.sending_rules import read_rules, rules_document
from common.store.circuit_documents import failover_ids, read_circuit
from common.store.client import Document
from common.store.control import (
    CLEARED,
    Actor,
    ConnectionView,
    NewConnection,
    NewNumber,
    NumberRecord,
    NumberType,
)
from common.store.records import ConnectionStatus

LIVE: Final = (ConnectionStatus.ACTIVE.value, ConnectionStatus.ERROR.value)

RECONNECTED: Final = "connection.reconnected"
"""The one action that may give credentials to a disconnected connection."""

FREED: Final[Sequence[dict[str, Any]]] = [
    {
        "$set": {
            "connected": False,
            "gate_on": False,
            "failover": [],
            "version": {"$add": [{"$ifNull": ["$version", 1]}, 1]},
        }
    }
]
"""What makes a number free."""


def connection_key(tenant_id: str, connection_id: str) -> Document:
    """The filter of one connection."""
    return {"_id": f"{tenant_id}/{connection_id}", "tenant_id": tenant_id}


def next_version(document: Document) -> int:
    """The version that a change gives a document."""
    return int(document.get("version", 1)) + 1


def cleared(document: Document, *, now: datetime) -> Document:
    """What disconnecting writes over a connection's credentials, every parameter of them."""
    return {
        "status": ConnectionStatus.DISCONNECTED.value,
        "sealed": CLEARED,
        "public": dict.fromkeys(document.get("public") or {}, CLEARED),
        "circuit": None,
        "disconnected_at": now,
        "version": next_version(document),
    }


def lost(document: Document, *, why: str) -> Document:
    """What is written over a live connection's credentials that no key opens any more. Its other
    parameters were never sealed, and stay."""
    return {
        "sealed": CLEARED,
        "status": ConnectionStatus.ERROR.value,
        "error": why,
        "circuit": None,
        "credentials_version": uuid.uuid4().hex,
        "version": next_version(document),
    }


def connection_document(
    tenant_id: str, connection: NewConnection, *, by: Actor, now: datetime
) -> Document:
    """A new connection."""
    return {
        "_id": f"{tenant_id}/{connection.id}",
        "tenant_id": tenant_id,
        "connection_id": connection.id,
        "name": connection.name,
        "description": connection.description,
        "provider": connection.provider,
        "checked_at": now,
        "created_at": now,
        "created_by": by.name,
        "version": 1,
    } | credentials_fields(
        sealed=dict(connection.sealed),
        public=dict(connection.public),
        secrets=connection.secrets,
        partner=connection.partner,
        now=now,
    )


def credentials_fields(
    *,
    sealed: Document,
    public: Document,
    secrets: tuple[str, ...],
    partner: str | None,
    now: datetime,
) -> Document:
    """New credentials, which were found to work `now`."""
    return {
        "sealed": sealed,
        "public": public,
        "secrets": list(secrets),
        "partner": partner,
        "status": ConnectionStatus.ACTIVE.value,
        "error": None,
        "circuit": None,
        "checked_at": now,
        "disconnected_at": None,
        "credentials_version": uuid.uuid4().hex,
    }


def connection_view(document: Document) -> ConnectionView:
    """A connection as people see it; `connected_numbers` is how many it has."""
    return ConnectionView(
        id=document["connection_id"],
        tenant_id=document["tenant_id"],
        name=document["name"],
        description=document.get("description", ""),
        provider=document["provider"],
        partner=document.get("partner"),
        public=document.get("public", {}),
        secrets=tuple(document.get("secrets", ())),
        status=ConnectionStatus(document["status"]),
        error=document["error"],
        checked_at=document["checked_at"],
        created_at=document["created_at"],
        created_by=document.get("created_by", ""),
        disconnected_at=document.get("disconnected_at"),
        numbers=document["connected_numbers"],
        version=document.get("version", 1),
        circuit=read_circuit(document.get("circuit")),
    )


def connection_facts(document: Document) -> dict[str, Any]:
    """A connection for the audit trail: which parameters it has, never what they hold, for a
    disconnected connection leaves none of that behind."""
    public = document.get("public") or {}
    return {
        "name": document["name"],
        "description": document.get("description", ""),
        "provider": document["provider"],
        "partner": document.get("partner"),
        "parameters": sorted({*public, *document.get("secrets", ())}),
        "credentials_version": document["credentials_version"],
        "status": document["status"],
    }


def number_fields(
    number: NewNumber, connection: Document, *, version: int, now: datetime
) -> Document:
    """A number that is connected, its gate off."""
    tenant_id = connection["tenant_id"]
    return {
        "tenant_id": tenant_id,
        "address": number.address,
        "name": number.name,
        "type": number.type.value,
        "owners": list(number.owners),
        "region": number.region,
        "connected": True,
        "gate_on": False,
        "gate_changed_at": None,
        "gate_changed_by": None,
        "failover": [],
        "created_at": now,
        "version": version,
        **agent_fields(tenant_id, number.agent_id),
        **place_fields(connection),
    }


def agent_fields(tenant_id: str, agent_id: str) -> Document:
    """Whose number it is, also as the key by which it is joined."""
    return {"agent_id": agent_id, "agent": f"{tenant_id}/{agent_id}"}


def place_fields(connection: Document) -> Document:
    """On which connection a number is, also as the key by which it is joined."""
    return {
        "connection_id": connection["connection_id"],
        "connection": connection["_id"],
        "provider": connection["provider"],
    }


def number_record(document: Document) -> NumberRecord:
    """A number as people see it."""
    address = document["address"]
    return NumberRecord(
        address=address,
        tenant_id=document["tenant_id"],
        connection_id=document["connection_id"],
        provider=document["provider"],
        name=document.get("name", ""),
        type=NumberType(document.get("type") or usual_type(address)),
        owners=tuple(document.get("owners", ())),
        region=document["region"],
        agent_id=document["agent_id"],
        gate_on=document["gate_on"],
        gate_changed_at=document.get("gate_changed_at"),
        gate_changed_by=document.get("gate_changed_by"),
        connected=document["connected"],
        created_at=document["created_at"],
        version=document.get("version", 1),
        rules=read_rules(document.get("rules")),
        failover=failover_ids(document),
    )


def number_facts(document: Document) -> dict[str, Any]:
    """A number for the audit trail."""
    record = number_record(document)
    return {
        "connection_id": record.connection_id,
        "provider": record.provider,
        "name": record.name,
        "type": record.type.value,
        "owners": list(record.owners),
        "region": record.region,
        "agent_id": record.agent_id,
        "gate_on": record.gate_on,
        "connected": record.connected,
        "rules": rules_document(record.rules),
        "failover": list(record.failover),
    }
