"""What can be done with connections: connect, rename, give new credentials, rotate, disconnect.

Whatever is stored was accepted by the provider a moment before, in a call that sends nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from common.announcing import Announcer
from common.providers.port import Health, Unknown
from common.providers.spec import ProviderSpec
from common.providers.specs import SPECS
from common.secrets import SecretUnreadable
from common.store.connection_documents import RECONNECTED
from common.store.control import ConnectionView, NewConnection, NewNumber, Page
from common.store.control_ports import (
    AuditTrail,
    ConnectionDirectory,
    Disconnected,
    NotDisconnected,
    NotFound,
    Stale,
    Tenants,
)
from common.store.ports import Connections
from common.store.records import ConnectionRecord, ConnectionStatus
from health.access.roles import Principal
from health.desk.agent_queues import AgentQueues
from health.desk.asking import Asking
from health.desk.fields import of_numbers
from health.desk.numbering import valid_numbers
from health.desk.parameters import PARTNER, Credentials, read_parameters
from health.desk.permission import Permission
from health.desk.vault import Vault
from health.desk.wording import valid_description, valid_name
from health.transition import shorten
from health.validation import NotRecorded, Superseded, Validation, result_name
from health.web.problems import Problem, ProblemCode


class ConnectionDesk:
    """Connections, as API and console handle them.

    Args:
        directory: the connections as people see them.
        connections: the same with their sealed credentials, as the services see them.
        validation: records the result of a check as the daily run does.
        loopback: whether a connection may name this machine as its provider: for simulators.
    """

    def __init__(
        self,
        *,
        directory: ConnectionDirectory,
        connections: Connections,
        tenants: Tenants,
        audit: AuditTrail,
        queues: AgentQueues,
        asking: Asking,
        permission: Permission,
        vault: Vault,
        validation: Validation,
        announcer: Announcer,
        loopback: bool,
    ):
        self._directory = directory
        self._connections = connections
        self._tenants = tenants
        self._audit = audit
        self._queues = queues
        self._asking = asking
        self._permission = permission
        self._vault = vault
        self._validation = validation
        self._announcer = announcer
        self._loopback = loopback

    @property
    def available(self) -> frozenset[str]:
        """Names of the providers that this release speaks to."""
        return frozenset(name for name in SPECS if self._asking.speaks_to(name))

    async def connect(
        self,
        tenant_id: str,
        *,
        name: str,
        description: str,
        provider: str,
        parameters: Mapping[str, str],
        partner: str | None,
        accept_opt_out: bool,
        numbers: Sequence[NewNumber],
        by: Principal,
    ) -> ConnectionView:
        """A connection with its numbers, or neither. That the rules on opt-outs were accepted is
        recorded before, and stays whatever comes of the connection.

        Raises:
            NotFound: no such tenant.
            Problem: any rule that is not kept, naming the field; the provider's refusal; provider
                or broker away.
        """
        spec = await self._permission.permitted(tenant_id, provider)
        await self._permission.require_opt_out(tenant_id, accepted=accept_opt_out)
        name, description = valid_name(name), valid_description(description)
        credentials = self._read(spec, parameters, partner)
        numbers = valid_numbers(numbers, spec, partner=credentials.partner)
        with of_numbers(numbers):
            await self._require_usable(tenant_id, provider, credentials, numbers)
        connection_id = f"con-{secrets.token_hex(6)}"
        new = NewConnection(
            id=connection_id,
            name=name,
            description=description,
            provider=provider,
            partner=credentials.partner,
            public=credentials.shown,
            secrets=credentials.secrets,
            sealed=await self._vault.seal(tenant_id, connection_id, credentials.values),
        )
        if accept_opt_out:
            await self._tenants.accept_opt_out(tenant_id, by=by.actor)
        with of_numbers(numbers):
            view = await self._directory.create(tenant_id, new, numbers=numbers, by=by.actor)
        return await self._told(view, "connection.connected")

    async def _require_usable(
        self,
        tenant_id: str,
        provider: str,
        credentials: Credentials,
        numbers: Sequence[NewNumber],
    ) -> None:
        """Agents that work, credentials that work for the numbers, and the agents' queues."""
        agents = {number.agent_id for number in numbers}
        await self._queues.require_active(tenant_id, agents)
        addresses = [number.address for number in numbers]
        await self._asking.require_working(provider, credentials.values, addresses)
        await self._queues.declare(tenant_id, agents)

    async def list(
        self,
        tenant_id: str,
        *,
        status: ConnectionStatus | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[ConnectionView]:
        """Newest first. Raises NotFound (no such tenant), BadCursor."""
        page = await self._directory.list(tenant_id, status=status, limit=limit, cursor=cursor)
        if not page.items:
            await self._permission.tenant(tenant_id)
        return page

    async def get(self, tenant_id: str, connection_id: str) -> ConnectionView:
        """Raises NotFound."""
        view = await self._directory.get(tenant_id, connection_id)
        if view is None:
            raise NotFound("The tenant has no such connection.")
        return view

    async def update(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        name: str | None,
        description: str | None,
        version: int | None,
        by: Principal,
    ) -> ConnectionView:
        """Change what is not None. Raises NotFound, Stale, Disconnected, Problem."""
        return await self._directory.update(
            tenant_id,
            connection_id,
            name=None if name is None else valid_name(name),
            description=None if description is None else valid_description(description),
            version=version,
            by=by.actor,
        )

    async def set_credentials(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        parameters: Mapping[str, str],
        partner: str | None,
        version: int | None,
        by: Principal,
    ) -> ConnectionView:
        """Replace all credentials with others that work, which also ends status `error`.

        Raises:
            NotFound, Stale, Disconnected.
            Problem: as `connect`; also where a number of the connection is not on the account.
        """
        record, version = await self._at(tenant_id, connection_id, version)
        if record.status is ConnectionStatus.DISCONNECTED:
            raise Disconnected(connection_id)
        credentials = self._read(self._permission.spec(record.provider), parameters, partner)
        return await self._replace(
            record, credentials, version=version, action="connection.credentials", by=by
        )

    async def rotate(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        parameter: str,
        value: str,
        version: int | None,
        by: Principal,
    ) -> ConnectionView:
        """Replace one secret of a pair by one that works alone; the other stays, so that there is
        always one that works.

        Raises:
            NotFound, Stale, Disconnected.
            Problem: the provider has no such pair; as `set_credentials`.
        """
        record, version = await self._at(tenant_id, connection_id, version)
        if record.status is ConnectionStatus.DISCONNECTED:
            raise Disconnected(connection_id)
        spec = self._permission.spec(record.provider)
        if spec.rotating is None or parameter not in spec.rotating:
            what = "This is not one of two secrets that stand for each other."
            known = ", ".join(spec.rotating or ()) or "none"
            raise Problem(ProblemCode.INVALID, what, fields={"parameter": f"may be: {known}"})
        stored = self._opened(record)
        partner = stored.pop(PARTNER, None)
        credentials = self._read(spec, stored | {parameter: value}, partner)
        if parameter not in credentials.values:
            raise Problem(
                ProblemCode.INVALID, "A new secret is needed.", fields={"value": "missing"}
            )
        first, second = spec.rotating
        others = {key: it for key, it in credentials.values.items() if key not in {first, second}}
        alone = others | {first: credentials.values[parameter]}
        await self._asking.require_working(spec.name, alone, record.numbers)
        return await self._store(
            record, credentials, version=version, action="connection.rotated", by=by
        )

    async def reconnect(
        self,
        tenant_id: str,
        connection_id: str,
        *,
        parameters: Mapping[str, str],
        partner: str | None,
        version: int | None,
        by: Principal,
    ) -> ConnectionView:
        """Make a disconnected connection live again, without the numbers that it had.

        Raises:
            NotFound, Stale, NotDisconnected.
            Problem: as `connect`.
        """
        record, version = await self._at(tenant_id, connection_id, version)
        if record.status is not ConnectionStatus.DISCONNECTED:
            raise NotDisconnected(connection_id)
        spec = await self._permission.permitted(tenant_id, record.provider)
        credentials = self._read(spec, parameters, partner)
        return await self._replace(record, credentials, version=version, action=RECONNECTED, by=by)

    async def disconnect(
        self, tenant_id: str, connection_id: str, *, version: int | None, by: Principal
    ) -> ConnectionView:
        """End a connection: its credentials are overwritten, its numbers freed, their gates off.
        Raises NotFound, Stale."""
        view = await self._directory.disconnect(
            tenant_id, connection_id, version=version, by=by.actor
        )
        return await self._told(view, "connection.disconnected")

    async def check(self, tenant_id: str, connection_id: str, *, by: Principal) -> ConnectionView:
        """Ask the provider now, and record what it says as the daily run does.

        Raises:
            NotFound, Disconnected.
            Problem: the provider could not be asked, or the result not be recorded.
        """
        record = await self._record(tenant_id, connection_id)
        if record.status is ConnectionStatus.DISCONNECTED:
            raise Disconnected(connection_id)
        [checked] = await self._validation.run([record])
        if isinstance(checked.result, NotRecorded):
            raise Problem(ProblemCode.UNAVAILABLE, "The result could not be recorded.")
        await self._audit.append(
            tenant_id=tenant_id,
            actor=by.actor,
            action="connection.checked",
            target=connection_id,
            note=_words(checked.result),
        )
        if isinstance(checked.result, Unknown):
            raise Problem(ProblemCode.UNAVAILABLE, shorten(checked.result.reason))
        return await self.get(tenant_id, connection_id)

    async def _replace(
        self,
        record: ConnectionRecord,
        credentials: Credentials,
        *,
        version: int,
        action: str,
        by: Principal,
    ) -> ConnectionView:
        numbers = record.numbers
        await self._asking.require_working(record.provider, credentials.values, numbers)
        return await self._store(record, credentials, version=version, action=action, by=by)

    async def _store(
        self,
        record: ConnectionRecord,
        credentials: Credentials,
        *,
        version: int,
        action: str,
        by: Principal,
    ) -> ConnectionView:
        view = await self._directory.set_credentials(
            record.tenant_id,
            record.id,
            sealed=await self._vault.seal(record.tenant_id, record.id, credentials.values),
            public=credentials.shown,
            secrets=credentials.secrets,
            partner=credentials.partner,
            version=version,
            action=action,
            by=by.actor,
        )
        return await self._told(view, action)

    async def _at(
        self, tenant_id: str, connection_id: str, version: int | None
    ) -> tuple[ConnectionRecord, int]:
        """The connection, and the version at which its change may be written: the one that is
        meant, or the one that is there. Version first: what changes after it is read makes the
        write stale."""
        view = await self.get(tenant_id, connection_id)
        if version is not None and version != view.version:
            raise Stale(connection_id)
        return await self._record(tenant_id, connection_id), view.version

    async def _record(self, tenant_id: str, connection_id: str) -> ConnectionRecord:
        record = await self._connections.get(tenant_id, connection_id)
        if record is None:
            raise NotFound("The tenant has no such connection.")
        return record

    def _opened(self, record: ConnectionRecord) -> dict[str, str]:
        try:
            return self._vault.open(record)
        except SecretUnreadable as error:
            raise Problem(
                ProblemCode.INVALID_CREDENTIALS, error.what, remedy=error.remedy
            ) from None

    def _read(
        self, spec: ProviderSpec, parameters: Mapping[str, str], partner: str | None
    ) -> Credentials:
        return read_parameters(spec, parameters, partner, loopback=self._loopback)

    async def _told(self, view: ConnectionView, what: str) -> ConnectionView:
        await self._announcer.changed(view.tenant_id, view.id, what)
        return view


def _words(result: Health | Superseded) -> str:
    return "superseded" if isinstance(result, Superseded) else result_name(result)
