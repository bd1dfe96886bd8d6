"""The page of a number: the safety switch first, then what else can be changed."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from common.addresses import normalise_address
from common.optout.answering import NO_REPLIES
from common.providers.specs import SPECS
from common.store.control import NumberRecord, NumberType
from common.store.records import ConnectionStatus
from health.access.roles import Role
from health.console import failover_forms, number_forms, number_rules_forms
from health.console.page_routes import form, page
from health.console.rendering import render
from health.console.setup_forms import (
    CONFIRMED,
    PAGE_SIZE,
    Form,
    Refused,
    Shown,
    attempt,
    done,
    read_form,
    whole,
)
from health.web.problems import Problem
from health.web.routes import Call, Route

_ONE: Final = "/t/{tenant_id}/numbers/{address}"

GATE_FLASHES: Final[Mapping[bool, str]] = {True: "gate_on", False: "gate_off"}


async def number(call: Call) -> web.Response:
    """One number."""
    return await show_number(call)


async def show_number(call: Call, refused: Refused | None = None) -> web.Response:
    """The page of a number, after a refusal with what was refused."""
    shown = Shown(refused)
    desks, tenant_id = call.desks, call.tenant_id
    record = await desks.numbers.get(tenant_id, _address(call))
    agents = await whole(lambda at: desks.agents.list(tenant_id, limit=PAGE_SIZE, cursor=at))
    connections = await whole(
        lambda at: desks.connections.list(tenant_id, limit=PAGE_SIZE, cursor=at)
    )
    known = {view.id: view for view in connections}
    spec = SPECS.get(record.provider)
    context: dict[str, Any] = {
        "number": record,
        "spec": spec,
        "connection": known.get(record.connection_id),
        "agent": next((agent for agent in agents if agent.id == record.agent_id), None),
        "agent_options": number_forms.agent_options(agents),
        "targets": [
            (view.id, f"{view.name} ({SPECS[view.provider].title})")
            for view in connections
            if view.id != record.connection_id
            and view.status is not ConnectionStatus.DISCONNECTED
            and view.provider in SPECS
        ],
        "types": number_forms.TYPES,
        "other_channel": NO_REPLIES if record.type is NumberType.ALPHANUMERIC else None,
        "ways": failover_forms.shown(record, known),
        "fallbacks": failover_forms.options(record, connections),
        "rule_groups": number_rules_forms.groups_for(record.type, record.region),
        "rule_values": number_rules_forms.values_of(record.rules),
        "rules_told": number_rules_forms.told(record),
        "shown": shown,
        "live": f"/t/{tenant_id}/events",
    }
    return render(call, "setup_number.html", status=shown.status, **context)


async def gate(call: Call) -> web.Response:
    """Switch autonomous sending on, which has to be confirmed, or off."""
    posted = await read_form(call)
    on = posted.values.get("on") == CONFIRMED
    result = await attempt(
        call.desks.numbers.set_gate(
            call.tenant_id,
            _address(call),
            on=on,
            # Off is the safe side, so nobody is asked twice.
            confirmed=posted.ticked("confirm") or not on,
            by=call.principal,
        )
    )
    if isinstance(result, Problem):
        return await show_number(call, Refused("gate", result))
    seen_from = _connection(call, result) if posted.text("back") == "connection" else None
    return done(call, seen_from or _here(call), GATE_FLASHES[on])


async def edit(call: Call) -> web.Response:
    """Change what describes the number."""
    posted = await read_form(call)
    kept = posted.kept("name", "type", "owners", "region")
    return await _settle(call, "edit", _edit(call, posted), "number_updated", kept)


async def _edit(call: Call, posted: Form) -> NumberRecord:
    changes: dict[str, Any] = {
        "name": posted.text("name"),
        "type": number_forms.type_of(posted.text("type")),
        "owners": number_forms.owners_of(posted.text("owners")),
        "region": posted.text("region").upper(),
    }
    return await call.desks.numbers.update(
        call.tenant_id, _address(call), changes=changes, version=posted.version, by=call.principal
    )


async def assign(call: Call) -> web.Response:
    """Give the number to another agent."""
    posted = await read_form(call)
    kept = posted.kept("agent_id")
    return await _settle(call, "agent", _assign(call, posted), "number_assigned", kept)


async def _assign(call: Call, posted: Form) -> NumberRecord:
    return await call.desks.numbers.assign(
        call.tenant_id,
        _address(call),
        posted.text("agent_id"),
        version=posted.version,
        by=call.principal,
    )


async def move(call: Call) -> web.Response:
    """Put the number onto another connection."""
    posted = await read_form(call)
    kept = posted.kept("connection_id")
    return await _settle(call, "move", _move(call, posted), "number_moved", kept)


async def _move(call: Call, posted: Form) -> NumberRecord:
    return await call.desks.numbers.move(
        call.tenant_id,
        _address(call),
        posted.text("connection_id"),
        version=posted.version,
        by=call.principal,
    )


async def rules(call: Call) -> web.Response:
    """Change the number's sending rules."""
    posted = await read_form(call)
    kept = number_rules_forms.kept(posted)
    return await _settle(call, "rules", _rules(call, posted), "number_rules", kept)


