"""The HTTP connection below the routes: aiohttp's, with our own words for what it refuses itself.

aiohttp answers in plain text what never reaches a handler, quotes the caller's bytes in it and in
its log (a cookie, a ticket, the secret of a query), and names its version in every answer. Here
every answer passes one place, and nothing of the caller's is quoted.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

NAME: Final = "Heliograph"
"""In the header `Server`."""

Refuse = Callable[[int, BaseException | None], web.Response]
"""Makes the answer to what never reached a handler, from aiohttp's status and error."""


def plainly(status: int, error: BaseException | None) -> web.Response:
    """The refusal of a port for programs of our own: the status in words."""
    del error
    return web.Response(status=status, text=f"{HTTPStatus(status).phrase}\n")


class Connection(web.RequestHandler):
    """One client's connection."""

    __slots__ = ("_refuse",)

    def __init__(self, manager: web.Server, *, refuse: Refuse, **options: Any):
        super().__init__(manager, **options)
        self._refuse = refuse

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; one of aiohttp's own (no such path, …) is said in our words."""
        if isinstance(resp, web.HTTPException) and resp.status >= HTTPStatus.BAD_REQUEST:
            allow = resp.headers.get("Allow")
            resp = self._refuse(resp.status, resp)
            if allow is not None:
                resp.headers["Allow"] = allow
        if not resp.prepared:
            resp.headers["Server"] = NAME
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
        if isinstance(exc, HttpProcessingError):
            # Anybody may send nonsense, so it fills no log.
            self.logger.debug("A request could not be read", exc_info=exc)
        else:
            self.log_exception("A request was not handled", exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer is on its way already")
        response = self._refuse(status, exc)
        response.force_close()
        return response


class Runner(web.AppRunner):
    """Runs an application on `Connection`s.

    Args:
        refuse: words for what never reaches a handler.
        options: aiohttp's.
    """

    __slots__ = ("_refuse",)

    def __init__(self, app: web.Application, *, refuse: Refuse = plainly, **options: Any):
        super().__init__(app, access_log=None, logger=_quiet_logger(), **options)
        self._refuse = refuse

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Connections(
            made.request_handler,
            request_factory=made.request_factory,
            refuse=self._refuse,
            **self._kwargs,
        )


class _Connections(web.Server):
    def __init__(self, handler: Any, *, refuse: Refuse, **options: Any):
        super().__init__(handler, **options)
        self._refuse = refuse

    def __call__(self) -> web.RequestHandler:
        return Connection(self, refuse=self._refuse, loop=self._loop, **self._kwargs)


def _quiet_logger() -> logging.Logger:
    """aiohttp's log without the text of exceptions, which quotes the caller's bytes."""

    def drop_text(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0]:
            record.msg = f"{record.msg} ({record.exc_info[0].__name__})"
            record.exc_info = None
        return True

    logger = logging.Logger("aiohttp.server")
    logger.parent = logging.getLogger()
    logger.addFilter(drop_text)
    return logger
