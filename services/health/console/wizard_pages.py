"""The connect wizard: one form of several steps, which a script shows one after the other and which
is one long page without. Nothing is kept until all of it is sent, so nothing is left behind by
somebody who goes away in the middle, and no secret is ever in a page or an address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from aiohttp import web

from common.providers.spec import PARTNER_PARAMETER, ProviderSpec
from common.providers.specs import SPECS
from common.store.control import ConnectionView, TenantRecord
from health.access.roles import Role
from health.console import number_forms, parameter_forms
from health.console.page_routes import form, page
from health.console.rendering import render
from health.console.setup_forms import PAGE_SIZE, Form, Refused, attempt, done, read_form, whole
from health.web.problems import Problem, ProblemCode
from health.web.routes import Call, Route

_PATH: Final = "/t/{tenant_id}/connect"
_EMPTY_ROWS: Final = 3
"""Numbers that the page has room for without a script."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A provider's card. `reason` says why it cannot be chosen."""

    spec: ProviderSpec
    reason: str | None

    @property
    def portal(self) -> str:
        """The portal's host, as people know it."""
        return urlsplit(self.spec.portal).netloc


def choices(tenant: TenantRecord, available: frozenset[str]) -> tuple[Choice, ...]:
    """Every provider, with what stands against it.

    Args:
        available: names of those that this release speaks to.
    """
    return tuple(Choice(spec, _reason_against(spec, tenant, available)) for spec in SPECS.values())


def _reason_against(
    spec: ProviderSpec, tenant: TenantRecord, available: frozenset[str]
) -> str | None:
    if spec.name not in available:
        return "This release cannot speak to it yet."
    if spec.feature not in tenant.features:
        return f"Not switched on for {tenant.name}. Ask your operator for {spec.feature}."
    return None


def prefix_of(provider: str) -> str:
    """What stands before the inputs' names of a provider: several call their parameters alike."""
    return f"{provider}."


def missing_fields(posted: Form, tenant: TenantRecord, spec: ProviderSpec) -> dict[str, str]:
    """What was not filled in, by the inputs' names."""
    missing = parameter_forms.missing_parameters(posted, spec, prefix=prefix_of(spec.name))
    if not posted.text("name"):
        missing["name"] = "Give the connection a name."
    if tenant.opt_out_accepted_at is None and not posted.ticked("accept_opt_out"):
        missing["accept_opt_out"] = "Accept this to go on."
    return missing


def kept_names(posted: Form) -> tuple[str, ...]:
    """What the page may show again: everything but secrets, and nothing that it does not know."""
    names = ["provider", "accept_opt_out", "name", "description"]
    for spec in SPECS.values():
        names += parameter_forms.shown_again(spec, prefix=prefix_of(spec.name))
    rows = number_forms.rows_of(posted)
    names += [number_forms.row_name(row, name) for row in rows for name in number_forms.FIELDS]
    return tuple(names)


def renamed(spec: ProviderSpec, rows: tuple[int, ...]) -> dict[str, str]:
    """The inputs' names of what the desk names as the API does."""
    prefix = prefix_of(spec.name)
    names = {"partner": prefix + "partner"}
    for parameter in (*spec.parameters, PARTNER_PARAMETER):
        names[f"parameters.{parameter.name}"] = prefix + parameter.name
    for place, row in enumerate(rows):
        for name in number_forms.FIELDS:
            names[f"numbers.{place}.{name}"] = number_forms.row_name(row, name)
    return names


_STEPS: Final[Mapping[ProblemCode, str]] = {
    ProblemCode.FEATURE_MISSING: "provider",
    ProblemCode.PROVIDER_UNAVAILABLE: "provider",
    ProblemCode.OPT_OUT_NOT_ACCEPTED: "rules",
    ProblemCode.INVALID_CREDENTIALS: "account",
    ProblemCode.CREDENTIALS_REJECTED: "account",
    ProblemCode.INVALID_NUMBER: "numbers",
    ProblemCode.NUMBER_TAKEN: "numbers",
    ProblemCode.NUMBER_NOT_ON_RESOURCE: "numbers",
    ProblemCode.UNKNOWN_AGENT: "numbers",
    ProblemCode.INACTIVE_AGENT: "numbers",
}
"""Where to mend what is wrong with no single field."""


