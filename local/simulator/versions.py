"""The API versions that the simulated service takes, and what each has.

Source: the folders of Communication SMS in the Azure REST API specs. Which previews the service
still takes is not documented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from local.simulator import answers
from local.simulator.answers import Answer

Shape = Literal["api_key", "partner_params"]


@dataclass(frozen=True, slots=True)
class Version:
    """What a version has beside sends: where a partner's key stands, and further routes."""

    messaging_connect: Shape | None = None
    opt_outs: bool = False
    delivery_reports: bool = False


API_VERSIONS: Mapping[str, Version] = {
    "2021-03-07": Version(),
    "2024-01-14-preview": Version(),
    "2024-02-05-preview": Version(),
    "2024-12-10-preview": Version(opt_outs=True),
    "2025-05-29-preview": Version("api_key", opt_outs=True),
    "2025-08-01-preview": Version("api_key", opt_outs=True, delivery_reports=True),
    "2025-09-17": Version("api_key", opt_outs=True, delivery_reports=True),
    "2026-01-23": Version("partner_params", opt_outs=True, delivery_reports=True),
}


def read(name: str | None) -> Version | Answer:
    """Give the version that a call names, or the 400 that it earns."""
    if not name:
        return answers.VERSION_UNSPECIFIED
    return API_VERSIONS.get(name, answers.VERSION_UNSUPPORTED)
