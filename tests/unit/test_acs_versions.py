"""What each version of the API is believed to have, against the published specifications; and the
setting that chooses one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from common.providers.acs import Acs
from common.providers.acs_partner import Partner, options
from common.providers.acs_versions import FEATURES, ApiVersion, PartnerShape, partner_version
from common.providers.registry import PROVIDERS, providers
from common.sealed_settings import SealedSettings
from common.secrets import generate_master_key

pytestmark = pytest.mark.unit


def test_every_version_has_its_features() -> None:
    assert FEATURES.keys() == set(ApiVersion)


@pytest.mark.parametrize("version", ["2021-03-07", "2025-05-29-preview", "2026-01-23"])
def test_a_version_has_what_its_specification_has(version: str) -> None:
    folder = os.environ.get("HELIOGRAPH_REFERENCE")
    if not folder:
        pytest.skip("HELIOGRAPH_REFERENCE is not set")
    path = Path(folder) / "specs" / f"communication-sms-swagger-{version}.json"
    spec: Any = orjson.loads(path.read_bytes())
    features = FEATURES[ApiVersion(version)]
    routes = spec["paths"]
    assert features.opt_outs == ("/sms/optouts:check" in routes)
    assert features.delivery_reports == ("/deliveryReports/{outgoingMessageId}" in routes)
    connect = spec["definitions"].get("MessagingConnectOptions")
    assert (features.partner_shape is not None) == (connect is not None)
    if features.partner_shape is not None:
        said = options(Partner("infobip", "key"), features.partner_shape)
        assert sorted(said) == sorted(connect["required"])


@pytest.mark.parametrize(("version", "features"), FEATURES.items())
def test_a_partners_number_always_finds_a_version(version: ApiVersion, features: Any) -> None:
    chosen = partner_version(version)
    assert FEATURES[chosen].partner_shape is not None
    assert (chosen is version) == (features.partner_shape is not None)


def test_the_partner_parameters_came_with_the_newest_version() -> None:
    late = [it for it, has in FEATURES.items() if has.partner_shape is PartnerShape.PARTNER_PARAMS]
    assert late == [ApiVersion.V2026_01_23]


def test_the_setting_chooses_the_version_of_every_client() -> None:
    acs = providers(acs_api_version="2026-01-23")["acs"]
    assert acs == Acs(api_version=ApiVersion.V2026_01_23)
    assert PROVIDERS["acs"] == Acs()
    assert acs.max_recipients == 100


def settings(**given: Any) -> SealedSettings:
    return SealedSettings(master_key=generate_master_key(), **given)


def test_the_setting_is_the_sdks_version_unless_another_known_one_is_named() -> None:
    assert settings().acs_api_version is ApiVersion.V2021_03_07
    assert settings(acs_api_version="2025-08-01-preview").acs_api_version == "2025-08-01-preview"
    with pytest.raises(ValidationError):
        settings(acs_api_version="2025-08-01")
