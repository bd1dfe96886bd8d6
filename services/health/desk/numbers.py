"""What can be done with numbers: add, edit, assign, move, open and close the gate, set the sending
rules, choose what to fall back on, remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.addresses import normalise_address
from common.announcing import Announcer
from common.providers.specs import SPECS
from common.secrets import SecretUnreadable
from common.store.control import NewNumber, NumberRecord, Page
from common.store.control_ports import Disconnected, NotFound, Numbers, Tenants
from common.store.ports import Connections
from common.store.records import ConnectionRecord, ConnectionStatus
from health.access.roles import Principal
from health.desk.agent_queues import AgentQueues
from health.desk.asking import Asking
from health.desk.falling_back import of_connection, require_list
from health.desk.fields import of_agent, of_number
from health.desk.number_changes import judged
from health.desk.numbering import require_type, valid_number
from health.desk.rules import valid_rules
from health.desk.vault import Vault
from health.web.problems import Problem, ProblemCode


class NumberDesk:
    """Numbers, as API and console handle them. An address may be given in any form that
    `normalise_address` reads."""

    def __init__(
        self,
        *,
        numbers: Numbers,
        connections: Connections,
        tenants: Tenants,
        queues: AgentQueues,
        asking: Asking,
        vault: Vault,
        announcer: Announcer,
    ):
        self._numbers = numbers
        self._connections = connections
        self._tenants = tenants
        self._queues = queues
        self._asking = asking
        self._vault = vault
        self._announcer = announcer

    async def add(
        self, tenant_id: str, connection_id: str, number: NewNumber, *, by: Principal
    ) -> NumberRecord:
        """Connect a number, gate off.

        Raises:
            NotFound, Disconnected.
            Problem: the number is not of its type's form, taken, or not the account's; there is no
                such active agent; broker away.
        """
        record = await self._live(tenant_id, connection_id)
        number = valid_number(number, SPECS[record.provider], partner=record.partner)
        with of_number(number):
            await self._queues.require_active(tenant_id, [number.agent_id])
            await self._require_owned(record, number.address)
            await self._queues.declare(tenant_id, [number.agent_id])
            added = await self._numbers.add(tenant_id, connection_id, number, by=by.actor)
        await self._announcer.changed(tenant_id, connection_id, "number.added")
        return added

    async def list(
        self,
        tenant_id: str,
        *,
        connection_id: str | None = None,
        agent_id: str | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[NumberRecord]:
        """Connected numbers by address. Raises NotFound (no such tenant), BadCursor."""
        page = await self._numbers.list(
            tenant_id, connection_id=connection_id, agent_id=agent_id, limit=limit, cursor=cursor
        )
        if not page.items and await self._tenants.get(tenant_id) is None:
            raise NotFound("There is no such tenant.")
        return page

    async def get(self, tenant_id: str, address: str) -> NumberRecord:
        """A number, also one that was freed. Raises NotFound."""
        number = await self._numbers.get(tenant_id, normalise_address(address))
        if number is None:
            raise NotFound("The tenant has no such number.")
        return number

    async def update(
        self,
        tenant_id: str,
        address: str,
        *,
        changes: Mapping[str, Any],
        version: int | None,
        by: Principal,
    ) -> NumberRecord:
        """Change some of `name`, `type`, `owners`, `region`; never the gate.

        Raises:
            NotFound, Stale, Problem: a value is not usable.
        """
        before = await self.get(tenant_id, address)
        places = await self.ways(before) if "type" in changes else ()
        # The rules hold for what was read, so only that may be written over, whatever is wanted.
        changed = await self._numbers.update(
            tenant_id,
            before.address,
            changes=judged(changes, before, places),
            version=before.version if version is None else version,
            by=by.actor,
        )
        await self._tell(changed, "number.updated")
        return changed

    async def assign(
        self, tenant_id: str, address: str, agent_id: str, *, version: int | None, by: Principal
    ) -> NumberRecord:
        """Give the number to another agent; history and gate stay.

        Raises:
            NotFound, Stale, Problem: there is no such active agent; broker away.
        """
        before = await self.get(tenant_id, address)
        with of_agent(agent_id):
            await self._queues.require_active(tenant_id, [agent_id])
            await self._queues.declare(tenant_id, [agent_id])
            changed = await self._numbers.assign(
                tenant_id, before.address, agent_id, version=version, by=by.actor
            )
        await self._tell(changed, "number.assigned")
        return changed

    async def move(
        self,
        tenant_id: str,
        address: str,
        connection_id: str,
        *,
        version: int | None,
        by: Principal,
    ) -> NumberRecord:
        """Put the number onto another connection, of whatever provider; agent, gate and
        conversations stay.

        Raises:
            NotFound (number or connection), Stale, Disconnected.
            Problem: the other provider has no such numbers, or says that it is not the account's.
        """
        before = await self.get(tenant_id, address)
        record = await self._live(tenant_id, connection_id)
        require_type(before.address, before.type, SPECS[record.provider], partner=record.partner)
        await self._require_owned(record, before.address)
        changed = await self._numbers.move(
            tenant_id,
            before.address,
            connection_id,
            version=before.version if version is None else version,
            by=by.actor,
        )
        await self._announcer.changed(tenant_id, before.connection_id, "number.moved")
        await self._tell(changed, "number.moved")
        return changed

    async def set_gate(
        self, tenant_id: str, address: str, *, on: bool, confirmed: bool, by: Principal
    ) -> NumberRecord:
        """Turn autonomous sending on or off, from the next command on.

        Raises:
            NotFound, Problem: it was not confirmed.
        """
        if not confirmed:
            raise Problem(
                ProblemCode.NOT_CONFIRMED,
                "Turning the gate on lets the agent text people without anybody's approval."
                if on
                else "Turning the gate off holds every text of the agent for approval.",
            )
        changed = await self._numbers.set_gate(
            tenant_id, normalise_address(address), on=on, by=by.actor
        )
        await self._tell(changed, "number.gate_on" if on else "number.gate_off")
        return changed

    async def set_rules(
        self,
        tenant_id: str,
        address: str,
        changes: Mapping[str, Any],
        *,
        version: int | None,
        by: Principal,
    ) -> NumberRecord:
        """Change some of the number's sending rules, from the next text on.

        Raises:
            NotFound, Stale, Problem: naming each rule that cannot be used.
        """
        before = await self.get(tenant_id, address)
        changed = await self._numbers.set_rules(
            tenant_id,
            before.address,
            valid_rules(changes, before.rules, before.type, before.region),
            version=before.version if version is None else version,
            by=by.actor,
        )
        await self._tell(changed, "number.rules_changed")
        return changed

    async def ways(self, number: NumberRecord) -> tuple[ConnectionRecord, ...]:
        """The connections of a number as they are now: its own, then those to fall back on."""
        found = [
            await self._connections.get(number.tenant_id, connection_id)
            for connection_id in (number.connection_id, *number.failover)
        ]
        return tuple(record for record in found if record is not None)

    async def set_failover(
        self,
        tenant_id: str,
        address: str,
        connection_ids: Sequence[str],
        *,
        version: int | None,
        by: Principal,
    ) -> NumberRecord:
        """Choose the connections that the number falls back on, in order, from the next text on.

        Raises:
            NotFound, Stale.
            Problem: naming the connection that cannot be used, and why.
        """
        before = await self.get(tenant_id, address)
        require_list(connection_ids, before)
        for place, connection_id in enumerate(connection_ids):
            with of_connection(place):
                record = await self._live(tenant_id, connection_id)
                spec = SPECS[record.provider]
                require_type(before.address, before.type, spec, partner=record.partner)
                await self._require_owned(record, before.address)
        changed = await self._numbers.set_failover(
            tenant_id,
            before.address,
            connection_ids,
            version=before.version if version is None else version,
            by=by.actor,
        )
        await self._tell(changed, "number.failover_changed")
        return changed

    async def remove(
        self, tenant_id: str, address: str, *, version: int | None, by: Principal
    ) -> NumberRecord:
        """Free the number, gate off; its conversations stay. Raises NotFound, Stale."""
        freed = await self._numbers.remove(
            tenant_id, normalise_address(address), version=version, by=by.actor
        )
        await self._tell(freed, "number.removed")
        return freed

    async def _live(self, tenant_id: str, connection_id: str) -> ConnectionRecord:
        record = await self._connections.get(tenant_id, connection_id)
        if record is None:
            raise NotFound("The tenant has no such connection.")
        if record.status is ConnectionStatus.DISCONNECTED:
            raise Disconnected(connection_id)
        if record.provider not in SPECS:
            raise Problem(ProblemCode.PROVIDER_UNAVAILABLE)
        return record

    async def _require_owned(self, record: ConnectionRecord, address: str) -> None:
        try:
            credentials = self._vault.open(record)
        except SecretUnreadable as error:
            raise Problem(
                ProblemCode.INVALID_CREDENTIALS, error.what, remedy=error.remedy
            ) from None
        await self._asking.require_owned(record.provider, credentials, address)

    async def _tell(self, number: NumberRecord, what: str) -> None:
        await self._announcer.changed(number.tenant_id, number.connection_id, what)
