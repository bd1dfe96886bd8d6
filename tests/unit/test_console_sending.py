"""The pages around what may be sent: the kill switches, held conversations, a number's rules."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Final

import pytest
import pytest_asyncio

from common.optout.answering import NO_REPLIES
from common.sender_types import NumberType
from common.sending_rules import DEFAULT
from common.store.control import HeldConversation, Stopped, Stops
from health.access.roles import Role
from health.web.problems import Problem, ProblemCode
from heliograph.codes import TEXTS, OutcomeCode
from tests.unit import console_samples as samples
from tests.unit.console_setup_stage import LOCAL, open_setup_stage
from tests.unit.console_stage import CSRF, Stage, open_stage

STOPPED: Final = Stopped(at=samples.ago(minutes=3), by="Jane Smith", reason="Wrong <b>prices</b>")
PAGES: Final = ("", "approvals", "conversations", "conversations/c-anna", "executions", "audit")
NUMBER: Final = "/t/acme/numbers/%2B12065550171"
HELD: Final = HeldConversation(
    conversation_id=samples.TALK,
    tenant_id=samples.TENANT,
    number=samples.NUMBER,
    remote=samples.ANNA,
    held_since=samples.ago(minutes=9),
    reason=OutcomeCode.LOOP_SUSPECTED.value,
    resumed_at=None,
    resumed_by=None,
)


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as opened:
        opened.door.let_in(Role.ADMIN)
        yield opened


async def post(stage: Stage, path: str, **form: str) -> tuple[int, str]:
    data = {"csrf": CSRF, **form}
    async with stage.client.post(path, data=data, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location", "")


@pytest.mark.parametrize(
    "stops", [Stops(tenant=STOPPED), Stops(everywhere=STOPPED)], ids=["tenant", "all"]
)
async def test_every_page_of_a_tenant_says_that_its_sending_is_stopped(
    stage: Stage, stops: Stops
) -> None:
    for page in PAGES:
        assert "Sending is stopped" not in (await stage.page(f"/t/acme/{page}"))[1]
    stage.desks.switches.stops = stops
    for page in PAGES:
        _, body = await stage.page(f"/t/acme/{page}")
        assert "Sending is stopped" in body, page
        assert "Jane Smith" in body
        assert "Wrong &lt;b&gt;prices&lt;/b&gt;" in body
        assert ("for all tenants" in body) is (stops.everywhere is not None)


@pytest.mark.parametrize(
    ("role", "may_stop", "may_resume"),
    [
        (Role.VIEWER, False, False),
        (Role.APPROVER, True, False),
        (Role.ADMIN, True, True),
        (Role.OPERATOR, True, True),
    ],
)
async def test_who_may_stop_and_who_may_resume(
    stage: Stage, role: Role, may_stop: bool, may_resume: bool
) -> None:
    stage.door.let_in(role)
    _, body = await stage.page("/t/acme/")
    assert ('action="/t/acme/sending/stop"' in body) is may_stop
    assert (await post(stage, "/t/acme/sending/stop", confirm="true"))[0] == (
        303 if may_stop else 403
    )
    stage.desks.switches.stops = Stops(tenant=STOPPED)
    _, body = await stage.page("/t/acme/")
    assert ('action="/t/acme/sending/resume"' in body) is may_resume
    assert (await post(stage, "/t/acme/sending/resume", confirm="true"))[0] == (
        303 if may_resume else 403
    )


async def test_a_switch_is_turned_with_its_reason_and_only_when_the_box_is_ticked(
    stage: Stage,
) -> None:
    assert await post(stage, "/t/acme/sending/stop", reason=" Wrong prices ", confirm="true") == (
        303,
        "/t/acme/",
    )
    await post(stage, "/t/acme/sending/resume")
    turned = [(it["stopped"], it["reason"], it["confirmed"]) for it in stage.desks.switches.turned]
    assert turned == [(True, "Wrong prices", True), (False, "", False)]


async def test_the_switch_of_all_tenants_is_an_operators(stage: Stage) -> None:
    assert (await post(stage, "/sending/stop", confirm="true"))[0] == 403
    stage.door.let_in(Role.OPERATOR)
    assert 'action="/sending/stop"' in (await stage.page("/tenants"))[1]
    assert await post(stage, "/sending/stop", confirm="true") == (303, "/tenants")
    stage.desks.switches.stops = Stops(everywhere=STOPPED)
    assert 'action="/sending/resume"' in (await stage.page("/tenants"))[1]


async def test_a_held_conversation_says_why_and_an_approver_lets_it_go_on(stage: Stage) -> None:
    stage.desks.holds.held = {samples.TALK: HELD}
    for role, may in ((Role.VIEWER, False), (Role.APPROVER, True)):
        stage.door.let_in(role)
        for page in (f"conversations/{samples.TALK}", "approvals"):
            _, body = await stage.page(f"/t/acme/{page}")
            assert TEXTS[OutcomeCode.LOOP_SUSPECTED].person in body, page
        _, body = await stage.page(f"/t/acme/conversations/{samples.TALK}")
        assert (f"/conversations/{samples.TALK}/resume" in body) is may
        assert "Looks like a loop" in (await stage.page("/t/acme/"))[1]
    here = f"/t/acme/conversations/{samples.TALK}"
    assert await post(stage, f"{here}/resume") == (303, here)
    assert stage.desks.holds.resumed == [samples.TALK]
    assert (await post(stage, "/t/acme/conversations/other/resume"))[0] == 404


@pytest.mark.parametrize("code", [OutcomeCode.FIRST_CONTACT_HELD, OutcomeCode.CONVERSATION_HELD])
async def test_a_held_text_says_why_it_was_held(stage: Stage, code: OutcomeCode) -> None:
    stage.approvals.held = {"m": samples.approval("m", code=code)}
    for page in ("approvals", "approvals/m"):
        _, body = await stage.page(f"/t/acme/{page}")
        assert TEXTS[code].person in html.unescape(body), page


async def test_of_a_sender_that_receives_nothing_the_page_says_how_else_one_opts_out() -> None:
    async with open_setup_stage() as stage:
        numbers = stage.desks.numbers.held
        numbers[LOCAL] = replace(numbers[LOCAL], type=NumberType.ALPHANUMERIC)
        _, alphanumeric = await stage.page(NUMBER)
        _, toll_free = await stage.page("/t/acme/numbers/%2B18005550100")
    assert NO_REPLIES in alphanumeric
    assert NO_REPLIES not in toll_free


async def test_the_form_of_the_rules_asks_what_means_something_for_the_number() -> None:
    async with open_setup_stage() as stage:
        _, local = await stage.page(NUMBER)
        _, toll_free = await stage.page("/t/acme/numbers/%2B18005550100")
    inputs = [set(re.findall(r'id="rules-(\w+)"', page)) for page in (local, toll_free)]
    assert inputs[0] ^ inputs[1] == {"att_class", "tmobile_tier", "verification"}
    assert "Change the rules" in local


async def test_the_rules_are_changed_as_the_form_says_and_empty_is_the_usual() -> None:
    form = {
        "version": "4",
        "long_text": "split",
        "max_segments": "3",
        "transliterate": "true",
        "shorteners": "refuse",
        "quiet_from": "21:00",
        "quiet_until": "08:00",
        "first_contact": "allow",
        "loop_replies": "",
        "loop_window": "many",
        "answers": "auto",
        "answer_opt_out": "Bye.\r\nNo more.",
        "att_class": "",
        "verification": "verified",
    }
    async with open_setup_stage() as stage:
        assert await stage.post(f"{NUMBER}/rules", form) == (303, NUMBER)
        _, asked = stage.asked.last
    (_, given) = stage.asked.last[0], asked["given"][0]
    assert given["long_text"] == "split"
    assert (given["max_segments"], given["transliterate"]) == (3, True)
    assert (given["loop_replies"], given["loop_window"]) == (None, "many")
    assert (given["answer_opt_out"], given["answer_help"]) == ("Bye.\nNo more.", None)
    assert (given["att_class"], asked["version"]) == (None, 4)
    assert "verification" not in given  # It is a local number.


async def test_refused_rules_are_shown_again_with_what_is_wrong() -> None:
    async with open_setup_stage() as stage:
        stage.refuse(Problem(ProblemCode.INVALID, fields={"max_segments": "a whole number"}))
        form = {"version": "4", "max_segments": "99", "answer_help": "<Call>"}
        status, page = await stage.post(f"{NUMBER}/rules", form)
    assert status == 422
    assert 'id="fold-rules" open' in page
    assert re.search(
        r'<input id="rules-max_segments"[^>]*value="99"[^>]*aria-invalid', page, re.DOTALL
    )
    assert "&lt;Call&gt;</textarea>" in page


async def test_what_differs_from_the_usual_is_said() -> None:
    async with open_setup_stage(role=Role.VIEWER) as stage:
        assert "As usual" in (await stage.page(NUMBER))[1]
        record = stage.desks.numbers.held[LOCAL]
        rules = {"att_class": "C", "loop_replies": None, "transliterate": True}
        changed = type(DEFAULT)(**rules)  # type: ignore[arg-type] # the rules' own names
        stage.desks.numbers.held[LOCAL] = type(record)(
            **{name: getattr(record, name) for name in record.__dataclass_fields__}
            | {"rules": changed}
        )
        _, page = await stage.page(NUMBER)
    assert "As usual" not in page
    for term, value in (("Class at AT&amp;T", "C"), ("Most texts to one person", "no limit")):
        assert f"<dt>{term}</dt><dd>{value}</dd>" in page
    assert record.type is NumberType.LOCAL
