"""The providers' conformance suite: what every adapter promises.

A test class inherits `ProviderSuite` and gives it the tables and functions of
`conformance.provider_hooks.Hooks`. The suite knows no provider.
"""

from __future__ import annotations

from conformance.provider_callbacks import NonsenseSuite
from conformance.provider_facts import HealthSuite, OrderSuite, ParameterSuite, QuestionSuite
from conformance.provider_faults import FaultSuite
from conformance.provider_proofs import ProofSuite
from conformance.provider_sending import AnswerSuite, WireSuite


class ProviderSuite(
    NonsenseSuite,
    ProofSuite,
    WireSuite,
    AnswerSuite,
    FaultSuite,
    HealthSuite,
    QuestionSuite,
    ParameterSuite,
    OrderSuite,
):
    """Every promise of an adapter."""
