"""The addresses of ours that a provider has to be told, and what it has to log in with there, as an
administrator copies them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from common.callback_addresses import BasicLogin, basic_login, token
from common.providers.callbacks import Door
from common.providers.spec import ProviderSpec
from common.providers.specs import SPECS
from common.secrets import SecretUnreadable, TenantKey
from common.store.control_ports import NotFound
from common.store.ports import Connections
from health.desk.vault import Vault
from health.web.problems import Problem, ProblemCode

NO_HOST: Final = "https://YOUR-WEBHOOK-HOST"
_NO_CONNECTION: Final = "CONNECTION-ID"
_NO_TOKEN: Final = "TOKEN"  # noqa: S105 - stands where a token will
_GAPS: Final = ("YOUR-WEBHOOK-HOST", "YOUR-WEBHOOK-SECRET", _NO_CONNECTION, _NO_TOKEN)


@dataclass(frozen=True, slots=True)
class CallbackAddress:
    """One address to copy. `gaps` are the parts that the reader has to fill in; `topics` are to be
    chosen of the provider's kinds of events; `login` is for HTTP Basic, where the provider can."""

    label: str
    url: str = field(repr=False)
    help: str
    gaps: tuple[str, ...]
    topics: tuple[str, ...] = ()
    login: BasicLogin | None = None


def addresses(
    spec: ProviderSpec,
    public_url: str,
    *,
    connection_id: str | None,
    key: TenantKey | None = None,
) -> tuple[CallbackAddress, ...]:
    """The addresses of a connection, or with None those of one that is still to be made. Without
    the tenant's data key a word stands where the secret part will. Pure."""
    return tuple(_addresses(spec, public_url, connection_id, key))


def _addresses(
    spec: ProviderSpec, public_url: str, connection_id: str | None, key: TenantKey | None
) -> Iterator[CallbackAddress]:
    secret, login = _NO_TOKEN, None
    if key is not None and connection_id is not None:
        secret = token(key, connection_id, Door.PORTAL)
        login = basic_login(key, connection_id) if spec.basic else None
    for callback in spec.callbacks:
        path = callback.path_template.replace("{connection_id}", connection_id or _NO_CONNECTION)
        path = path.replace("{token}", secret)
        url = f"{public_url or NO_HOST}{path}{callback.query}"
        yield CallbackAddress(
            callback.label,
            url,
            callback.help,
            tuple(gap for gap in _GAPS if gap in url),
            callback.topics,
            login,
        )


class CallbackDesk:
    """Callback addresses, as API and console show them.

    Args:
        public_url: how providers reach the webhook, without a trailing slash; "" where nobody has
            said it.
    """

    def __init__(self, connections: Connections, vault: Vault, *, public_url: str):
        self._connections = connections
        self._vault = vault
        self.public_url = public_url

    def described(
        self, spec: ProviderSpec, *, connection_id: str | None = None
    ) -> tuple[CallbackAddress, ...]:
        """Addresses without their secret part, for whoever may look."""
        return addresses(spec, self.public_url, connection_id=connection_id)

    async def of(self, tenant_id: str, connection_id: str) -> tuple[CallbackAddress, ...]:
        """The whole addresses of a connection, for administrators. One that is disconnected keeps
        them, for when it is made live again.

        Raises:
            NotFound.
            Problem: the tenant's data key cannot be opened.
        """
        record = await self._connections.get(tenant_id, connection_id)
        if record is None or record.provider not in SPECS:
            raise NotFound("The tenant has no such connection.")
        try:
            key = self._vault.key_of(record)
        except SecretUnreadable as error:
            raise Problem(ProblemCode.UNAVAILABLE, error.what, remedy=error.remedy) from None
        spec = SPECS[record.provider]
        return addresses(spec, self.public_url, connection_id=connection_id, key=key)
