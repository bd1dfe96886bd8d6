"""The versions of the ACS SMS API, and what each has beside sending: pure, as a table.

Source: Azure REST API specs, specification/communication/data-plane/Sms, one folder a version. The
folders from 2025-09-17 on are named stable, but no released SDK calls them yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ApiVersion(StrEnum):
    """Every version that is published."""

    V2021_03_07 = "2021-03-07"
    V2024_01_14_PREVIEW = "2024-01-14-preview"
    V2024_02_05_PREVIEW = "2024-02-05-preview"
    V2024_12_10_PREVIEW = "2024-12-10-preview"
    V2025_05_29_PREVIEW = "2025-05-29-preview"
    V2025_08_01_PREVIEW = "2025-08-01-preview"
    V2025_09_17 = "2025-09-17"
    V2026_01_23 = "2026-01-23"


class PartnerShape(StrEnum):
    """How `smsSendOptions.messagingConnect` names the partner's key: beside the partner, or among
    the partner's parameters."""

    API_KEY = "apiKey"
    PARTNER_PARAMS = "partnerParams"


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What a version has."""

    partner_shape: PartnerShape | None = None
    opt_outs: bool = False
    delivery_reports: bool = False


DEFAULT_VERSION: Final = ApiVersion.V2021_03_07
"""What Microsoft's SDK for Python calls by itself."""

PARTNER_VERSION: Final = ApiVersion.V2025_05_29_PREVIEW
"""The first version with Messaging Connect, and the one that its page names (Microsoft docs,
"Messaging Connect")."""

FEATURES: Final[Mapping[ApiVersion, Features]] = {
    ApiVersion.V2021_03_07: Features(),
    ApiVersion.V2024_01_14_PREVIEW: Features(),
    ApiVersion.V2024_02_05_PREVIEW: Features(),
    ApiVersion.V2024_12_10_PREVIEW: Features(opt_outs=True),
    ApiVersion.V2025_05_29_PREVIEW: Features(opt_outs=True, partner_shape=PartnerShape.API_KEY),
    ApiVersion.V2025_08_01_PREVIEW: Features(
        opt_outs=True, partner_shape=PartnerShape.API_KEY, delivery_reports=True
    ),
    ApiVersion.V2025_09_17: Features(
        opt_outs=True, partner_shape=PartnerShape.API_KEY, delivery_reports=True
    ),
    ApiVersion.V2026_01_23: Features(
        opt_outs=True, partner_shape=PartnerShape.PARTNER_PARAMS, delivery_reports=True
    ),
}


def partner_version(version: ApiVersion) -> ApiVersion:
    """The version in which a send from a partner's number is made where all others use `version`:
    the same, unless it has no Messaging Connect."""
    return version if FEATURES[version].partner_shape is not None else PARTNER_VERSION
