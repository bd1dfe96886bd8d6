"""The simulated accounts that a stage can stand on: one for each provider, with its numbers.

All values are made up, known to everybody, and of use nowhere else.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from common.providers.acs_spec import CONNECTION_STRING
from common.providers.spec import BASE_URL
from common.providers.specs import SPECS
from common.sender_types import NumberType
from local.seed import ACCESS_KEY

DEFAULT: Final = "acs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account at one simulated provider.

    `remote` is what a person's number begins with, `digits` how many random digits follow.
    """

    provider: str
    values: Mapping[str, str] = field(repr=False)
    """What the account consists of, by the provider's own parameters."""
    number: str = "+18005550100"
    second_number: str = "+18005550101"
    number_type: NumberType = NumberType.TOLL_FREE
    region: str = "US"
    remote: str = "+121255501"
    digits: int = 2

    @property
    def title(self) -> str:
        """The provider's name as people know it."""
        return SPECS[self.provider].title

    @property
    def secret(self) -> str:
        """What can be changed in the portal."""
        if self.provider == DEFAULT:
            return ACCESS_KEY
        (name,) = SPECS[self.provider].secrets
        return self.values[name]

    @property
    def deliverer(self) -> str:
        """Who delivers inbound texts to the webhook."""
        return "Event Grid" if self.provider == DEFAULT else self.title

    @property
    def connection_id(self) -> str:
        """Of the connection that the seed makes."""
        return f"acme-{self.provider}"

    def parameters(self, url: str) -> Mapping[str, str]:
        """What an administrator enters for a connection, with the simulator at this address."""
        if self.provider == DEFAULT:
            return {CONNECTION_STRING: f"endpoint={url}/;accesskey={self.values['access_key']}"}
        base = SPECS[self.provider].parameter(BASE_URL)
        return {**self.values, BASE_URL: url} if base else self.values

    def address_setting(self, url: str) -> Mapping[str, str]:
        """The setting by which the services find the simulator of a provider whose address is
        fixed; the others are named in the connection."""
        fixed = self.provider != DEFAULT and SPECS[self.provider].parameter(BASE_URL) is None
        return {"provider_addresses": f"{self.provider}={url}"} if fixed else {}

    def person(self) -> str:
        """The number of somebody who texts."""
        return f"{self.remote}{secrets.randbelow(10**self.digits):0{self.digits}d}"


_SHORT_CODES: Final = NumberType.SHORT_CODE

ACCOUNTS: Final[Mapping[str, Account]] = {
    account.provider: account
    for account in (
        Account(
            provider=DEFAULT,
            values={"access_key": ACCESS_KEY},
        ),
        Account(
            provider="infobip",
            values={"api_key": "heliograph-local-simulator-0f6d1c2b"},
            number="+447700900100",
            second_number="+447700900101",
            number_type=NumberType.LOCAL,
            region="GB",
            remote="+4477009009",
        ),
        Account(
            provider="link",
            values={
                "platform_id": "COMMON_API",
                "platform_partner_id": "4711",
                "gate_id": "aBcDeFgH",
                "username": "acme",
                "password": "heliograph-local-simulator",
            },
            number="NO-2333",
            second_number="NO-2334",
            number_type=_SHORT_CODES,
            region="NO",
            remote="+47999",
            digits=5,
        ),
        Account(
            provider="telesign",
            values={
                "customer_id": "0F6D1C2B-1111-4222-8333-0123456789AB",
                "api_key": "aGVsaW9ncmFwaC1sb2NhbC1zaW11bGF0b3Ita2V5ISE=",
            },
            number="+18335550100",
            second_number="+18335550101",
        ),
        Account(
            provider="twilio",
            values={
                "account_sid": "AC0f6d1c2b111142228333444455556666",
                "auth_token": "0123456789abcdef0123456789abcdef",
            },
            number="+18885550100",
            second_number="+18885550101",
        ),
        Account(
            provider="vibes",
            values={"username": "acme", "password": "heliograph-local-simulator"},
            number="89203",
            second_number="89204",
            number_type=_SHORT_CODES,
        ),
    )
}
