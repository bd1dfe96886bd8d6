"""The console's static files: read once, named by their content, cached for long."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from health.console.page_routes import page
from health.web.problems import Problem, ProblemCode
from health.web.routes import Call, Route

FOLDER: Final = Path(__file__).parent / "static"
PREFIX: Final = "/static/"

_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_A_YEAR: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "public, no-cache"


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file. `digest` changes whenever its content does."""

    body: bytes
    content_type: str
    digest: str


class Assets:
    """The static files of a folder, in memory. What is installed into it later is not seen."""

    def __init__(self, folder: Path = FOLDER):
        self._files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in _TYPES
        }

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def get(self, name: str) -> Asset | None:
        """A file by its path within the folder."""
        return self._files.get(name)

    def url(self, name: str) -> str:
        """Where a page finds a file: another address for another content, so that it may be cached
        for ever."""
        return f"{PREFIX}{name}?v={self._files[name].digest}"


ASSETS: Final = web.AppKey("console_assets", Assets)


async def static_file(call: Call) -> web.Response:
    """A static file of the console."""
    asset = call.request.app[ASSETS].get(call.at("path"))
    if asset is None:
        raise Problem(ProblemCode.NOT_FOUND, "There is no such file.")
    named = call.request.query.get("v") == asset.digest
    headers = {
        "Cache-Control": _A_YEAR if named else _ASK_AGAIN,
        "ETag": f'"{asset.digest}"',
        "X-Content-Type-Options": "nosniff",
        # An SVG that is opened by itself is a document.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    }
    known = call.request.if_none_match or ()
    if any(tag.value == asset.digest for tag in known):
        return web.Response(status=304, headers=headers)
    return web.Response(
        body=asset.body, content_type=asset.content_type, charset="utf-8", headers=headers
    )


def _read(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(
        body=body,
        content_type=_TYPES[path.suffix],
        digest=hashlib.sha256(body).hexdigest()[:16],
    )


ROUTES: Final[tuple[Route, ...]] = (
    page("static_file", f"{PREFIX}{{path:.+}}", static_file, needs=None),
)
