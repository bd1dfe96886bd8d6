"""Evaluating NetworkPolicies as a cluster does (Kubernetes docs, "Network Policies"): a pod that no
policy selects is open; one that is selected is closed in that direction but for what some policy's
rule allows."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from deploy.checks.k8s.objects import Object, dig, of_kind, selects


@dataclass(frozen=True)
class Party:
    """One end of a connection: a pod of ours (inside), a pod elsewhere, or an address."""

    name: str
    inside: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)


Rules = Sequence[Mapping[str, Any]]


def rules(
    objects: Sequence[Object], subject: Party, side: Literal["Ingress", "Egress"]
) -> Rules | None:
    """What the policies that select a pod allow in one direction; None where none selects it."""
    found = [
        it
        for it in of_kind(objects, "NetworkPolicy")
        if selects(dig(it, "spec", "podSelector", default={}), subject.labels)
        and side in _sides(it)
    ]
    if not found:
        return None
    return [rule for it in found for rule in dig(it, "spec", side.lower(), default=()) or ()]


def admits(allowed: Rules | None, other: Party, port: int, protocol: str, target: Party) -> bool:
    """Whether rules take a connection with `other`; a port's name is one of the target's."""
    if allowed is None:
        return True
    return any(
        _port_matches(rule.get("ports"), port, protocol, target.ports)
        and _peer_matches(rule.get("from", rule.get("to")), other)
        for rule in allowed
    )


def _sides(policy: Object) -> Sequence[str]:
    spec = policy["spec"]
    default = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]
    return list(spec.get("policyTypes") or default)


def _peer_matches(peers: Sequence[Mapping[str, Any]] | None, other: Party) -> bool:
    if not peers:
        return True  # A rule without peers is for everybody.
    return any(_is_peer(peer, other) for peer in peers)


def _is_peer(peer: Mapping[str, Any], other: Party) -> bool:
    if "ipBlock" in peer:
        if not other.address:
            return False
        address = ipaddress.ip_address(other.address)
        block = peer["ipBlock"]
        inside = address in ipaddress.ip_network(block["cidr"])
        return inside and not any(
            address in ipaddress.ip_network(hole) for hole in block.get("except") or ()
        )
    if other.address:
        return False
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"], other.namespace):
            return False
    elif not other.inside:
        return False  # A pod selector alone is for the policy's own namespace.
    return "podSelector" not in peer or selects(peer["podSelector"], other.labels)


def _port_matches(
    ports: Sequence[Mapping[str, Any]] | None, port: int, protocol: str, named: Mapping[str, int]
) -> bool:
    if not ports:
        return True  # A rule without ports is for all of them.
    for entry in ports:
        if entry.get("protocol", "TCP") != protocol:
            continue
        first = entry.get("port")
        if first is None:
            return True
        number = named.get(first) if isinstance(first, str) else int(first)
        if number is not None and number <= port <= int(entry.get("endPort", number)):
            return True
    return False
