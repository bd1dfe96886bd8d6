"""The HTTP connection below the routes: aiohttp's, with our own words for what it refuses itself.

aiohttp answers in plain text what never reaches a handler, quotes the caller's bytes in it, and
names its version in every answer. Here every answer passes one place.
"""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from webhook.problems import LONG_HEADER, NOT_HTTP, OF_STATUS, UNEXPECTED, Problem, answer

_NAME: Final = "Heliograph"


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; one of aiohttp's own (no such path, …) is said as a problem of ours."""
        if isinstance(resp, web.HTTPException):
            allow = resp.headers.get("Allow")
            resp = answer(OF_STATUS.get(resp.status, UNEXPECTED))
            if allow is not None:
                resp.headers["Allow"] = allow
        resp.headers["Server"] = _NAME
        return await super().finish_response(request, resp, start_time)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What aiohttp found wrong before or beside our own code; ends the connection."""
        del message  # It quotes what the caller sent.
        self.log_exception("A request was not handled", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        response = answer(_problem(status, exc))
        response.force_close()
        return response


class Runner(web.AppRunner):
    """Runs an application on `Connection`s."""

    __slots__ = ()

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Connections(
            made.request_handler, request_factory=made.request_factory, **self._kwargs
        )


class _Connections(web.Server):
    def __call__(self) -> web.RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


def _problem(status: int, exc: BaseException | None) -> Problem:
    if isinstance(exc, LineTooLong):
        return LONG_HEADER
    return NOT_HTTP if status == 400 else UNEXPECTED


def quiet_logger() -> logging.Logger:
    """aiohttp's log without the text of exceptions: of a request that it cannot parse it quotes the
    first line, which holds the secret in its query."""

    def drop_text(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0]:
            record.msg = f"{record.msg} ({record.exc_info[0].__name__})"
            record.exc_info = None
        return True

    logger = logging.Logger("aiohttp.server")
    logger.parent = logging.getLogger()
    logger.addFilter(drop_text)
    return logger
