"""The API over HTTP: one request, one reply, every failure a named error."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

import httpx

from heliograph.cli.credentials import Access
from heliograph.cli.errors import CommandFailed, Refused, Unreachable, from_problem

PAGE: Final = 200
"""The most items that the API gives at once."""
_TIMEOUT: Final = httpx.Timeout(60.0, connect=10.0)
"""Seconds. Connecting a number waits for the provider's answer, hence the long one."""
_SILENCE: Final = httpx.Timeout(60.0, connect=10.0)
"""Seconds without a word after which a stream counts as lost."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's body, and its ETag where it has one."""

    body: dict[str, Any]
    etag: str | None = None


class Client:
    """Talks to one API with one key."""

    def __init__(self, access: Access, transport: httpx.BaseTransport | None = None):
        self._url = access.url
        self._http = httpx.Client(
            base_url=access.url,
            headers={
                "Authorization": f"Bearer {access.key}",
                "Accept": "application/json",
                "User-Agent": f"heliograph-cli/{_version()}",
            },
            timeout=_TIMEOUT,
            transport=transport,
            # A redirect could carry the key to another server.
            follow_redirects=False,
        )

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, **query: Any) -> Reply:
        """Read. Parameters that are None are left out."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._exchange("GET", path, query=given)

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        etag: str | None = None,
    ) -> Reply:
        """Change something."""
        return self._exchange(method, path, body={} if body is None else body, etag=etag)

    def change(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        of: str | None = None,
    ) -> Reply:
        """Change the version of a thing that is there now: `of` is its path, where `path` is not.

        Raises: Stale, where somebody else was faster.
        """
        etag = self.get(of or path).etag
        return self.send(method, path, body, etag=etag)

    def collect(
        self,
        path: str,
        *,
        limit: int,
        everything: bool = False,
        page_size: int = PAGE,
        **query: Any,
    ) -> dict[str, Any]:
        """A list of at most `limit` items, or all of it, in the form of the API's pages."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            wanted = page_size if everything else min(page_size, limit - len(items))
            page = self.get(path, limit=wanted, cursor=cursor, **query).body
            items += page.get("items", [])
            cursor = page.get("next")
            if cursor is None or (not everything and len(items) >= limit):
                return {"items": items, "next": cursor}

    @contextmanager
    def lines(self, path: str) -> Iterator[Iterator[str]]:
        """The lines of a stream of server-sent events, until it ends.

        Raises: Unreachable, also where a minute passes without a line.
        """
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        try:
            with self._http.stream("GET", path, headers=headers, timeout=_SILENCE) as response:
                if response.status_code != 200:
                    response.read()
                    raise self._failure(response)
                yield response.iter_lines()
        except httpx.HTTPError as error:
            raise self._unreachable(error) from None

    def _exchange(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        etag: str | None = None,
    ) -> Reply:
        headers = {"If-Match": etag} if etag else {}
        try:
            response = self._http.request(method, path, params=query, json=body, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._unreachable(error) from None
        if not response.is_success:
            raise self._failure(response)
        return Reply(self._body(response), response.headers.get("ETag"))

    def _body(self, response: httpx.Response) -> dict[str, Any]:
        if response.status_code == 204 or not response.content:
            return {}
        body = _document(response)
        if body is None:
            raise Refused(f"{self._url} does not answer as Heliograph does.", "Check the address.")
        return body

    def _failure(self, response: httpx.Response) -> CommandFailed:
        if response.is_redirect:
            there = response.headers.get("Location", "")
            return Refused(f"{self._url} sends us on to {there}.", "Sign in at that address.")
        problem = _document(response)
        if problem is None and response.status_code < 500 and response.status_code != 401:
            return Refused(
                f"{self._url} answered {response.status_code}, not as Heliograph does.",
                "Check the address.",
                status=response.status_code,
            )
        return from_problem(
            response.status_code, problem or {}, response.headers.get("Retry-After")
        )

    def _unreachable(self, error: Exception) -> Unreachable:
        reason = str(error) or type(error).__name__
        return Unreachable(
            f"{self._url} cannot be reached: {reason}.", "Check the address and the network."
        )


def _document(response: httpx.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _version() -> str:
    try:
        return version("heliograph")
    except PackageNotFoundError:
        return "unknown"
