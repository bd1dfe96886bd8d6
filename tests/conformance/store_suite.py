"""The store's conformance suite: what both implementations promise.

A test class inherits `StoreSuite` and gives it a fixture `stores`, the ports over an empty database
on a `FakeClock`.
"""

from __future__ import annotations

from conformance.store_cancels import CancelSuite, NoticeSuite
from conformance.store_circuits import CircuitSuite, FailoverSuite
from conformance.store_connections import ConnectionSuite, LeaseSuite
from conformance.store_consents import ConsentSuite, ConversationSuite
from conformance.store_decided import DecidedSuite
from conformance.store_inbound import InboundSuite
from conformance.store_limits import LimitSuite
from conformance.store_outbound import OutboundSuite
from conformance.store_report_parts import (
    BatchReportSuite,
    NoticeReportSuite,
    PartReportSuite,
    ProviderPartSuite,
)
from conformance.store_reports import ExecutionSuite, ReportSuite
from conformance.store_world import FakeClock, Stores

__all__ = ["FakeClock", "StoreSuite", "Stores"]


class StoreSuite(
    InboundSuite,
    ReportSuite,
    BatchReportSuite,
    PartReportSuite,
    ProviderPartSuite,
    NoticeReportSuite,
    OutboundSuite,
    DecidedSuite,
    ExecutionSuite,
    ConnectionSuite,
    LeaseSuite,
    ConsentSuite,
    CancelSuite,
    NoticeSuite,
    ConversationSuite,
    LimitSuite,
    CircuitSuite,
    FailoverSuite,
):
    """Every promise of every port."""
