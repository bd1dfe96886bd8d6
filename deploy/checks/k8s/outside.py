"""What the manifests name and do not make: the short list of things that a cluster must have."""

from __future__ import annotations

from typing import Final

OUTSIDE: Final = frozenset(
    {
        ("ClusterSecretStore", "heliograph"),
        ("GatewayClass", "public"),
        ("ClusterIssuer", "public"),
    }
)
