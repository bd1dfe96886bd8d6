"""Everything that API and console work with, built once by `health.app`."""

from __future__ import annotations

from dataclasses import dataclass

from common.store.control_ports import AuditTrail, Reading
from common.store.ports import Executions
from health.access.door import Door
from health.desk.agents import AgentDesk
from health.desk.approvals import ApprovalDesk
from health.desk.callbacks import CallbackDesk
from health.desk.connections import ConnectionDesk
from health.desk.consents import ConsentDesk
from health.desk.dead_letters import DeadLetterDesk
from health.desk.holds import HoldDesk
from health.desk.keys import KeyDesk
from health.desk.live import Live
from health.desk.numbers import NumberDesk
from health.desk.parked_acts import ParkedActs
from health.desk.parked_rounds import ParkedRounds
from health.desk.switches import SwitchDesk
from health.desk.tenants import TenantDesk


@dataclass(frozen=True, slots=True, kw_only=True)
class Desks:
    """The desks, and what is only read."""

    door: Door
    tenants: TenantDesk
    agents: AgentDesk
    keys: KeyDesk
    connections: ConnectionDesk
    callbacks: CallbackDesk
    numbers: NumberDesk
    switches: SwitchDesk
    approvals: ApprovalDesk
    consents: ConsentDesk
    holds: HoldDesk
    reading: Reading
    executions: Executions
    audit: AuditTrail
    live: Live
    dead_letters: DeadLetterDesk
    parked: ParkedActs
    parked_rounds: ParkedRounds
