"""Who gets into the console, what each role finds there, and what is written down about it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable

import pytest
from browsing import Visit
from console_house import House, open_house, sign_in
from console_world import FOREIGN, NUMBER, make_key
from playwright.async_api import expect

from health.access.roles import Role
from health.console.table import ROUTES
from health.web.routes import Surface
from local.nodes import MongoNode, RabbitNode

TRIES = 3
ADMIN_PAGES = [
    route.path.replace("{tenant_id}", "acme")
    for route in ROUTES
    if route.method == "GET" and route.surface is Surface.PAGE and route.needs is Role.ADMIN
]
READABLE = ("", "approvals", "conversations", "executions", "connections", "agents")
SIGN_OUT = "/sign-out"


@pytest.fixture(scope="module")
async def house(
    rabbit: RabbitNode, mongo: MongoNode, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[House]:
    base = tmp_path_factory.mktemp("people")
    limits = {"health_wrong_tries_per_key": str(TRIES)}
    async with open_house(rabbit, mongo, base, "health", **limits) as opened:
        yield opened


async def _try(person: Visit, key: str) -> None:
    await person.page.get_by_label("API key").fill(key)
    await person.page.get_by_role("button", name="Sign in").click()


async def test_a_wrong_key_is_refused_and_too_many_of_them_have_to_wait(house: House) -> None:
    right = await make_key(house.world.database, Role.VIEWER, "acme")
    wrong = right[:-4] + ("AAAA" if not right.endswith("AAAA") else "BBBB")
    async with house.stranger() as person:
        page, alert = person.page, person.page.get_by_role("alert")
        await person.goto("/t/acme/approvals")
        await expect(page).to_have_url(re.compile(r"/sign-in\?next="))
        await expect(page.get_by_label("API key")).to_be_focused()

        await _try(person, "not a key")
        await expect(alert).to_contain_text("This is not a key of Heliograph")
        for _ in range(TRIES):
            await _try(person, wrong)
            await expect(alert).to_contain_text("The key is wrong, was revoked or has expired")
        await person.look("sign-in-wrong-key")
        assert wrong not in await page.content()

        await _try(person, right)
        await expect(alert).to_contain_text(re.compile(r"Too many tries.*Wait \d+ seconds"))
        await person.look("sign-in-throttled")
        await expect(page.get_by_role("button", name="Sign out")).to_have_count(0)

        # Others are not locked out, and get to where they wanted to go.
        await _try(person, house.world.keys[Role.VIEWER])
        await expect(page.get_by_role("heading", name="Approvals")).to_be_visible()


async def test_a_one_time_link_signs_in_once_even_if_it_was_looked_at_before(house: House) -> None:
    url = await house.ticket_url()
    async with house.stranger() as scanner:
        await scanner.goto(url)
    async with house.stranger() as person:
        await person.goto(url)
        await person.page.get_by_role("button", name="Continue").click()
        await expect(person.page.get_by_role("button", name="Sign out")).to_be_visible()
        assert "ticket" not in person.page.url
    async with house.stranger() as late:
        await late.goto(url)
        await late.page.get_by_role("button", name="Continue").click()
        await expect(late.page.get_by_role("alert")).to_contain_text("The link was used before")
        await expect(late.page.get_by_label("API key")).to_be_visible()
        await late.look("sign-in-used-link")


async def test_whoever_signs_out_is_out_even_with_the_cookie(house: House) -> None:
    async with house.person() as person:
        cookies = await person.context.cookies()
        await person.page.get_by_role("button", name="Sign out").click()
        await expect(person.page.get_by_text("You are signed out")).to_be_visible()
        assert "heliograph_session" not in {it["name"] for it in await person.context.cookies()}
        await person.goto("/t/acme/")
        await expect(person.page.get_by_label("API key")).to_be_visible()
        kept = ("name", "value", "domain", "path")
        await person.context.add_cookies([{name: it[name] for name in kept} for it in cookies])  # type: ignore[misc, literal-required]
        await person.goto("/t/acme/")
        await expect(person.page.get_by_label("API key")).to_be_visible()


async def test_a_key_is_shown_once_and_a_revoked_one_is_signed_out(house: House) -> None:
    async with house.person() as admin, house.stranger() as holder:
        page = admin.page
        await admin.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.get_by_role("link", name="Keys").click()
        await page.get_by_text("New key").click()
        await page.get_by_label("Name").fill("Jane Smith")
        await page.get_by_label("Role").select_option(label="Approver: also decides on held texts")
        await admin.look("keys-new")
        await page.get_by_role("button", name="Make the key").click()
        key = await page.locator(".once code").inner_text()
        await page.get_by_role("button", name="Copy the key").click()
        await expect(page.get_by_role("button", name="Copied")).to_be_visible()
        assert await page.evaluate("navigator.clipboard.readText()") == key
        await admin.look("key-made")
        await page.get_by_role("link", name="I have copied it").click()
        row = page.get_by_role("row").filter(has_text="Jane Smith")
        await expect(row).to_contain_text("Good")
        assert key.rpartition("_")[2] not in await page.content()

        await sign_in(holder, key)
        await expect(holder.page.locator(".mast-me")).to_contain_text("Jane Smith approver")

        await row.get_by_role("link", name="Revoke… Jane Smith").click()
        await admin.look("key-revoke-dialog")
        await page.get_by_role("dialog").get_by_role("button", name="Revoke the key").click()
        await expect(row).to_contain_text("Revoked")
        await holder.page.get_by_role("link", name="Approvals").click()
        await expect(holder.page.get_by_label("API key")).to_be_visible()
        await _try(holder, key)
        await expect(holder.page.get_by_role("alert")).to_contain_text("was revoked")


@pytest.mark.parametrize("role", [Role.VIEWER, Role.APPROVER])
async def test_who_may_not_change_things_finds_no_button_and_no_page_for_it(
    house: House, role: Role
) -> None:
    connection = house.world.seed.connection_id
    pages = [f"/t/acme/{page}" for page in READABLE]
    pages += [
        f"/t/acme/connections/{connection}",
        f"/t/acme/numbers/{NUMBER}",
        f"/t/acme/agents/{house.world.seed.agent_id}",
    ]
    async with house.person(role) as person:
        page = person.page
        for path in pages:
            await person.goto(path)
            await expect(page.get_by_role("heading", level=1)).to_be_visible()
            posts = await page.locator('form[method="post"]').evaluate_all(
                "forms => forms.map(form => form.getAttribute('action'))"
            )
            # The kill switch is the safe side, and on the overview.
            may_stop = role is Role.APPROVER and path == "/t/acme/"
            assert posts == [SIGN_OUT, *(["/t/acme/sending/stop"] if may_stop else [])], path
            assert _lead_nowhere(await _links(person), ADMIN_PAGES), path
        await person.look(f"agent-as-{role.value}")

        assert len(ADMIN_PAGES) >= 3
        for path in (*ADMIN_PAGES, "/tenants"):
            answer = await person.goto(path)
            assert answer is not None
            assert answer.status == 403, path
            await expect(page.get_by_role("heading", level=1)).to_contain_text(
                re.compile(f"needs the role (admin|operator); yours is {role.value}")
            )
            await expect(page.get_by_role("link", name="Approvals")).to_be_visible()
        await person.look(f"forbidden-{role.value}")
        answer = await person.goto(f"/t/{FOREIGN}/")
        assert answer is not None
        assert answer.status == 404
        assert FOREIGN not in await page.content()
        await person.look("no-such-page")


async def _links(person: Visit) -> list[str]:
    found = await person.page.locator("a[href]").evaluate_all(
        "links => links.map(link => link.getAttribute('href'))"
    )
    return [str(href) for href in found]


def _lead_nowhere(links: Iterable[str], forbidden: Iterable[str]) -> bool:
    return not set(forbidden) & set(links)


async def test_an_operator_makes_a_tenant_and_finds_it_empty(house: House) -> None:
    async with house.person(Role.OPERATOR) as person:
        page = person.page
        await expect(page.get_by_role("heading", name="Tenants", level=1)).to_be_visible()
        await expect(page.get_by_role("row")).to_have_count(3)  # The headings, Acme and Globex.
        await page.get_by_label("Name").fill("Initech")
        await page.get_by_label("ID").fill(FOREIGN)
        await page.get_by_label("Azure Communication Services").check()
        await page.get_by_role("button", name="Make the tenant").click()
        await expect(page.get_by_text("Another tenant has this ID")).to_be_visible()
        await person.look("tenants-taken")
        await expect(page.get_by_label("Name")).to_have_value("Initech")
        await page.get_by_label("ID").fill("initech")
        await page.get_by_role("button", name="Make the tenant").click()
        await expect(page.get_by_text("The tenant exists now")).to_be_visible()
        await person.look("tenants")

        await page.get_by_role("link", name="Initech").click()
        await expect(page.get_by_role("heading", name="Initech")).to_be_visible()
        await expect(page.get_by_text("Nothing is connected yet")).to_be_visible()
        await person.look("overview-empty")
        for place in ("Approvals", "Conversations", "Executions", "Connections", "Agents", "Keys"):
            await page.get_by_role("link", name=place, exact=True).first.click()
            await expect(page.get_by_role("heading", name=place, level=1)).to_be_visible()
        await page.get_by_role("link", name="Tenants").click()
        await expect(page.get_by_role("heading", name="Tenants", level=1)).to_be_visible()


async def test_the_audit_trail_says_who_did_what_and_what_it_changed(house: House) -> None:
    async with house.person() as person:
        page = person.page
        await person.goto(f"/t/acme/numbers/{NUMBER}")
        await page.get_by_role("link", name=re.compile("Turn on")).click()
        await page.get_by_label("I want these texts to go out unread").check()
        await page.get_by_role("button", name="Turn on autonomous sending").click()
        await page.get_by_role("button", name=re.compile("Turn off")).click()
        await expect(page.get_by_text("Autonomous sending is off")).to_be_visible()

        await page.get_by_role("link", name="Audit").click()
        await page.get_by_label("Action").fill("number.gate_on")
        await page.get_by_role("button", name="Search").click()
        await expect(page.locator(".audit li")).to_have_count(1)
        entry = page.locator(".audit li").first
        await expect(entry).to_contain_text("800")
        await expect(entry).to_contain_text("by the admin (admin)")
        await entry.get_by_text("What changed").click()
        await expect(entry.locator(".changes")).to_contain_text("gate on")
        await expect(entry.locator("del")).to_contain_text("no")
        await expect(entry.locator("ins")).to_contain_text("yes")
        await person.look("audit-entry")
        await person.goto("/t/acme/audit")
        await expect(page.locator(".audit li").first).to_contain_text("number.gate_off")
        await person.look("audit")
