"""Somebody at the API and at the console, who remembers every answer by the route that gave it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, Self

import aiohttp
import orjson

from health.access.door import Door
from health.api.table import ROUTES as API
from health.console.table import ROUTES as CONSOLE
from health.web.routes import Route

ROUTES: Final = (*API, *CONSOLE)
_PATTERNS: Final = [
    (re.compile(re.sub(r"\{\w+(:[^{}]*)?\}", "[^/]+", route.path)), route) for route in ROUTES
]
_CSRF: Final = re.compile(r'name="csrf" value="([^"]+)"')

Heard = defaultdict[str, str]
"""All answers, one after the other, by who was answered and by which route."""


def route_of(method: str, path: str) -> Route | None:
    """The route that serves a path."""
    bare = path.partition("?")[0]
    fitting = (it for pattern, it in _PATTERNS if it.method == method and pattern.fullmatch(bare))
    return next(fitting, None)


class Person:
    """Args: key: an API key; "" for nobody."""

    def __init__(self, name: str, url: str, key: str, heard: Heard):
        self.name = name
        self._url = url
        self._key = key
        self._heard = heard
        self._api = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        self._browser = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.csrf = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._api.close()
        await self._browser.close()

    @property
    def cookie(self) -> str:
        """The session's."""
        return next((it.value for it in self._browser.cookie_jar if it.key == Door.COOKIE), "")

    @property
    def bearer(self) -> dict[str, str]:
        """With which the API is asked."""
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    async def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        """Ask the API, by default whatever the version; gives status and body."""
        sent = {"If-Match": "*", "Content-Type": "application/json"} | self.bearer | headers
        raw = body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else None
        async with self._api.request(
            method, f"{self._url}{path}", data=raw, headers=sent
        ) as answer:
            text = await self._hear(method, path, answer)
            told: dict[str, Any] = orjson.loads(text) if text.startswith("{") else {}
            return answer.status, told

    async def page(self, path: str) -> tuple[int, str]:
        """Open a page."""
        async with self._browser.get(f"{self._url}{path}", allow_redirects=False) as answer:
            return answer.status, await self._hear("GET", path, answer)

    async def post(self, path: str, **fields: str) -> tuple[int, str]:
        """Post a form; `__` in a field's name stands for a dot."""
        form = {name.replace("__", "."): value for name, value in fields.items()}
        async with self._browser.post(
            f"{self._url}{path}", data={"csrf": self.csrf} | form, allow_redirects=False
        ) as answer:
            return answer.status, await self._hear("POST", path, answer)

    async def sign_in(self, key: str | None = None, *, ticket: str = "") -> int:
        """By the form; the status of the answer."""
        _, shown = await self.page("/sign-in" + (f"?ticket={ticket}" if ticket else ""))
        found = _CSRF.search(shown)
        assert found is not None
        self.csrf = found[1]
        field = {"ticket": ticket} if ticket else {"key": self._key if key is None else key}
        status, _ = await self.post("/sign-in", **field)
        if status == 303:
            _, shown = await self.page("/t/acme/")
            found = _CSRF.search(shown)
            self.csrf = found[1] if found else self.csrf
        return status

    async def _hear(self, method: str, path: str, answer: aiohttp.ClientResponse) -> str:
        text = await answer.text()
        route = route_of(method, path)
        sink = f"{self.name} {method} {route.name if route else 'nothing'}"
        self._heard[sink] += f"{answer.status} {_headers(answer)}\n{text}\n"
        return text


def _headers(answer: aiohttp.ClientResponse) -> Sequence[tuple[str, str]]:
    headers: Mapping[str, str] = answer.headers
    return list(headers.items())


def shown_once(person: Person, page: str, form: str) -> str:
    """The word of this form on a page that shows a new secret."""
    words = re.split(r"[<>\"\s]+", page.replace(person.csrf, ""))
    (found,) = {word for word in words if re.fullmatch(form, word)}
    return found
