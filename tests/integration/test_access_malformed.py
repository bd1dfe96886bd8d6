"""What cannot be read is the sender's fault and said so, never ours; and nothing of it, nor of who
sent it, gets into the log."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from typing import Any, Final

import aiohttp
import orjson
import pytest
from access_sessions import Session, operators_session
from console_world import NUMBER, TENANT, ConsoleWorld

from health.access.roles import Role
from health.api.table import ROUTES as API_ROUTES
from health.console.table import ROUTES as CONSOLE_ROUTES

PATIENCE: Final = 60.0
CANARY: Final = "canary4711"
FORM: Final = "application/x-www-form-urlencoded"
LIMIT: Final = 256 * 1024
PROBLEM: Final = "application/problem+json"

UNREADABLE_FORMS: Final[dict[str, tuple[int, dict[str, str], bytes]]] = {
    "unknown charset": (415, {"Content-Type": f"{FORM}; charset=nope"}, b"key=x"),
    "utf-16": (415, {"Content-Type": f"{FORM}; charset=utf-16"}, b"key=x"),
    "raw octets": (400, {"Content-Type": FORM}, b"key=\xff\xfe"),
    "escaped octets": (400, {"Content-Type": FORM}, b"key=%ff%fe"),
    "a surrogate": (400, {"Content-Type": FORM}, b"key=%ED%A0%80"),
    "many fields": (400, {"Content-Type": FORM}, b"&".join([b"a=b"] * 2_000)),
    "no boundary": (415, {"Content-Type": "multipart/form-data"}, b"--x\r\n\r\nx\r\n--x--"),
    "wrong boundary": (415, {"Content-Type": "multipart/form-data; boundary=y"}, b"--x--"),
    "a file": (
        415,
        {"Content-Type": "multipart/form-data; boundary=x"},
        b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nx\r\n--x--\r\n',
    ),
    "gzip that is none": (415, {"Content-Type": FORM, "Content-Encoding": "gzip"}, b"key=x"),
    "gzip": (415, {"Content-Type": FORM, "Content-Encoding": "gzip"}, gzip.compress(b"key=x")),
    "too large": (413, {"Content-Type": FORM}, b"key=" + b"x" * LIMIT),
}
UNREADABLE_JSON: Final[dict[str, tuple[int, dict[str, str], bytes]]] = {
    "gzip that is none": (415, {"Content-Encoding": "gzip"}, b"{}"),
    "deflate that is none": (415, {"Content-Encoding": "deflate"}, b"{}"),
    "br that is none": (415, {"Content-Encoding": "br"}, b"{}"),
    "deflate": (415, {"Content-Encoding": "deflate"}, zlib.compress(b"{}")),
    "a form": (415, {"Content-Type": FORM}, b"name=x"),
    "multipart": (415, {"Content-Type": "multipart/form-data; boundary=x"}, b"--x--"),
    "raw octets": (400, {}, b'{"name": "\xff"}'),
    "a surrogate": (400, {}, b'{"name": "\\ud800"}'),
    "half": (400, {}, b'{"name": '),
    "nested": (400, {}, b"[" * 100_000),
    "too large": (413, {}, b'{"name": "' + b"x" * LIMIT + b'"}'),
}


async def send(
    world: ConsoleWorld, method: str, path: str, headers: dict[str, str], body: bytes | None = None
) -> tuple[int, dict[str, str], bytes]:
    async with (
        asyncio.timeout(PATIENCE),
        aiohttp.ClientSession(skip_auto_headers=["Content-Type"]) as http,
        http.request(
            method, f"{world.url}{path}", headers=headers, data=body, allow_redirects=False
        ) as answer,
    ):
        return answer.status, dict(answer.headers), await answer.read()


async def send_raw(world: ConsoleWorld, octets: bytes) -> bytes:
    """What comes back for octets that no client would send."""
    host, _, port = world.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    async with asyncio.timeout(PATIENCE):
        writer.write(octets)
        await writer.drain()
        answer = await reader.read(65_536)
    writer.close()
    return answer


def log_of(world: ConsoleWorld) -> str:
    return world.house.services["health"].log.read_text()


def with_token(session: Session) -> dict[str, str]:
    return session.headers | {"X-CSRF-Token": session.csrf}


@pytest.mark.parametrize("name", UNREADABLE_FORMS)
@pytest.mark.parametrize("path", ["/sign-in", f"/t/{TENANT}/connect", "/tenants"])
async def test_a_form_that_cannot_be_read_is_refused_signed_in_or_not(
    console: ConsoleWorld, path: str, name: str
) -> None:
    status, headers, body = UNREADABLE_FORMS[name]
    session = await operators_session(console)
    answered, _, page = await send(console, "POST", path, with_token(session) | headers, body)
    assert (answered, b"<html" in page) == (status, True)
    if path != "/sign-in":
        # Its own token is in the form, which cannot be read.
        answered, _, _ = await send(console, "POST", path, session.headers | headers, body)
        assert answered in {status, 403}
    assert "request_broke" not in log_of(console)


@pytest.mark.parametrize("name", UNREADABLE_JSON)
async def test_a_body_that_is_no_json_is_refused_as_a_problem(
    console: ConsoleWorld, name: str
) -> None:
    status, headers, body = UNREADABLE_JSON[name]
    sent = console.headers(Role.OPERATOR, **{"Content-Type": "application/json"} | headers)
    for path in ("/api/v1/tenants", f"/api/v1/tenants/{TENANT}/agents"):
        answered, got, problem = await send(console, "POST", path, sent, body)
        assert (answered, got["Content-Type"]) == (status, PROBLEM), problem
        assert orjson.loads(problem)["status"] == status
    assert "request_broke" not in log_of(console)


ODD_HEADERS: Final[list[bytes]] = [
    b"Cookie: heliograph_sign_in=\xff\xfe",
    b"Cookie: heliograph_session=\xff\xfe",
    b"Cookie: heliograph_flash=\xff; heliograph_sign_in=" + b"<" * 32,
    b"Authorization: Bearer \xff\xfe",
    b"Authorization: \xff",
    b"X-CSRF-Token: \xff",
    b"If-Match: \xff",
    b"Content-Type: \xff/\xff; charset=\xff",
    b"X-Forwarded-For: \xff",
    b"HX-Request: \xff",
    b"Content-Encoding: \xff",
    b"Accept: \xff",
]


@pytest.mark.parametrize("header", ODD_HEADERS)
@pytest.mark.parametrize(
    "line",
    [
        b"GET /sign-in",
        b"POST /sign-in",
        b"GET /sign-in?ticket=%ff%fe&next=%ff",
        b"GET /t/%ff%fe/",
        b"GET /t/acme/messages/%ff",
        b"GET /api/v1/tenants/acme/numbers?limit=%ff",
        b"GET /api/v1/tenants/%00/numbers",
        b"PATCH /api/v1/tenants/acme/numbers/%2B18005550100",
    ],
)
async def test_no_octets_in_a_header_or_an_address_break_it(
    console: ConsoleWorld, line: bytes, header: bytes
) -> None:
    bearer = f"Authorization: Bearer {console.keys[Role.OPERATOR]}".encode()
    own = [] if header.startswith((b"Authorization", b"Cookie: heliograph_session")) else [bearer]
    body = b"csrf=x&key=y" if line.startswith(b"POST") else b"{}"
    lines = [line + b" HTTP/1.1", b"Host: x", b"Connection: close", *own, header]
    lines += [b"Content-Length: %d" % len(body), b"", body]
    answer = await send_raw(console, b"\r\n".join(lines))
    assert 200 <= int(answer.split(b" ")[1]) < 500, answer[:300]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /sign-in?ticket=" + CANARY.encode() * 2_000 + b" HTTP/1.1",
        b"GET /sign-in?ticket=" + CANARY.encode() + b" NONSENSE",
        b"GET / HTTP/1.1\r\nCookie: heliograph_session=" + CANARY.encode() * 2_000,
        b"GET / HTTP/1.1\r\nX-CSRF-Token: " + CANARY.encode() * 2_000,
        b"GET / HTTP/1.1\r\nCookie heliograph_session=" + CANARY.encode(),
        b"GET / HTTP/1.1\r\nContent-Length: " + CANARY.encode(),
        CANARY.encode() + b" / HTTP/1.1",
        b"\x16\x03\x01" + CANARY.encode(),
        b"POST /sign-in HTTP/1.1\r\nExpect: " + CANARY.encode() + b"\r\nContent-Length: 0",
        b"POST /sign-in HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + CANARY.encode(),
    ],
    ids=[
        "line",
        "version",
        "cookie",
        "field",
        "colon",
        "length",
        "method",
        "tls",
        "expect",
        "chunk",
    ],
)
async def test_what_is_no_request_is_refused_and_quoted_nowhere(
    console: ConsoleWorld, head: bytes
) -> None:
    answer = await send_raw(console, head + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    management = console.house.services["health"].management_port
    reader, writer = await asyncio.open_connection("127.0.0.1", management)
    writer.write(head + b"\r\nHost: x\r\n\r\n")
    async with asyncio.timeout(PATIENCE):
        other = await reader.read(65_536)
    writer.close()
    for answered in (answer, other):
        assert 400 <= int(answered.split(b" ")[1]) < 500, answered[:300]
        assert CANARY.encode() not in answered.lower()
        assert b"python" not in answered.lower()
    log = log_of(console)
    assert CANARY not in log.lower()
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({}, 428),
        ({"If-Match": "3"}, 412),
        ({"If-Match": 'W/"{version}"'}, 412),
        ({"If-Match": '"0", W/"{version}"'}, 412),
        ({"If-Match": '"0", "999999"'}, 412),
        ({"If-Match": ", ".join(['"0"'] * 11)}, 400),
        ({"If-Match": '"{version}"'}, 200),
        ({"If-Match": '"0", "{version}"'}, 200),
        ({"If-Match": '"999999","{version}" , "0"'}, 200),
        ({"If-Match": "*"}, 200),
    ],
)
async def test_one_of_the_versions_that_are_given_has_to_be_there(
    console: ConsoleWorld, given: dict[str, str], status: int
) -> None:
    _, number, _ = await console.ask("GET", f"/numbers/{NUMBER}")
    headers = {
        name: value.replace("{version}", str(number["version"])) for name, value in given.items()
    }
    body = {"name": f"Line {number['version']}"}
    answered, _, _ = await console.ask("PATCH", f"/numbers/{NUMBER}", body=body, headers=headers)
    assert answered == status
    _, after, _ = await console.ask("GET", f"/numbers/{NUMBER}")
    assert after["version"] == number["version"] + (status == 200)


@pytest.mark.parametrize(
    "body",
    [
        {"on": "yes", "confirm": "on"},
        {"on": 1, "confirm": 1},
        {"on": "true", "confirm": "true"},
        {"on": True, "confirm": "true"},
        {"on": True, "confirm": 1},
        {"on": [True], "confirm": True},
    ],
)
async def test_the_gate_is_opened_by_true_and_by_nothing_like_it(
    console: ConsoleWorld, body: dict[str, Any]
) -> None:
    status, problem, _ = await console.ask("PUT", f"/numbers/{NUMBER}/gate", body=body)
    assert (status, problem["code"]) == (422, "invalid")
    _, number, _ = await console.ask("GET", f"/numbers/{NUMBER}")
    assert number["gate_on"] is False


READABLE: Final = sorted(
    route.path
    for route in (*API_ROUTES, *CONSOLE_ROUTES)
    if route.method == "GET" and "{" not in route.path.replace("{tenant_id}", "")
)


@pytest.mark.parametrize("path", READABLE)
async def test_head_is_answered_as_get_without_a_body_and_no_answer_tells_of_our_parts(
    console: ConsoleWorld, path: str
) -> None:
    path = path.format(tenant_id=TENANT)
    sent = console.headers(Role.OPERATOR)
    status, headers, body = await send(console, "HEAD", path, sent)
    assert body == b""
    assert (headers["Server"], headers["X-Content-Type-Options"]) == ("Heliograph", "nosniff")
    if path.endswith("/events"):
        assert (status, headers["Content-Type"]) == (200, "text/event-stream")
        return
    expected, like, _ = await send(console, "GET", path, sent)
    assert (status, headers.get("Content-Type")) == (expected, like.get("Content-Type"))


async def test_streams_problems_and_pages_are_not_to_be_guessed_at(console: ConsoleWorld) -> None:
    sent = console.headers(Role.OPERATOR)
    for path in (
        "/api/v1/nothing",
        f"/api/v1/tenants/{TENANT}/agents/none",
        "/nothing",
        "/sign-in",
    ):
        _, headers, _ = await send(console, "GET", path, sent)
        assert (headers["Server"], headers["X-Content-Type-Options"]) == ("Heliograph", "nosniff")
    async with (
        aiohttp.ClientSession(headers=sent) as http,
        http.get(f"{console.api}/events") as answer,
    ):
        assert answer.headers["Server"] == "Heliograph"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_who_has_a_key_that_is_of_no_use_is_told_what_to_do(console: ConsoleWorld) -> None:
    sent = {"Authorization": "Bearer hg_0123456789abcdef_" + "A" * 43}
    status, _, body = await send(console, "GET", "/api/v1/me", sent)
    problem = orjson.loads(body)
    assert (status, problem["code"]) == (401, "unauthenticated")
    assert "revoked or has expired" in problem["remedy"]
