"""Sealing a connection's secrets with its tenant's data key, and opening them again."""

from __future__ import annotations

from collections.abc import Mapping

from common.secrets import MasterKeys, Sealed, SecretUnreadable, TenantKey, WrappedKey
from common.store.control_ports import NotFound, Tenants
from common.store.records import ConnectionRecord
from health.web.problems import Problem, ProblemCode


class Vault:
    """Seals and opens. No data key and no secret is kept here.

    Args:
        keys: the master keys.
    """

    def __init__(self, tenants: Tenants, keys: MasterKeys):
        self._tenants = tenants
        self._keys = keys

    async def seal(
        self, tenant_id: str, connection_id: str, secret: Mapping[str, str]
    ) -> dict[str, str]:
        """The document of a connection's secrets, readable for this connection only.

        Raises:
            NotFound: no such tenant.
            Problem: the tenant's data key cannot be opened.
        """
        wrapped = await self._tenants.wrapped_key(tenant_id)
        if wrapped is None:
            raise NotFound(tenant_id)
        try:
            key = self._keys.unwrap(tenant_id, WrappedKey.from_document(wrapped))
        except SecretUnreadable as error:
            raise Problem(ProblemCode.UNAVAILABLE, error.what, remedy=error.remedy) from None
        return key.seal(connection_id, secret).to_document()

    def open(self, record: ConnectionRecord) -> dict[str, str]:
        """The secrets of a connection.

        Raises:
            SecretUnreadable: there are none, or they do not open.
        """
        if record.sealed is None:
            raise SecretUnreadable("it is not there")
        return self.key_of(record).open_mapping(record.id, Sealed.from_document(record.sealed))

    def key_of(self, record: ConnectionRecord) -> TenantKey:
        """The data key of a connection's tenant.

        Raises:
            SecretUnreadable: there is none, or it does not open.
        """
        if record.wrapped_key is None:
            raise SecretUnreadable("the tenant has no data key")
        return self._keys.unwrap(record.tenant_id, WrappedKey.from_document(record.wrapped_key))