async def wizard(call: Call) -> web.Response:
    """The wizard, empty."""
    return await _show(call, await call.desks.tenants.get(call.tenant_id))


async def connect(call: Call) -> web.Response:
    """The wizard, sent."""
    posted = await read_form(call)
    tenant = await call.desks.tenants.get(call.tenant_id)
    spec = SPECS.get(posted.text("provider"))
    if spec is None:
        fields = {"provider": "Choose a provider."}
        problem = Problem(ProblemCode.INVALID, "No provider was chosen.", fields=fields)
        kept = posted.kept(*kept_names(posted))
        return await _show(call, tenant, Refused("connect", problem, kept))
    result = await attempt(_connect(call, posted, tenant, spec))
    if isinstance(result, Problem):
        refused = Refused(
            "connect",
            result,
            typed=posted.kept(*kept_names(posted)),
            renamed=renamed(spec, number_forms.rows_of(posted)),
        )
        return await _show(call, tenant, refused)
    return done(call, f"/t/{call.tenant_id}/connections/{result.id}", "connected")


async def _connect(
    call: Call, posted: Form, tenant: TenantRecord, spec: ProviderSpec
) -> ConnectionView:
    missing = missing_fields(posted, tenant, spec)
    try:
        numbers = number_forms.read_numbers(posted)
    except Problem as problem:
        # Everything that is missing is told at once.
        missing |= problem.fields
        numbers = ()
    if missing:
        raise Problem(ProblemCode.INVALID, "Something is missing.", fields=missing)
    return await call.desks.connections.connect(
        call.tenant_id,
        name=posted.text("name"),
        description=posted.text("description"),
        provider=spec.name,
        parameters=parameter_forms.read_parameters(posted, spec, prefix=prefix_of(spec.name)),
        partner=parameter_forms.read_partner(posted, spec, prefix=prefix_of(spec.name)),
        accept_opt_out=posted.ticked("accept_opt_out"),
        numbers=numbers,
        by=call.principal,
    )


async def _show(call: Call, tenant: TenantRecord, refused: Refused | None = None) -> web.Response:
    desk = call.desks.agents
    agents = await whole(lambda at: desk.list(call.tenant_id, limit=PAGE_SIZE, cursor=at))
    typed = dict(refused.typed) if refused else {}
    offered = choices(tenant, call.desks.connections.available)
    usable = [choice.spec.name for choice in offered if choice.reason is None]
    context: dict[str, Any] = {
        "choices": offered,
        "usable": usable,
        "chosen": typed.get("provider") or (usable[0] if len(usable) == 1 else ""),
        "rules_accepted": tenant.opt_out_accepted_at is not None,
        "prefix_of": prefix_of,
        "row_name": number_forms.row_name,
        "rows": _rows(Form(typed)),
        "most_rows": number_forms.MOST_ROWS,
        "types": number_forms.TYPES,
        "agents": number_forms.agent_options(agents),
        "addresses": {name: call.desks.callbacks.described(SPECS[name]) for name in usable},
        "public_url": call.desks.callbacks.public_url,
        "partner_parameter": PARTNER_PARAMETER,
        "typed": typed,
        "errors": refused.errors if refused else {},
        "problem": refused.problem if refused else None,
        "wrong_step": _STEPS.get(refused.problem.code, "") if refused else "",
    }
    status = refused.problem.status if refused else 200
    return render(call, "setup_wizard.html", status=status, **context)


def _rows(posted: Form) -> tuple[int, ...]:
    """The rows to show: those that were filled in, and some empty ones."""
    return tuple(range(max((*number_forms.rows_of(posted), _EMPTY_ROWS - 1)) + 1))


ROUTES: Final[tuple[Route, ...]] = (
    page("connect_page", _PATH, wizard, needs=Role.ADMIN),
    form("connect_finish", _PATH, connect, needs=Role.ADMIN),
)
