"""What every page of the console promises: nothing inline, nothing unescaped, nothing forgeable, no
button for whom it would refuse. Rendered over samples, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from html.parser import HTMLParser

import pytest
import pytest_asyncio

from common.store.control import Happening, Page
from health.access.roles import Role
from health.console import flashes
from health.console.rendering import POLICY, see_other
from health.console.shown import safe_path
from health.web.problems import Problem, ProblemCode
from tests.unit import console_samples as samples
from tests.unit.console_stage import CSRF, Stage, open_stage

PAGES = (
    "/tenants",
    "/dead-letters",
    "/dead-letters/dead.sender.commands",
    "/dead-letters/dead.sender.commands/messages/r1",
    "/t/acme/",
    "/t/acme/approvals",
    "/t/acme/approvals/m-held",
    "/t/acme/conversations",
    "/t/acme/conversations/c-anna",
    "/t/acme/opt-outs",
    "/t/acme/opt-outs/%2B18005550100/%2B442079460018",
    "/t/acme/opt-outs/%2B18005550100/%2B12065550171",
    "/t/acme/executions",
    "/t/acme/messages/m-held",
    "/t/acme/audit",
    "/sign-in",
    "/sign-in?ticket=one-time",
    "/t/acme/approvals/no-such-text",
)
FRAGMENTS = (
    "/t/acme/approvals/count",
    "/t/acme/opt-outs/count",
    "/t/acme/approvals/notice?seen=other",
)
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>"


class PageReader(HTMLParser):
    """Collects what a page consists of."""

    def __init__(self, body: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.forms: list[tuple[dict[str, str | None], list[str]]] = []
        self.texts: list[str] = []
        self.ids: list[str] = []
        self._open: list[str] = []
        self.feed(body)
        self.close()
        assert self._open == [], self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if given.get("id"):
            self.ids.append(given["id"] or "")
        if tag == "form":
            self.forms.append((given, []))
        if tag == "input" and self.forms:
            self.forms[-1][1].append(given.get("name") or "")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    async with open_stage() as opened:
        opened.door.let_in(Role.OPERATOR)
        yield opened


async def test_no_page_holds_anything_inline(stage: Stage) -> None:
    for path in (*PAGES, *FRAGMENTS):
        _, body = await stage.page(path)
        for tag, attributes in PageReader(body).tags:
            assert tag != "style", path
            assert tag != "script" or attributes.get("src"), path
            for name, value in attributes.items():
                assert name != "style", path
                assert not name.startswith(("on", "hx-on", "hx-vals", "hx-vars")), path
                foreign = ("javascript:", "http:", "https:", "//")
                assert not (value or "").lower().startswith(foreign), path


async def test_every_page_is_well_formed_and_has_each_id_once(stage: Stage) -> None:
    for path in PAGES:
        _, body = await stage.page(path)
        ids = PageReader(body).ids
        assert sorted(ids) == sorted(set(ids)), path


async def test_every_form_that_posts_carries_the_csrf_token(stage: Stage) -> None:
    for path in PAGES:
        _, body = await stage.page(path)
        for form, fields in PageReader(body).forms:
            assert form["method"] == "get" or fields[0] == "csrf", path
        assert "/sign-in" in path or f'name="csrf" value="{CSRF}"' in body, path


async def test_every_page_carries_the_strict_policy(stage: Stage) -> None:
    assert POLICY == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    )
    for path in (*PAGES, *FRAGMENTS, "/"):
        async with stage.client.get(path, allow_redirects=False) as answer:
            headers = answer.headers
        assert headers["Content-Security-Policy"] == POLICY, path
        assert headers["X-Content-Type-Options"] == "nosniff", path
        assert headers["Referrer-Policy"] == "same-origin", path
        assert headers["Cache-Control"] == "no-store", path


async def test_a_text_with_markup_stays_a_text(stage: Stage) -> None:
    text = samples.text("m1", EVIL, at=samples.NOW, inbound=False)
    read = stage.desks.reading._answers
    read["thread"], read["text"] = Page((text,)), text
    talk = samples.conversations()[0]
    held = samples.approval("m1", body=EVIL)
    stage.approvals.held = {"m1": held}
    read["conversations"] = Page((type(talk)(**_fields(talk) | {"newest": text}),))
    sections = ("", "conversations", "conversations/c-anna", "messages/m1", "approvals", "opt-outs")
    for section in sections:
        _, body = await stage.page(f"/t/acme/{section}")
        page = PageReader(body)
        assert "<script>alert(1)</script>" in page.text, section
        assert all(given.get("src") != "x" for _, given in page.tags), section


async def test_a_viewer_sees_no_button_that_would_be_refused(stage: Stage) -> None:
    stage.door.let_in(Role.VIEWER)
    paths = ("/t/acme/", "/t/acme/approvals", "/t/acme/approvals/m-held")
    talk = "/t/acme/opt-outs/%2B18005550100/%2B442079460018"
    for path in (*paths, "/t/acme/opt-outs", talk):
        _, body = await stage.page(path)
        forms = [form for form, _ in PageReader(body).forms]
        assert [form["action"] for form in forms if form["method"] == "post"] == ["/sign-out"], path
        assert "/connect" not in body.replace("/connections", "")
    _, body = await stage.page("/t/acme/")
    assert "/audit" not in body
    assert "/keys" not in body
    assert "/tenants" not in body


async def test_who_is_not_signed_in_gets_to_the_sign_in_and_back(stage: Stage) -> None:
    stage.door.principal = None
    path = "/t/acme/approvals?number=%2B18005550100"
    async with stage.client.get(path, allow_redirects=False) as answer:
        assert answer.status == 303
        wanted = answer.headers["Location"]
    assert wanted == "/sign-in?next=/t/acme/approvals%3Fnumber%3D%252B18005550100"
    _, body = await stage.page(wanted)
    form = _sign_in_form(body) | {"key": "hg_key"}
    async with stage.client.post("/sign-in", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, path)


async def test_a_part_of_a_page_sends_the_whole_page_to_the_sign_in(stage: Stage) -> None:
    stage.door.principal = None
    async with stage.client.get(
        "/t/acme/approvals/count", headers={"HX-Request": "true"}, allow_redirects=False
    ) as answer:
        assert (answer.status, answer.headers["HX-Redirect"]) == (401, "/sign-in")


@pytest.mark.parametrize(
    "path",
    ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "evil", ""],
)
def test_a_sign_in_leads_to_no_other_host(path: str) -> None:
    assert safe_path(path) is None


async def test_a_one_time_link_is_not_used_up_by_looking_at_it(stage: Stage) -> None:
    stage.door.principal = None
    _, body = await stage.page("/sign-in?ticket=one-time")
    assert stage.door.tried == []
    form = _sign_in_form(body)
    async with stage.client.post("/sign-in", data=form, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/t/acme/")
    assert stage.door.tried == ["one-time"]


async def test_a_strangers_page_cannot_sign_a_visitor_in(stage: Stage) -> None:
    await stage.page("/sign-in")
    async with stage.client.post("/sign-in", data={"key": "hg_key", "csrf": "guessed"}) as answer:
        assert answer.status == 403
    assert stage.door.tried == []


@pytest.mark.parametrize(
    ("refusal", "status", "words"),
    [
        (Problem(ProblemCode.UNAUTHENTICATED, "The key is wrong."), 401, "The key is wrong."),
        (Problem(ProblemCode.THROTTLED, retry_after=41.2), 429, "Wait 42 seconds"),
    ],
)
async def test_a_refused_sign_in_says_why_and_forgets_the_key(
    stage: Stage, refusal: Problem, status: int, words: str
) -> None:
    stage.door.principal = None
    stage.door.refusal = refusal
    _, body = await stage.page("/sign-in")
    form = _sign_in_form(body) | {"key": "hg_secret"}
    async with stage.client.post("/sign-in", data=form) as answer:
        body = await answer.text()
    assert answer.status == status
    assert words in body
    assert "hg_secret" not in body


async def test_a_decision_leads_back_to_the_inbox_which_says_so_once(stage: Stage) -> None:
    form = {"csrf": CSRF, "body": "Other words,\r\nin two lines."}
    url = "/t/acme/approvals/m-held/approve"
    async with stage.client.post(url, data=form, allow_redirects=False) as answer:
        assert answer.status == 303
        location = answer.headers["Location"]
    assert location == "/t/acme/approvals#inbox"
    assert stage.approvals.decided == [("m-held", "Other words,\nin two lines.")]
    words = flashes.FLASHES["approved_edited"].text
    assert words in (await stage.page("/t/acme/approvals"))[1]
    assert words not in (await stage.page("/t/acme/approvals"))[1]


async def test_who_decides_second_is_told_kindly(stage: Stage) -> None:
    form = {"csrf": CSRF, "reason": "No."}
    await stage.client.post("/t/acme/approvals/m-held/reject", data=form)
    stage.approvals.refusal = Problem(ProblemCode.ALREADY_DECIDED)
    url = "/t/acme/approvals/m-held/approve"
    async with stage.client.post(url, data={"csrf": CSRF, "body": "x"}) as answer:
        body = await answer.text()
    assert answer.status == 200
    assert flashes.FLASHES["already_rejected"].text in body


async def test_refused_words_are_shown_again(stage: Stage) -> None:
    stage.approvals.refusal = Problem(ProblemCode.INVALID, "The text is too long.")
    form = {"csrf": CSRF, "body": "My <own> words"}
    async with stage.client.post("/t/acme/approvals/m-held/approve", data=form) as answer:
        body = await answer.text()
    assert answer.status == 422
    assert "The text is too long." in body
    assert "My &lt;own&gt; words</textarea>" in body


async def test_the_size_of_a_draft_is_counted_as_it_is_sent(stage: Stage) -> None:
    form = {"csrf": CSRF, "body": "€" * 81}
    async with stage.client.post("/t/acme/approvals/measure", data=form) as answer:
        body = PageReader(await answer.text()).text
    assert "81 of 160 characters · 2 segments · GSM-7" in body


async def test_a_page_is_told_that_something_happened_but_not_what(stage: Stage) -> None:
    async with stage.client.get("/t/acme/events?conversation=c-anna&every=0.2") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        opening = await answer.content.readuntil(b"news\n\n")
        assert opening == b"retry: 2000\n\nevent: text\ndata: news\n\n"
        stage.live.queue.put_nowait(Happening("acme", "c-ben", "m20"))
        stage.live.queue.put_nowait(Happening("acme", "c-anna", "m1"))
        assert await answer.content.readuntil(b"news\n\n") == b"event: text\ndata: news\n\n"
        stage.live.queue.put_nowait(Happening("acme", "c-ben", "m21"))
        while not stage.live.queue.empty():  # noqa: ASYNC110 - a queue tells nobody that it was read
            await asyncio.sleep(0)
        stage.live.closing.set()
        assert await answer.content.read() == b""


async def test_a_page_of_connections_is_told_that_one_changed_and_a_conversation_is_not(
    stage: Stage,
) -> None:
    changed = Happening("acme", connection_id="con-1")
    async with stage.client.get("/t/acme/events?every=0.2") as answer:
        opening = await answer.content.readuntil(b"connection\ndata: news\n\n")
        assert opening.count(b"event: text\n") == 1
        stage.live.queue.put_nowait(changed)
        told = await answer.content.readuntil(b"news\n\n")
        assert told == b"event: connection\ndata: news\n\n"
    async with stage.client.get("/t/acme/events?conversation=c-anna&every=0.2") as answer:
        await answer.content.readuntil(b"news\n\n")
        stage.live.queue.put_nowait(changed)
        stage.live.queue.put_nowait(Happening("acme", "c-anna", "m1"))
        assert await answer.content.readuntil(b"news\n\n") == b"event: text\ndata: news\n\n"


async def test_a_static_file_is_cached_for_ever_under_the_name_of_its_content(
    stage: Stage,
) -> None:
    _, body = await stage.page("/sign-in")
    page = PageReader(body)
    sheet = next(given["href"] for tag, given in page.tags if given.get("rel") == "stylesheet")
    assert sheet is not None
    async with stage.client.get(sheet) as answer:
        assert "immutable" in answer.headers["Cache-Control"]
        tag = answer.headers["ETag"]
    plain, _, _ = sheet.partition("?")
    async with stage.client.get(plain, headers={"If-None-Match": tag}) as answer:
        assert (answer.status, "no-cache" in answer.headers["Cache-Control"]) == (304, True)
    for path in ("/static/../rendering.py", "/static/%2e%2e/rendering.py", "/static/none.css"):
        status, _ = await stage.page(path)
        assert status == 404


async def test_no_message_can_be_put_into_anothers_mouth(stage: Stage) -> None:
    _, body = await stage.page("/t/acme/", headers={"Cookie": f"{flashes.COOKIE}=<b>hello</b>"})
    assert "hello" not in body
    with pytest.raises(KeyError):
        see_other("/", flash="no such message")


def _fields(record: object) -> dict[str, object]:
    return {name: getattr(record, name) for name in record.__dataclass_fields__}  # type: ignore[attr-defined]  # Any of the samples' records.


def _sign_in_form(body: str) -> dict[str, str]:
    hidden = (
        given
        for tag, given in PageReader(body).tags
        if tag == "input" and given.get("type") == "hidden"
    )
    return {given["name"] or "": given["value"] or "" for given in hidden}


@pytest.mark.parametrize("secure", [True, False])
async def test_the_sign_in_forms_cookie_is_as_secure_as_the_sessions(
    stage: Stage, secure: bool
) -> None:
    stage.door.principal = None
    stage.door.secure = secure
    async with stage.client.get("/sign-in") as answer:
        made = answer.cookies["heliograph_sign_in"]
    assert bool(made["secure"]) is secure
