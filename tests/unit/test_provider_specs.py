"""Promises of the tables that describe providers."""

from __future__ import annotations

import pytest

from common.providers.hosts import NO_HOSTS
from common.providers.registry import PROVIDERS
from common.providers.spec import ProviderSpec
from common.providers.specs import SPECS

EXPECTED = {
    "acs": ("connection_string", "secondary_connection_string"),
    "infobip": ("base_url", "api_key"),
    "link": (
        "platform_id",
        "platform_partner_id",
        "gate_id",
        "username",
        "password",
        "base_url",
    ),
    "telesign": ("customer_id", "api_key", "base_url"),
    "twilio": ("account_sid", "auth_token"),
    "vibes": ("username", "password"),
}
every_spec = pytest.mark.parametrize("spec", SPECS.values(), ids=list(SPECS))


def test_six_providers_are_described_each_with_its_own_parameters() -> None:
    found = {name: tuple(p.name for p in spec.parameters) for name, spec in SPECS.items()}
    assert EXPECTED.items() <= found.items()


def test_every_provider_that_has_an_adapter_is_described_under_its_name() -> None:
    assert PROVIDERS.keys() == SPECS.keys()
    assert all(name == spec.name for name, spec in SPECS.items())


@every_spec
def test_every_parameter_says_where_to_find_it(spec: ProviderSpec) -> None:
    for parameter in spec.parameters:
        assert len(parameter.help) > 40
        assert parameter.label
        assert parameter.max_length > 0
    assert spec.portal.startswith("https://")


@every_spec
def test_every_provider_has_a_secret_that_is_required(spec: ProviderSpec) -> None:
    assert any(p.secret and p.required for p in spec.parameters)
    assert spec.secrets == {p.name for p in spec.parameters if p.secret}


@every_spec
def test_an_address_that_a_tenant_supplies_is_limited_to_hosts(spec: ProviderSpec) -> None:
    if any(p.kind == "url" for p in spec.parameters):
        assert spec.hosts != NO_HOSTS


@every_spec
def test_callbacks_have_addresses_of_ours(spec: ProviderSpec) -> None:
    assert spec.callbacks
    for callback in spec.callbacks:
        path = callback.path_template.format(connection_id="con-1", token="t")
        assert path.startswith(f"/api/webhooks/{spec.name}/")
        assert callback.help


def test_acs_alone_has_partners_and_a_pair_that_rotates() -> None:
    for name, spec in SPECS.items():
        assert spec.partners is (name == "acs")
        assert (spec.rotating is not None) is (name == "acs")
    assert SPECS["acs"].rotating == EXPECTED["acs"]


def test_features_and_names_are_each_their_own() -> None:
    assert SPECS["acs"].feature == "custom.acs_sms"
    assert len({spec.feature for spec in SPECS.values()}) == len(SPECS)