async def _rules(call: Call, posted: Form) -> NumberRecord:
    record = await call.desks.numbers.get(call.tenant_id, _address(call))
    return await call.desks.numbers.set_rules(
        call.tenant_id,
        record.address,
        number_rules_forms.read_changes(posted, record.type, record.region),
        version=posted.version,
        by=call.principal,
    )


async def failover(call: Call) -> web.Response:
    """Choose what the number falls back on."""
    posted = await read_form(call)
    kept = failover_forms.kept(posted)
    renamed = failover_forms.renamed(posted)
    return await _settle(
        call, "failover", _failover(call, posted), "number_failover", kept, renamed=renamed
    )


async def _failover(call: Call, posted: Form) -> NumberRecord:
    return await call.desks.numbers.set_failover(
        call.tenant_id,
        _address(call),
        failover_forms.read(posted),
        version=posted.version,
        by=call.principal,
    )


async def remove(call: Call) -> web.Response:
    """Free the number."""
    result = await attempt(_remove(call, await read_form(call)))
    if isinstance(result, Problem):
        return await show_number(call, Refused("remove", result))
    return done(call, _connection(call, result), "number_removed")


async def _remove(call: Call, posted: Form) -> NumberRecord:
    return await call.desks.numbers.remove(
        call.tenant_id, _address(call), version=posted.version, by=call.principal
    )


async def _settle(
    call: Call,
    name: str,
    work: Awaitable[object],
    flash: str,
    kept: Mapping[str, str],
    *,
    renamed: Mapping[str, str] | None = None,
) -> web.Response:
    """Do it: then the number's page again, or the form with what is wrong."""
    result = await attempt(work)
    if isinstance(result, Problem):
        return await show_number(call, Refused(name, result, kept, renamed or {}))
    return done(call, _here(call), flash)


def _address(call: Call) -> str:
    return normalise_address(call.at("address"))


def _here(call: Call) -> str:
    return f"/t/{call.tenant_id}/numbers/{quote(_address(call), safe='')}"


def _connection(call: Call, record: NumberRecord) -> str:
    return f"/t/{call.tenant_id}/connections/{record.connection_id}"


ROUTES: Final[tuple[Route, ...]] = (
    page("number_page", _ONE, number),
    form("number_gate", f"{_ONE}/gate", gate, needs=Role.ADMIN),
    form("number_edit", f"{_ONE}/edit", edit, needs=Role.ADMIN),
    form("number_agent", f"{_ONE}/agent", assign, needs=Role.ADMIN),
    form("number_move", f"{_ONE}/move", move, needs=Role.ADMIN),
    form("number_rules", f"{_ONE}/rules", rules, needs=Role.ADMIN),
    form("number_failover", f"{_ONE}/failover", failover, needs=Role.ADMIN),
    form("number_remove", f"{_ONE}/remove", remove, needs=Role.ADMIN),
)
