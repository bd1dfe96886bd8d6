"""The provider suite's assertions tell what they compared, as those of test modules do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    *(
        f"conformance.provider_{name}"
        for name in (
            "callbacks",
            "canaries",
            "facts",
            "faults",
            "hooks",
            "proofs",
            "sending",
            "suite",
        )
    )
)
