"""Reading what a form posts."""

from __future__ import annotations

from aiohttp import web

from health.web.bodies import read_form


async def field(request: web.Request, name: str) -> str:
    """A field of a posted form, "" where it is missing. Browsers post line breaks as CR LF
    (HTML, "constructing the entry list"); here they are LF, as in the text that was shown."""
    value = (await read_form(request)).get(name, "")
    return value.replace("\r\n", "\n").replace("\r", "\n")
