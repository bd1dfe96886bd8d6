"""What every command is given: the API, the tenant that is meant, and a voice."""

from __future__ import annotations

from functools import cached_property

from heliograph.cli.asking import Asking
from heliograph.cli.client import Client
from heliograph.cli.credentials import Access, resolve
from heliograph.cli.errors import Misused
from heliograph.cli.output import Output
from heliograph.cli.paths import path
from heliograph.cli.world import World


class Session:
    """One run of one command. Nothing is read or connected before it is needed."""

    def __init__(self, world: World, *, wants_json: bool, tenant: str | None):
        self.world = world
        self.ask = Asking(world)
        self.out = Output(world.stdout, world.stderr, world.environment, wants_json=wants_json)
        self.named_tenant = tenant
        self._client: Client | None = None

    @cached_property
    def access(self) -> Access:
        """Where the API is, and the key. Raises: NotSignedIn."""
        return resolve(self.world.environment)

    @property
    def api(self) -> Client:
        """The API."""
        if self._client is None:
            self._client = Client(self.access, self.world.transport)
        return self._client

    @cached_property
    def tenant_id(self) -> str:
        """The tenant that is meant: named, configured, or the key's own. Raises: Misused."""
        tenant = self.named_tenant or self.access.tenant
        if not tenant:
            tenant = self.api.get(path("me")).body.get("tenant_id")
        if not tenant:
            raise Misused(
                "An operator's key reaches every tenant, and none is named.",
                "Name one with --tenant or HELIOGRAPH_TENANT.",
            )
        return str(tenant)

    def at(self, *steps: str) -> str:
        """A path of the tenant."""
        return path("tenants", self.tenant_id, *steps)

    def close(self) -> None:
        """Give back what was opened."""
        if self._client is not None:
            self._client.close()
