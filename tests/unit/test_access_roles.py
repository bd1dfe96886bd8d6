"""Roles build upon each other, and only operators go beyond their tenant."""

from __future__ import annotations

import pytest

from common.store.control import SYSTEM
from health.access.first_key import SYSTEM_PRINCIPAL
from health.access.roles import Principal, Role

MAY = {
    Role.VIEWER: {Role.VIEWER},
    Role.APPROVER: {Role.VIEWER, Role.APPROVER},
    Role.ADMIN: {Role.VIEWER, Role.APPROVER, Role.ADMIN},
    Role.OPERATOR: {*Role},
}


def somebody(role: Role) -> Principal:
    tenant_id = None if role is Role.OPERATOR else "acme"
    return Principal(kind="key", id="1", name="One", role=role, tenant_id=tenant_id)


@pytest.mark.parametrize("role", Role)
def test_each_role_may_what_the_ones_before_it_may(role: Role) -> None:
    assert {needed for needed in Role if somebody(role).may(needed)} == MAY[role]


@pytest.mark.parametrize("role", Role)
def test_only_operators_reach_other_tenants(role: Role) -> None:
    assert somebody(role).reaches("acme")
    assert somebody(role).reaches("globex") is (role is Role.OPERATOR)


def test_nobody_reaches_no_tenant() -> None:
    assert not Principal.nobody().reaches("acme")
    assert not Principal.nobody().may(Role.APPROVER)


def test_the_service_is_itself_in_the_audit_trail_whatever_it_may_do() -> None:
    assert SYSTEM_PRINCIPAL.may(Role.OPERATOR)
    assert SYSTEM_PRINCIPAL.actor == SYSTEM
