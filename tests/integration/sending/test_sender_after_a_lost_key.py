"""After the loss of the master key a sender starts again, and sends once a person has entered the
credentials anew."""

from __future__ import annotations

from sender_world import CONNECTION, KEY, TENANT, World, command

from common.master_key_check import master_key_problem
from common.secrets import MasterKeys, generate_master_key
from common.store.control import Actor
from common.store.mongo_control_connections import MongoConnectionDirectory
from common.store.mongo_control_tenants import MongoTenants
from common.store.mongo_tenant_keys import MongoTenantKeys
from health.desk.vault import Vault
from health.lost_keys import replace
from heliograph.models import OutcomeStatus

PERSON = Actor(kind="key", id="k1", name="Ada", role="admin")


async def enter_credentials(world: World) -> None:
    """As the console does, but for asking the provider."""
    values = {"connection_string": f"endpoint={world.sim.url}/;accesskey={KEY}"}
    vault = Vault(MongoTenants(world.database), MasterKeys.parse(world.master_key))
    await MongoConnectionDirectory(world.database).set_credentials(
        TENANT,
        CONNECTION,
        sealed=await vault.seal(TENANT, CONNECTION, values),
        public={},
        secrets=tuple(values),
        partner=None,
        version=None,
        action="connection.credentials",
        by=PERSON,
    )


async def test_a_text_goes_out_again(world: World) -> None:
    world.master_key = generate_master_key()
    tenants, keys = MongoTenantKeys(world.database), MasterKeys.parse(world.master_key)
    assert await master_key_problem(tenants, keys), "so that no sender would start"
    await replace(tenants, keys, confirmed=True, say=lambda _: None)
    async with world.sender():
        first = await world.send(command("c-1"))
        assert first.status is not OutcomeStatus.SENT
        await enter_credentials(world)
        second = await world.send(command("c-2"))
    assert second.status is OutcomeStatus.SENT, second
