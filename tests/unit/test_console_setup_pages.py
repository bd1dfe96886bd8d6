"""The pages that connect, rename, switch and end things."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from common.callback_addresses import basic_login, token
from common.providers.callbacks import Door
from common.providers.specs import SPECS
from common.secrets import generate_master_key
from common.settings import UnusableSetting, load
from common.store.control import AgentKind, NumberType
from health.access.roles import Role
from health.settings import HealthSettings
from health.web.problems import Problem, ProblemCode
from tests.unit import console_samples as samples
from tests.unit.console_setup_stage import (
    KEY,
    LOCAL,
    PASSWORD,
    agent,
    open_setup_stage,
)

T: Final = f"/t/{samples.TENANT}"
SUPPORT: Final = f"{T}/connections/con-support"
NUMBER: Final = f"{T}/numbers/%2B18005550100"
PAGES: Final = (
    f"{T}/connections",
    SUPPORT,
    f"{T}/connections/con-orders",
    f"{T}/connections/con-old",
    NUMBER,
    f"{T}/numbers/%2B12065550171",
    f"{T}/agents",
    f"{T}/agents/sales-pa",
    f"{T}/agents/old",
)
ADMIN_PAGES: Final = (f"{T}/connect", f"{T}/keys")
CANARY: Final = "endpoint=https://acme.example/;accesskey=Q0FOQVJZLUtFWQ=="
SECOND: Final = "endpoint=https://acme.example/;accesskey=U0VDT05E"

WIZARD: Final = {
    "provider": "acs",
    "accept_opt_out": "true",
    "name": "Support texts",
    "description": "Repairs <b>only</b>",
    "acs.connection_string": CANARY,
    "acs.secondary_connection_string": SECOND,
    "numbers.0.address": "1 800 555 0100",
    "numbers.0.type": "toll_free",
    "numbers.0.agent_id": "front-desk",
    "numbers.0.name": "Repairs",
    "numbers.0.owners": "Service, Jane Smith, Service",
    "numbers.0.region": "us",
    "numbers.2.address": LOCAL,
    "numbers.2.type": "local",
    "numbers.2.agent_id": "sales-pa",
}


def forms_of(page: str) -> list[str]:
    """Every form of a page that posts."""
    found = re.findall(r'<form[^>]*method="post".*?</form>', page, re.DOTALL)
    return [form for form in found if "/sign-out" not in form]


def wrong_fields(page: str) -> set[str]:
    """Names of the inputs that are marked as wrong."""
    tags = re.findall(r"<(?:input|select|textarea)\b[^>]*>", page)
    names = (re.search(r'name="([^"]+)"', tag) for tag in tags if 'aria-invalid="true"' in tag)
    return {name[1] for name in names if name}


def value_of(page: str, name: str) -> str:
    """What an input holds."""
    found = re.search(rf'<input[^>]*name="{re.escape(name)}"[^>]*>', page)
    assert found, name
    value = re.search(r'value="([^"]*)"', found[0])
    return value[1] if value else ""


@pytest.mark.parametrize("path", [*PAGES, *ADMIN_PAGES])
async def test_no_page_has_anything_inline_and_every_form_carries_the_token(path: str) -> None:
    async with open_setup_stage() as stage:
        status, page = await stage.page(path)
    assert status == 200
    assert not re.search(r"\son[a-z]+=|\sstyle=|<style|<script(?![^>]*\bsrc=)|hx-on", page)
    assert all('name="csrf"' in form for form in forms_of(page))
    identifiers = re.findall(r'\sid="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER])
@pytest.mark.parametrize("path", PAGES)
async def test_who_may_only_read_sees_no_button(path: str, role: Role) -> None:
    async with open_setup_stage(role=role) as stage:
        status, page = await stage.page(path)
    assert status == 200
    assert forms_of(page) == []
    assert "data-dialog" not in page
    assert f'href="{T}/connect"' not in page


@pytest.mark.parametrize("path", ADMIN_PAGES)
async def test_who_may_only_read_gets_no_page_that_is_all_buttons(path: str) -> None:
    async with open_setup_stage(role=Role.APPROVER) as stage:
        status, _ = await stage.page(path)
    assert status == 403


async def test_the_wizard_offers_every_provider_and_says_why_one_cannot_be_chosen() -> None:
    async with open_setup_stage() as stage:
        stage.desks.connections.available = frozenset({"acs", "twilio", "infobip"})
        _, page = await stage.page(f"{T}/connect")
    radios = re.findall(r'<input type="radio" name="provider"[^>]*>', page)
    able = {re.search(r'value="(\w+)"', tag)[1] for tag in radios if " disabled" not in tag}  # type: ignore[index]
    assert len(radios) == len(SPECS)
    assert able == {"acs", "twilio"}
    assert "This release cannot speak to it yet." in page
    assert "Ask your operator for custom.infobip_sms." in page


async def test_the_rules_on_opt_outs_are_asked_once_only() -> None:
    async with open_setup_stage() as stage:
        _, first = await stage.page(f"{T}/connect")
        stage.desks.tenants.record = samples.tenant()
        _, later = await stage.page(f"{T}/connect")
    assert 'name="accept_opt_out"' in first
    assert all(f"<dt>{word}</dt>" in first for word in ("STOP", "START", "HELP"))
    assert 'name="accept_opt_out"' not in later


async def test_the_wizard_connects_once_with_all_that_was_entered() -> None:
    async with open_setup_stage() as stage:
        answer = await stage.post(f"{T}/connect", WIZARD)
    assert answer == (303, f"{T}/connections/con-new")
    [(_, given)] = stage.asked.changes
    assert given["parameters"] == {
        "connection_string": CANARY,
        "secondary_connection_string": SECOND,
    }
    assert (given["partner"], given["accept_opt_out"]) == (None, True)
    first, second = given["numbers"]
    assert (first.address, first.type, first.region) == (
        "+18005550100",
        NumberType.TOLL_FREE,
        "US",
    )
    assert first.owners == ("Service", "Jane Smith")
    assert (second.address, second.agent_id) == (LOCAL, "sales-pa")


async def test_all_that_is_missing_is_told_at_once_and_nothing_is_tried() -> None:
    form = {"provider": "acs", "numbers.1.name": "A name alone", "acs.partner": "infobip"}
    async with open_setup_stage() as stage:
        status, page = await stage.post(f"{T}/connect", form)
    assert status == 422
    assert stage.asked.changes == []
    assert wrong_fields(page) == {
        "accept_opt_out",
        "name",
        "acs.connection_string",
        "acs.partner_key",
        "numbers.1.address",
        "numbers.1.type",
        "numbers.1.agent_id",
    }


@pytest.mark.parametrize(
    ("refusal", "wrong", "step"),
    [
        (Problem(ProblemCode.CREDENTIALS_REJECTED, "Azure refuses the key."), set(), "account"),
        (
            Problem(ProblemCode.NUMBER_TAKEN, fields={"numbers.0.address": "it is taken"}),
            {"numbers.0.address"},
            "numbers",
        ),
        (
            Problem(ProblemCode.INACTIVE_AGENT, fields={"numbers.1.agent_id": "not active"}),
            {"numbers.2.agent_id"},
            "numbers",
        ),
        (
            Problem(
                ProblemCode.INVALID_CREDENTIALS, fields={"parameters.connection_string": "cut"}
            ),
            {"acs.connection_string"},
            "account",
        ),
        (
            Problem(ProblemCode.INVALID_NUMBER, fields={"numbers.1.address": "five digits"}),
            {"numbers.2.address"},
            "numbers",
        ),
    ],
)
async def test_a_refusal_keeps_what_was_entered_but_no_secret(
    refusal: Exception, wrong: set[str], step: str
) -> None:
    async with open_setup_stage() as stage:
        stage.refuse(refusal)
        status, page = await stage.post(f"{T}/connect", WIZARD)
    assert status in {409, 422}
    assert wrong_fields(page) == wrong
    assert f'data-wrong-step="{step}"' in page
    assert value_of(page, "name") == "Support texts"
    assert value_of(page, "numbers.2.address") == LOCAL
    assert "Repairs &lt;b&gt;only&lt;/b&gt;" in page
    assert 'role="alert"' in page
    for secret in (CANARY, SECOND, "accesskey=Q0"):
        assert secret not in page


async def test_a_script_is_told_where_to_go_by_a_header() -> None:
    async with (
        open_setup_stage() as stage,
        stage.client.post(
            f"{T}/connect",
            data={"csrf": "the-token-of-the-session", **WIZARD},
            headers={"HX-Request": "true"},
        ) as answer,
    ):
        assert answer.status == 204
        assert answer.headers["HX-Redirect"] == f"{T}/connections/con-new"
        assert "connected" in answer.headers["Set-Cookie"]


async def test_callback_addresses_are_there_to_copy_or_say_which_setting_is_missing() -> None:
    async with open_setup_stage() as stage:
        _, known = await stage.page(SUPPORT)
    async with open_setup_stage(public_url="") as stage:
        _, unknown = await stage.page(f"{T}/connect")
    assert "https://texts.acme.example/api/webhooks/acs/sms?code=YOUR-WEBHOOK-SECRET" in known
    assert "Microsoft.Communication.SMSDeliveryReportReceived" in known
    assert "HELIOGRAPH_PUBLIC_WEBHOOK_URL" not in known
    assert "https://YOUR-WEBHOOK-HOST/api/webhooks/acs/sms" in unknown
    assert "HELIOGRAPH_PUBLIC_WEBHOOK_URL" in unknown


async def test_administrators_copy_the_whole_address_and_its_login_and_nobody_else_sees_them() -> (
    None
):
    async with open_setup_stage() as stage:
        status, page = await stage.page(f"{T}/connections/con-link")
        key = stage.desks.callbacks.key
        secret, login = token(key, "con-link", Door.PORTAL), basic_login(key, "con-link")
    assert status == 200
    assert f"https://texts.acme.example/api/webhooks/link/con-link/{secret}" in page
    assert login.password in page
    assert "Gate destination" in page
    async with open_setup_stage(role=Role.VIEWER) as stage:
        _, page = await stage.page(f"{T}/connections/con-link")
    assert "https://texts.acme.example/api/webhooks/link/con-link/TOKEN" in page
    assert "HTTP Basic" not in page


async def test_a_connection_shows_which_credentials_are_set_and_what_is_wrong() -> None:
    async with open_setup_stage() as stage:
        _, page = await stage.page(f"{T}/connections/con-orders")
        _, gone = await stage.page(f"{T}/connections/con-old")
    assert "it is not one of the resource&#39;s." in page
    assert "acme-orders.unitedstates.communication.azure.com" in page
    assert re.search(r"<dt>Connection string</dt><dd><span class=\"badge ok\">Set", page)
    assert f'action="{T}/connections/con-old/reconnect"' in gone
    assert "disconnect" not in "".join(forms_of(gone))


CHANGES: Final[tuple[tuple[str, dict[str, str], str], ...]] = (
    (f"{SUPPORT}/edit", {"name": "Helpdesk", "description": "Anew"}, "edit"),
    (f"{SUPPORT}/credentials", {"connection_string": CANARY}, "credentials"),
    (f"{SUPPORT}/rotate", {"parameter": "connection_string", "value": CANARY}, "rotate"),
    (f"{SUPPORT}/disconnect", {"confirm": "true"}, "disconnect"),
    (f"{NUMBER}/edit", {"name": "Fixes", "type": "toll_free", "region": "CA"}, "edit"),
    (f"{NUMBER}/agent", {"agent_id": "sales-pa"}, "agent"),
    (f"{NUMBER}/move", {"connection_id": "con-orders"}, "move"),
    (f"{NUMBER}/remove", {}, "remove"),
    (f"{T}/agents/front-desk/edit", {"name": "Lobby", "kind": "agent"}, "edit"),
    (f"{T}/agents/front-desk/active", {"active": "false"}, "active"),
)


@pytest.mark.parametrize(("path", "form", "_name"), CHANGES)
async def test_a_change_names_the_version_that_its_author_saw(
    path: str, form: dict[str, str], _name: str
) -> None:
    async with open_setup_stage() as stage:
        page_path = path.rsplit("/", 1)[0]
        _, page = await stage.page(page_path)
        action = next(found for found in forms_of(page) if f'action="{path}"' in found)
        status, _ = await stage.post(path, {"version": value_of(action, "version"), **form})
    assert status == 303
    assert isinstance(stage.asked.last[1]["version"], int)


@pytest.mark.parametrize("version", ["1", "", "x"])
@pytest.mark.parametrize(("path", "form", "_name"), CHANGES)
async def test_a_lost_race_is_told_kindly_with_what_is_there_now(
    path: str, form: dict[str, str], _name: str, version: str
) -> None:
    async with open_setup_stage() as stage:
        status, page = await stage.post(path, {"version": version, **form})
    assert status == 412
    assert "Somebody changed this while you were at it." in page
    assert CANARY not in page
    for name, typed in form.items():
        if name in {"name", "description"}:
            assert typed not in page


async def test_refused_credentials_keep_no_secret_in_the_page() -> None:
    refusal = Problem(ProblemCode.CREDENTIALS_REJECTED, "Azure refuses the key.")
    async with open_setup_stage() as stage:
        stage.refuse(refusal)
        for path, form in (
            (f"{SUPPORT}/credentials", {"connection_string": CANARY, "partner_key": SECOND}),
            (f"{SUPPORT}/rotate", {"parameter": "connection_string", "value": CANARY}),
            (f"{T}/connections/con-old/reconnect", {"connection_string": CANARY}),
        ):
            extra = {"partner": "infobip"} if "partner_key" in form else {}
            status, page = await stage.post(path, {"version": "3", **form, **extra})
            assert status == 422
            assert "Azure refuses the key." in page
            assert CANARY not in page
            assert SECOND not in page


@pytest.mark.parametrize(
    ("status", "flash"), [("active", "checked_active"), ("error", "checked_error")]
)
async def test_a_check_says_what_the_provider_said(status: str, flash: str) -> None:
    which = "con-support" if status == "active" else "con-orders"
    path = f"{T}/connections/{which}/check"
    body = {"csrf": "the-token-of-the-session"}
    async with (
        open_setup_stage() as stage,
        stage.client.post(path, data=body, allow_redirects=False) as answer,
    ):
        assert answer.status == 303
        assert flash in answer.headers["Set-Cookie"]


async def test_a_number_is_added_and_a_refused_one_kept() -> None:
    form = {"address": "12345", "type": "short_code", "agent_id": "front-desk", "owners": "A, B"}
    async with open_setup_stage() as stage:
        status, _ = await stage.post(f"{SUPPORT}/numbers", form)
        added = stage.asked.last[1]["number"]
        stage.refuse(Problem(ProblemCode.NUMBER_TAKEN))
        refused, page = await stage.post(f"{SUPPORT}/numbers", form)
    assert status == 303
    assert (added.address, added.type, added.owners) == ("12345", NumberType.SHORT_CODE, ("A", "B"))
    assert refused == 409
    assert value_of(page, "address") == "12345"
    assert "The number is connected already." in page


async def test_opening_the_gate_wants_a_confirmation_and_closing_it_none() -> None:
    async with open_setup_stage() as stage:
        _, before = await stage.page(NUMBER)
        await stage.post(f"{NUMBER}/gate", {"on": "true"})
        unconfirmed = stage.asked.last[1]
        await stage.post(f"{NUMBER}/gate", {"on": "true", "confirm": "true"})
        confirmed = stage.asked.last[1]
        _, after = await stage.page(NUMBER)
        _, location = await stage.post(f"{NUMBER}/gate", {"on": "false", "back": "connection"})
        closed = stage.asked.last[1]
    [dialog] = [form for form in forms_of(before) if f'action="{NUMBER}/gate"' in form]
    assert "without anybody reading it first" in dialog
    assert re.search(r'name="confirm" type="checkbox"[^>]*required', dialog)
    assert unconfirmed == {"on": True, "confirmed": False}
    assert confirmed == {"on": True, "confirmed": True}
    assert closed == {"on": False, "confirmed": True}
    assert "Autonomous sending is on" in after
    assert location == SUPPORT


async def test_an_unconfirmed_gate_comes_back_with_the_reason() -> None:
    async with open_setup_stage() as stage:
        stage.refuse(Problem(ProblemCode.NOT_CONFIRMED, "It lets the agent text people."))
        status, page = await stage.post(f"{NUMBER}/gate", {"on": "true"})
    assert status == 422
    assert "It lets the agent text people." in page


async def test_a_disconnect_is_not_done_unless_confirmed() -> None:
    async with open_setup_stage() as stage:
        status, _ = await stage.post(f"{SUPPORT}/disconnect", {"version": "3"})
    assert status == 422
    assert stage.asked.changes == []


async def test_a_number_can_move_to_live_connections_only() -> None:
    async with open_setup_stage() as stage:
        _, page = await stage.page(NUMBER)
    [form] = [form for form in forms_of(page) if f'action="{NUMBER}/move"' in form]
    assert re.findall(r'<option value="([^"]+)"', form) == ["con-orders", "con-link"]


async def test_only_active_agents_can_be_given_a_number() -> None:
    async with open_setup_stage() as stage:
        _, page = await stage.page(f"{T}/connect")
    assert '<option value="sales-pa">Sales PA - Jane Smith</option>' in page
    assert 'value="old"' not in page


async def test_a_personal_assistant_is_made_and_its_password_shown_once() -> None:
    form = {
        "agent_id": "support-pa",
        "name": "Support PA",
        "kind": "personal_assistant",
        "employee": "Ann Lee",
    }
    async with open_setup_stage() as stage:
        status, page = await stage.post(f"{T}/agents", form)
        _, later = await stage.page(f"{T}/agents/support-pa")
    assert status == 200
    assert stage.asked.last[1]["kind"] is AgentKind.PERSONAL_ASSISTANT
    assert "Support PA - Ann Lee" in page
    assert PASSWORD in page
    assert PASSWORD not in later


async def test_whose_assistant_an_agent_was_is_forgotten_with_the_kind() -> None:
    form = {"version": "2", "name": "Sales", "kind": "agent", "employee": "Jane Smith"}
    async with open_setup_stage() as stage:
        await stage.post(f"{T}/agents/sales-pa/edit", form)
    assert stage.asked.last[1]["changes"]["employee"] is None


async def test_an_agent_with_a_bad_id_is_not_made() -> None:
    async with open_setup_stage() as stage:
        status, page = await stage.post(f"{T}/agents", {"agent_id": "Sales PA", "name": "Sales"})
    assert status == 422
    assert stage.asked.changes == []
    assert wrong_fields(page) == {"agent_id"}
    assert value_of(page, "agent_id") == "Sales PA"


async def test_a_new_password_is_offered_where_the_broker_can_be_asked_only() -> None:
    async with open_setup_stage() as stage:
        _, offered = await stage.page(f"{T}/agents/front-desk")
        status, page = await stage.post(f"{T}/agents/front-desk/password", {})
        stage.desks.agents.provisions = False
        _, by_hand = await stage.page(f"{T}/agents/front-desk")
    assert f'action="{T}/agents/front-desk/password"' in offered
    assert status == 200
    assert PASSWORD in page
    assert "password" not in "".join(forms_of(by_hand))


async def test_a_key_is_shown_once_with_the_expiry_that_was_chosen() -> None:
    form = {"name": "CRM", "role": "approver", "lifetime": "30"}
    async with open_setup_stage() as stage:
        status, page = await stage.post(f"{T}/keys", form)
        _, later = await stage.page(f"{T}/keys")
    given = stage.asked.last[1]
    assert status == 200
    assert f'data-copy="{KEY}"' in page
    assert KEY not in later
    assert (given["role"], given["expires_at"]) == (
        Role.APPROVER,
        samples.NOW + timedelta(days=30),
    )


@pytest.mark.parametrize(
    ("form", "wrong"),
    [
        ({"role": "viewer"}, "name"),
        ({"name": "X", "role": "operator"}, "role"),
        ({"name": "X", "role": "viewer", "lifetime": "99999"}, "lifetime"),
    ],
)
async def test_a_key_that_is_not_usable_is_not_made(form: dict[str, str], wrong: str) -> None:
    async with open_setup_stage() as stage:
        status, page = await stage.post(f"{T}/keys", form)
    assert status == 422
    assert stage.asked.changes == []
    assert wrong_fields(page) == {wrong}


async def test_only_good_keys_can_be_revoked_and_only_when_confirmed() -> None:
    async with open_setup_stage() as stage:
        _, page = await stage.page(f"{T}/keys")
        refused, _ = await stage.post(f"{T}/keys/k-crm/revoke", {})
        assert stage.asked.changes == []
        answer = await stage.post(f"{T}/keys/k-crm/revoke", {"confirm": "true"})
    assert f"{T}/keys/k-crm/revoke" in page
    assert f"{T}/keys/k-gone/revoke" not in page
    assert refused == 422
    assert answer == (303, f"{T}/keys")


@pytest.mark.parametrize(
    "path", [f"{T}/connections/none", f"{T}/numbers/%2B19995550100", f"{T}/agents/none"]
)
async def test_what_is_not_there_is_not_found(path: str) -> None:
    async with open_setup_stage() as stage:
        status, _ = await stage.page(path)
    assert status == 404


async def test_names_that_people_chose_are_written_as_text() -> None:
    async with open_setup_stage() as stage:
        name = "<img src=x>"
        stage.desks.agents.held["front-desk"] = agent(name=name)
        pages: list[Any] = [
            await stage.page(path) for path in (f"{T}/agents", SUPPORT, f"{T}/connect")
        ]
    for _, page in pages:
        assert name not in page
        assert "&lt;img src=x&gt;" in page


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("", ""),
        (" https://texts.acme.example/ ", "https://texts.acme.example"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
    ],
)
def test_the_public_address_of_the_webhook_is_kept_as_an_origin(
    monkeypatch: pytest.MonkeyPatch, given: str, kept: str
) -> None:
    monkeypatch.setenv("HELIOGRAPH_MASTER_KEY", f"k1:{generate_master_key()}")
    monkeypatch.setenv("HELIOGRAPH_PUBLIC_WEBHOOK_URL", given)
    assert load(HealthSettings).public_webhook_url == kept


@pytest.mark.parametrize(
    "given",
    ["http://texts.acme.example", "https://user:pass@x.example", "https://x.example?code=1"],
)
def test_a_public_address_that_no_provider_should_be_given_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("HELIOGRAPH_MASTER_KEY", f"k1:{generate_master_key()}")
    monkeypatch.setenv("HELIOGRAPH_PUBLIC_WEBHOOK_URL", given)
    with pytest.raises(UnusableSetting, match="must be https"):
        load(HealthSettings)


async def test_an_inactive_agent_with_numbers_is_told_before_and_after() -> None:
    path = f"{T}/agents/front-desk"
    async with open_setup_stage() as stage:
        _, before = await stage.page(path)
        held = stage.desks.agents.held
        held["front-desk"] = replace(held["front-desk"], active=False)
        _, after = await stage.page(path)
    assert "are still recorded, and nobody answers" in before
    assert "Nobody answers on" not in before
    assert "Nobody answers on" in after
